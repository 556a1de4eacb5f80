"""Crop the regions of a person out of the frames of a clip."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from emoreact_plugin.clips.regions import REGIONS, Box, crop, extent_box, head_points, region_boxes
from emoreact_plugin.utils.errors import InputError
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CropRegions(BaseTransform):
    """Crop the regions of a person out of every frame.

    The box of a region is the extent of its points, see
    :func:`~emoreact_plugin.clips.regions.extent_box`. If a frame has no points
    for a region, or the box lies outside the frame, the whole frame is used as
    the crop and ``<region>_found`` is False.

    The crops of a region differ in size from frame to frame and may be views
    of the frames: the next transform has to be ``Resize(keep_ratio=False)``.

    Required Keys:

    - imgs (list[np.ndarray]): n frames (H, W, 3) uint8.
    - face_landmarks (np.ndarray): (n, 68, 2), pixels, NaN where missing.
    - body_keypoints (np.ndarray): (n, J, 2), pixels, NaN where missing.
    - body_is_pose (np.ndarray): (n, ) bool, True where joint j is joint j of
      MediaPipe's pose. Only for ``blackout_fallback``.
    - own_imgs (bool, optional): Whether nothing else holds these frames, as
      ``DecodeVideo`` says. Only for ``in_place``.

    Removed Keys:

    - imgs, if ``in_place`` has changed them.

    Added Keys:

    - <region>_imgs (list[np.ndarray]): n crops (h, w, 3) uint8.
    - <region>_boxes (np.ndarray): (n, 4) int64, x1, y1, x2, y2, right and
      bottom exclusive.
    - <region>_found (np.ndarray): (n, ) bool, False where the whole frame is
      used.

    Args:
        regions (Sequence[str]): Names of registered regions: ``'face'``,
            ``'body'``, ``'fullbody'`` or your own.
        blackout (dict[str, str], optional): Region -> the region that is
            filled with black in its crops. Defaults to the face in the body:
            ``dict(body='face')``.
        blackout_fallback (bool): Where the face to black out was not found,
            black out the box around the head of the pose instead, if at least
            half of its 11 points were seen, see
            :func:`~emoreact_plugin.clips.regions.head_points`. This needs the
            cache files of ``tools/extract_landmarks.py``, which keep the
            joints in their order. Defaults to False: the face then shows, as
            published.
        in_place (bool): Fill with black on the frames themselves, if the sample
            alone holds them (``own_imgs``), and remove them from the sample. It
            saves a copy of the body's crops. Defaults to False.

    Raises:
        InputError: For the name of a region that is not registered, or given
            twice; for a sample whose keypoints have no fixed joints, such as those of
            ``_hol.txt`` files, with ``blackout_fallback``.
    """

    needs_landmarks = True

    def __init__(
        self,
        regions: Sequence[str],
        blackout: dict[str, str] | None = None,
        blackout_fallback: bool = False,
        in_place: bool = False,
    ) -> None:
        if isinstance(regions, str):
            regions = (regions,)
        self.regions = tuple(regions)
        if len(set(self.regions)) < len(self.regions):
            raise InputError(f'regions: expected different ones, found {", ".join(self.regions)}')
        blackout = dict(body='face') if blackout is None else dict(blackout)
        self.blackout = {
            region: hidden for region, hidden in blackout.items() if region in self.regions
        }
        self.blackout_fallback = blackout_fallback
        self.in_place = in_place
        known = sorted(REGIONS.module_dict)
        for name in (*self.regions, *self.blackout.values()):
            if name not in known:
                raise InputError(
                    f"CropRegions: unknown region '{name}', expected one of {', '.join(known)}"
                )

    def transform(self, results: dict) -> dict:
        """Crop every region out of every frame of a sample."""
        imgs = results['imgs']
        faces, bodies = results['face_landmarks'], results['body_keypoints']
        shapes = np.array([img.shape[:2] for img in imgs])
        boxes = region_boxes({*self.regions, *self.blackout.values()}, faces, bodies, shapes)
        hidden_boxes = dict(boxes)
        if self.blackout_fallback and 'face' in self.blackout.values():
            heads = self._heads(results)
            hidden_boxes['face'] = [
                face or head for face, head in zip(boxes['face'], heads, strict=True)
            ]
        in_place = self.in_place and bool(self.blackout) and results.get('own_imgs', False)
        # What is not to be black is cut out first.
        *_, last = regions = sorted(self.regions, key=self.blackout.__contains__)
        for region in regions:
            black = self.blackout.get(region)
            hidden = [None] * len(imgs) if black is None else hidden_boxes[black]
            whole = [(0, 0, img.shape[1], img.shape[0]) for img in imgs]
            used = [box or all_ for box, all_ in zip(boxes[region], whole, strict=True)]
            crops = [
                crop(img, box, part, in_place and region == last)
                for img, box, part in zip(imgs, used, hidden, strict=True)
            ]
            if in_place and region != last:
                crops = [each.copy() for each in crops]
            results[f'{region}_imgs'] = crops
            results[f'{region}_boxes'] = np.array(used).reshape(-1, 4)
            results[f'{region}_found'] = np.array(
                [box is not None for box in boxes[region]], dtype=bool
            )
        if in_place:
            del results['imgs']
        return results

    @staticmethod
    def _heads(results: dict) -> list[Box | None]:
        bodies = results['body_keypoints']
        there = np.isfinite(bodies).all(axis=2).any(axis=1)
        if (there & ~results['body_is_pose']).any():
            raise InputError(
                'CropRegions(blackout_fallback=True): expected keypoints whose joints have a fixed '
                'order, from tools/extract_landmarks.py, found others, such as those of _hol.txt '
                'files, which do not tell where the head is'
            )
        return [
            extent_box(head_points(body), img.shape[:2])
            for body, img in zip(bodies, results['imgs'], strict=True)
        ]

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(regions={self.regions}, blackout={self.blackout}, '
            f'blackout_fallback={self.blackout_fallback}, in_place={self.in_place})'
        )

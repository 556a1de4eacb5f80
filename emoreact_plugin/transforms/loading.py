from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from emoreact_plugin.clips.crops import read_crops, read_record
from emoreact_plugin.clips.landmark_cache import load_prepared
from emoreact_plugin.video.reading import read_frames
from mmaction.registry import TRANSFORMS

from .crop_regions import CropRegions


def _source_frames(results: dict) -> int | None:
    return results.get('source_frames', results.get('total_frames'))


@TRANSFORMS.register_module()
class DecodeVideo(BaseTransform):
    """Read exactly the sampled frames of a video.

    MMAction2's OpenCV decoder returns other frames than asked for on many
    videos, and its PyAV decoder starts over at the first frame when it is
    asked for one past the end; this one does neither.

    Required Keys:

    - filename (str)
    - frame_inds (np.ndarray): (n, ) int, counted from the video's first, 0.
    - source_frames (int, optional): The video's true count of frames, where
      it is known; where it is missing, ``total_frames``.

    Added Keys:

    - imgs (list[np.ndarray]): n frames (H, W, 3) uint8, RGB.
    - img_shape (tuple[int, int])
    - original_shape (tuple[int, int])

    Raises:
        ValueError: When the video cannot be decoded or has no such frame; it
            names the file.
    """

    def transform(self, results: dict) -> dict:
        imgs = read_frames(
            results['filename'], np.ravel(results['frame_inds']), _source_frames(results)
        )
        results['imgs'] = imgs
        results['img_shape'] = results['original_shape'] = imgs[0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'


@TRANSFORMS.register_module()
class LoadLandmarks(BaseTransform):
    """Load the face landmarks and body keypoints of the sampled frames.

    Required Keys:

    - landmarks_file, keypoints_file (str | None): The clip's prepared file,
      which holds both (``EmoReactDataset`` makes it); None where there are no
      landmarks at all.
    - frame_inds (np.ndarray): (n, ) int.
    - start_index (int): The number of the clip's first frame.
    - total_frames (int): Of the clip.
    - first_frame, source_frames (int, optional): Where the clip is a part of
      a video: the clip's first frame, counted from the video's, and how many
      the video has.
    - img_shape (tuple[int, int])

    Added Keys:

    - face_landmarks (np.ndarray): (n, 68, 2) float32, pixels of the full
      frame (x, y), NaN where the face was not found.
    - body_keypoints (np.ndarray): (n, J, 2) float32, pixels, NaN where a
      joint was not seen.
    - face_is_box (np.ndarray): (n, ) bool, True where only the box of the
      face is known: its landmarks are the corners, many times over.

    Raises:
        ValueError: When the prepared file cannot be read, has not as many
            frames as the clip, or frames of another size than its landmarks
            were found in.
    """

    def transform(self, results: dict) -> dict:
        # Frame files may count from 1 (or anything else); landmarks are
        # stored by position.
        inds = np.ravel(results['frame_inds']) - results['start_index']
        inds = inds + results.get('first_frame', 0)
        faces, bodies = results['landmarks_file'], results['keypoints_file']
        files = {faces, bodies} - {None}
        clips = {file: load_prepared(file) for file in files}
        height, width = results['img_shape']
        for file, clip in clips.items():
            self._check(file, clip, _source_frames(results), (width, height))
        results['face_landmarks'] = (
            np.full((len(inds), 68, 2), np.nan, np.float32)
            if faces is None
            else clips[faces].face_landmarks[inds]
        )
        results['face_is_box'] = (
            np.zeros(len(inds), bool) if faces is None else clips[faces].face_is_box[inds]
        )
        results['body_keypoints'] = (
            np.full((len(inds), 1, 2), np.nan, np.float32)
            if bodies is None
            else clips[bodies].body_keypoints[inds] * np.float32([width, height])
        )
        return results

    @staticmethod
    def _check(file: str, clip, total_frames: int, size: tuple) -> None:
        if clip.total_frames != total_frames:
            raise ValueError(
                f'{file}: prepared for {clip.total_frames} frames, but the clip has {total_frames}'
            )
        if tuple(clip.frame_size) != size:
            raise ValueError(
                f'{file}: the landmarks belong to frames of '
                f'{clip.frame_size[0]}x{clip.frame_size[1]} pixels, but the '
                f'frames are {size[0]}x{size[1]}'
            )

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'


@TRANSFORMS.register_module()
class LoadCrops(BaseTransform):
    """Load the prepared crops of the sampled frames.

    In place of ``DecodeVideo``, ``LoadLandmarks``, ``DrawFaceMask`` and
    ``CropRegions``, for a data set with ``data_prefix=dict(crops=...)``.

    Required Keys:

    - crops_dir (str): The clip's folder, see
      :mod:`~emoreact_plugin.clips.crops`.
    - frame_inds (np.ndarray): (n, ) int.

    Added Keys:

    - <region>_imgs (list[np.ndarray]): n crops (size, size, 3) uint8, RGB.
    - <region>_boxes (np.ndarray): (n, 4) int64, x1, y1, x2, y2 in pixels of
      the frame, right and bottom exclusive.
    - <region>_found (np.ndarray): (n, ) bool, False where the whole frame
      stands in.
    - masked (np.ndarray): (n, ) bool, whether there is a mask in the frame.
    - img_shape (tuple[int, int])

    Args:
        regions (Sequence[str]): Names of regions that were prepared.

    Raises:
        FileNotFoundError: Without the record ``crops.json``.
        KeyError: For a region that was not prepared.
        ValueError: When a file cannot be read; it names the file.
    """

    def __init__(self, regions: Sequence[str]) -> None:
        crop = CropRegions(regions)  # it checks them
        self.regions, self.blackout = crop.regions, crop.blackout

    def transform(self, results: dict) -> dict:
        folder, inds = results['crops_dir'], np.ravel(results['frame_inds'])
        crops = read_record(folder)
        for region in self.regions:
            if region not in crops.boxes:
                raise KeyError(
                    f"{folder}: expected crops of '{region}', found {', '.join(crops.boxes)}"
                )
            results[f'{region}_imgs'] = read_crops(folder, region, inds)
            results[f'{region}_boxes'] = crops.boxes[region][inds]
            results[f'{region}_found'] = crops.found[region][inds]
        results['masked'] = crops.masked[inds]
        results['img_shape'] = results[f'{region}_imgs'][0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(regions={self.regions})'

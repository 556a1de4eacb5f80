"""Load the frames, landmarks or prepared crops of a clip."""

import os.path as osp
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from emoreact_plugin.clips.cache_file import stamp_of
from emoreact_plugin.clips.crops import (
    FILE_NAME,
    PreparedCrops,
    check_prepared,
    read_crops,
    read_record,
)
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.utils.bounded_cache import BoundedCache
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.video.folders import read_frame_files
from emoreact_plugin.video.reading import read_frames
from mmaction.registry import TRANSFORMS

from .crop_regions import CropRegions

# Of each worker: the landmarks of some 600 clips of 150 frames, or the records of their crops.
MEMORY = 64_000_000
_landmarks = BoundedCache[Landmarks](MEMORY, lambda value: sum(each.nbytes for each in value))
_records = BoundedCache[PreparedCrops](MEMORY, lambda value: value.nbytes)


@TRANSFORMS.register_module()
class DecodeVideo(BaseTransform):
    """Read exactly the sampled frames of a clip, a video or a folder of frames.

    MMAction2's OpenCV decoder returns other frames than asked for on many
    videos, and its PyAV decoder starts over at the first frame when it is
    asked for one past the end. This one does neither. Frames in a folder are
    converted to RGB while they are decoded, which ``RawFrameDecode`` does
    afterwards.

    Required Keys:

    - filename (str): The video; or frame_dir and filename_tmpl (str), the folder
      and the names of its frames.
    - frame_inds (np.ndarray): (n, ) int, counted from 0, the first frame of the
      video; in a folder, the numbers in the names of the frames.
    - source_frames (int, optional): The true number of frames of the video, if
      it is known; if it is missing, ``total_frames`` is used.

    Added Keys:

    - imgs (list[np.ndarray]): n frames (H, W, 3) uint8, RGB.
    - own_imgs (bool): True: nothing else holds these frames, so that a
      transform may draw on them.
    - img_shape (tuple[int, int])
    - original_shape (tuple[int, int])

    Raises:
        InputError: If the video cannot be decoded or has no such frame. The
            message names the file.
    """

    # A data set asks its transforms, see `check_order`.
    loads_frames = True

    def transform(self, results: dict) -> dict:
        """Read the sampled frames from the video file or folder."""
        inds = np.ravel(results['frame_inds'])
        if 'frame_dir' in results:
            imgs = read_frame_files(results['frame_dir'], results['filename_tmpl'], inds)
        else:
            frames = results.get('source_frames', results.get('total_frames'))
            imgs = read_frames(results['filename'], inds, frames)
        results.update(imgs=imgs, own_imgs=True)
        results['img_shape'] = results['original_shape'] = imgs[0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'


@TRANSFORMS.register_module()
class LoadLandmarks(BaseTransform):
    """Load the face landmarks and body keypoints of the sampled frames.

    Required Keys:

    - landmarks_file, keypoints_file (str | None): The clip's cache file,
      which holds both (``EmoReactDataset`` makes it); None if there are no
      landmarks or no keypoints at all.
    - frame_inds (np.ndarray): (n, ) int.
    - start_index (int): The number of the clip's first frame.
    - total_frames (int): Number of frames of the clip.
    - first_frame, source_frames (int, optional): For a clip that is a part of a
      video, its first frame, counted from the video's first, and the number of
      frames of the video.
    - img_shape (tuple[int, int])
    - imgs (list[np.ndarray], optional): n frames; all must have this shape.

    Added Keys:

    - face_landmarks (np.ndarray): (n, 68, 2) float32, pixels of the full
      frame (x, y), NaN where the face was not found.
    - body_keypoints (np.ndarray): (n, J, 2) float32, pixels, NaN where a
      joint was not seen.
    - face_is_box (np.ndarray): (n, ) bool, True where only the box of the
      face is known: its landmarks are the corners, repeated.
    - body_is_pose (np.ndarray): (n, ) bool, True where joint j is joint j of
      MediaPipe's pose.

    Args:
        max_gap (int): The longest gap between two frames with a face, in
            frames, in which the face is interpolated, see
            :func:`~emoreact_plugin.clips.landmarks.fill_gaps`. All frames of
            the video are looked at, not only the sampled ones. Bodies are not
            interpolated, because keypoint files may leave out joints. Defaults
            to 0: none, as published.

    Raises:
        InputError: If the cache file cannot be read, has another number of
            frames than the clip's video, or belongs to frames of another size;
            if the frames differ in size;
            if ``max_gap`` is not a whole number from 0.
    """

    needs_landmarks = True
    loads_frames = True

    def __init__(self, max_gap: int = 0) -> None:
        self.max_gap = check_max_gap(max_gap)

    def transform(self, results: dict) -> dict:
        """Load the landmarks of the sampled frames from the cache file."""
        # Frame files may count from 1 (or anything else); landmarks are
        # stored by position.
        inds = np.ravel(results['frame_inds']) - results['start_index']
        inds = inds + results.get('first_frame', 0)
        height, width = results['img_shape']
        for img in results.get('imgs', ()):
            if img.shape[:2] != (height, width):
                raise InputError(
                    f'expected frames of {width}x{height} pixels, whose landmarks are known, found '
                    f'one of {img.shape[1]}x{img.shape[0]}'
                )
        files = results['landmarks_file'], results['keypoints_file']
        source = f"clip '{results['video_id']}'" if 'video_id' in results else 'the clip'
        frames = results['source_frames' if 'source_frames' in results else 'total_frames']
        landmarks = _landmarks.get(
            (*files, *map(_identity, dict.fromkeys(files)), frames, width, height, self.max_gap),
            lambda: Landmarks.load(*files, source, frames, (width, height)).filled(self.max_gap),
        )
        results.update(landmarks.of(inds).to_sample())
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(max_gap={self.max_gap})'


def _identity(path: str | None) -> tuple | None:
    """Return what is another after a file was changed; None without a file."""
    try:
        return None if path is None else tuple(stamp_of(path).values())
    except FileNotFoundError:
        return (path,)  # whoever reads it says so


def check_max_gap(value: int) -> int:
    """Return the longest gap that is filled; refuse anything but a whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f'max_gap: expected a number of frames, 0 or more, found {value!r}')
    return value


@TRANSFORMS.register_module()
class LoadCrops(BaseTransform):
    """Load the prepared crops of the sampled frames.

    It replaces ``DecodeVideo``, ``LoadLandmarks``, ``DrawFaceMask`` and
    ``CropRegions`` for a data set with ``data_prefix=dict(crops=...)``.

    Required Keys:

    - crops_dir (str): The clip's folder, see
      :mod:`~emoreact_plugin.clips.crops`.
    - frame_inds (np.ndarray): (n, ) int.

    Added Keys:

    - <region>_imgs (list[np.ndarray]): n crops (size, size, 3) uint8, RGB.
    - <region>_boxes (np.ndarray): (n, 4) int64, x1, y1, x2, y2 in pixels of
      the frame, right and bottom exclusive.
    - <region>_found (np.ndarray): (n, ) bool, False where the whole frame is
      used.
    - masked (np.ndarray): (n, ) bool, True where there is a mask in the frame.
    - own_crops (bool): True: nothing else holds these crops.
    - img_shape (tuple[int, int])

    Args:
        regions (Sequence[str]): Names of regions that were prepared.
        max_gap (int): The ``max_gap`` that the crops were prepared with, see
            ``LoadLandmarks``. Inference uses it too. Defaults to 0.

    Raises:
        FileNotFoundError: Without the record ``crops.json``.
        InputError: For a region that was not prepared, or another ``max_gap``.
        InputError: If a file cannot be read. The message names the file.
    """

    loads_frames = True

    def __init__(self, regions: Sequence[str], max_gap: int = 0) -> None:
        self.max_gap = check_max_gap(max_gap)
        crop = CropRegions(regions)  # it checks them
        self.regions, self.blackout = crop.regions, crop.blackout

    def transform(self, results: dict) -> dict:
        """Load the crops of the sampled frames from the clip's folder."""
        folder, inds = results['crops_dir'], np.ravel(results['frame_inds'])
        crops = _records.get(_identity(osp.join(folder, FILE_NAME)), lambda: read_record(folder))
        check_prepared(folder, crops, self.regions, self.max_gap)
        for region in self.regions:
            results[f'{region}_imgs'] = read_crops(folder, region, inds.tolist())
            results[f'{region}_boxes'] = crops.boxes[region][inds]
            results[f'{region}_found'] = crops.found[region][inds]
        results.update(masked=crops.masked[inds], own_crops=True)
        results['img_shape'] = results[f'{region}_imgs'][0].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(regions={self.regions}, max_gap={self.max_gap})'

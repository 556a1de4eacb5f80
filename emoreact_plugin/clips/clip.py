"""Open a clip: its frames, and the landmarks of the person in them."""

import os.path as osp
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from itertools import islice

import numpy as np

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.video.folders import read_image, scan_frames
from emoreact_plugin.video.reading import (
    USUAL_RATE,
    frame_times,
    iterate_frames,
    read_frames,
    select_frames,
    video_info,
)
from emoreact_plugin.video.writing import FRAME_NAME

from .cache_file import CachedClip
from .clip_files import ClipFiles, find_clip
from .landmark_cache import cache_video, default_cache_dir, fill_cache
from .landmarks import Landmarks, check_fits


class Clip:
    """Read the frames and landmarks of a video or of a folder of numbered frames.

    Args:
        path (str): The video file, or the folder.
        landmarks (str, optional): Folder of the landmark files, of any kind
            that ``EmoReactDataset`` reads. Defaults to None: the folder that
            holds the clip.
        detect (Callable, optional): Finds the landmarks of a video now,
            instead of reading any. It is called with the path of the video.
        use_landmarks (bool): If False, no landmarks are looked for and whole
            frames are used. Defaults to True.
        cache_dir (str, optional): Folder of the cache files, see
            ``EmoReactDataset``.
        filename_tmpl (str): The names of frames in a folder.
        video (str, optional): The name that the names of the landmark files
            start with, such as ``80sTOYS105_2.mp4``, relative to their folder.
            Defaults to None: the clip's own name.
        person (str, optional): Which of several people the landmark files are
            of, see ``EmoReactDataset``. Defaults to None.

    Attributes:
        path, name (str): The clip's path, and the last part of it.
        total_frames (int): Number of frames.
        size (tuple[int, int]): Width and height of a frame in pixels.
        fps (float): Frames a second, 0.0 if unknown.
        landmarks (Landmarks): The landmarks of all frames.
        has_landmarks, has_keypoints (bool): Whether there are files of the
            face and of the body.

    Raises:
        FileNotFoundError: If the clip, or the folder of landmarks, is missing.
        InputError: If the clip or its landmark file cannot be read, or the
            two do not belong together.
    """

    def __init__(
        self,
        path: str,
        landmarks: str | None = None,
        detect: Callable[[str], CachedClip] | None = None,
        use_landmarks: bool = True,
        cache_dir: str | None = None,
        filename_tmpl: str = FRAME_NAME,
        video: str | None = None,
        person: str | None = None,
    ) -> None:
        self.path = path
        self.name = osp.basename(osp.normpath(path))
        self.filename_tmpl = filename_tmpl if osp.isdir(path) else None
        if landmarks is not None and not osp.isdir(landmarks):
            raise FileNotFoundError(f'{landmarks}: no such folder of landmarks')
        if self.filename_tmpl:
            frames = scan_frames(path, filename_tmpl)
            self._start_index = frames.start_index
            self.total_frames = frames.total_frames
            self.size, self.fps = (frames.width, frames.height), 0.0
        else:
            info = video_info(path)
            self.total_frames, self.fps = info.total_frames, info.fps
            self.size = (info.width, info.height)
        self._whole, self._offset = self.total_frames, 0
        self.landmarks = Landmarks.none(self.total_frames)
        self.has_landmarks = self.has_keypoints = False
        if detect is not None:
            self.has_landmarks = self.has_keypoints = True
            self.landmarks = self._detected(detect)
        elif use_landmarks:
            beside = landmarks or osp.dirname(osp.normpath(path))
            files = find_clip(video or self.name, path, beside, beside, self.filename_tmpl, person)
            self._read_landmarks(files, cache_dir or default_cache_dir())

    @classmethod
    def of_files(cls, files: ClipFiles, cache_dir: str) -> 'Clip':
        """Open a clip whose files are known, such as those that a data set names.

        Args:
            files (ClipFiles): Its files.
            cache_dir (str): Folder of the cache files.
        """
        clip = cls(files.source, None, use_landmarks=False, filename_tmpl=files.filename_tmpl or '')
        clip._read_landmarks(files, cache_dir)
        return clip

    def part(self, start: int, end: int | None = None) -> 'Clip':
        """Return some consecutive frames of the clip, as a clip of their own.

        Args:
            start (int): The first frame, counted from 0.
            end (int, optional): The frame after the last. Defaults to None:
                the end of the clip.

        Raises:
            InputError: If the clip does not have these frames.
        """
        stop = self.total_frames if end is None else end
        if not 0 <= start < stop <= self.total_frames:
            raise InputError(
                f'{self.path}: expected a part of its {self.total_frames} frames, found '
                f'{start} to {stop}'
            )
        part = copy(self)
        part.landmarks = self.landmarks.of(np.arange(start, stop))
        part.total_frames, part._offset = stop - start, self._offset + start
        return part

    def filled(self, max_gap: int) -> 'Clip':
        """Return the clip with short gaps of the face filled, see ``LoadLandmarks``."""
        clip = copy(self)
        clip.landmarks = self.landmarks.filled(max_gap)
        return clip

    def completed(self, detect: Callable[[str], CachedClip]) -> 'Clip':
        """Return the clip with what its files lack, the face or the body, found now.

        Args:
            detect (Callable): Finds the landmarks of a video. It is called with the path.
        """
        found, own = self._detected(detect), self.landmarks
        clip = copy(self)
        if not self.has_landmarks:
            own = own._replace(face=found.face, face_is_box=found.face_is_box)
        if not self.has_keypoints:
            own = own._replace(body=found.body, body_is_pose=found.body_is_pose)
        clip.landmarks, clip.has_landmarks, clip.has_keypoints = own, True, True
        return clip

    def _detected(self, detect: Callable[[str], CachedClip]) -> Landmarks:
        found = detect(self.path)
        check_fits(found, self.path, self.path, self.total_frames, self.size)
        return Landmarks.of_cached(found)

    def _read_landmarks(self, files: ClipFiles, cache_dir: str) -> None:
        self.has_landmarks = files.landmarks is not None
        self.has_keypoints = files.keypoints is not None
        if not (self.has_landmarks or self.has_keypoints):
            return
        if self.filename_tmpl:
            prepared = fill_cache([files], cache_dir, True)[0][0]
        else:
            prepared = cache_video(files, cache_dir)
        self.landmarks = Landmarks.load(
            prepared if self.has_landmarks else None,
            prepared if self.has_keypoints else None,
            self.path,
            self.total_frames,
            self.size,
        )

    def frames(self) -> Iterator[np.ndarray]:
        """Yield every frame, (H, W, 3) uint8, RGB."""
        if self.filename_tmpl:
            yield from map(self._image, range(self.total_frames))
        else:
            stop = self._offset + self.total_frames
            yield from islice(iterate_frames(self.path), self._offset, stop)

    def select(self, inds: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield some frames in their order, each once and with its index.

        Args:
            inds (Iterable[int]): Frame indices, counted from 0, in any order.

        Yields:
            tuple[int, np.ndarray]: The index, and the frame, (H, W, 3) uint8, RGB.
        """
        inds = sorted(set(map(int, inds)))
        if self.filename_tmpl:
            yield from ((k, self._image(k)) for k in inds)
        else:
            for k, frame in select_frames(self.path, [k + self._offset for k in inds]):
                yield k - self._offset, frame

    def times(self) -> np.ndarray:
        """Return the time at which each frame is shown.

        Returns:
            np.ndarray: (T, ) float64, seconds from the first frame on. For a
            folder of frames, there are 25 frames a second.
        """
        if not self.filename_tmpl:
            times = frame_times(self.path)
            if len(times) == self._whole:
                times = times[self._offset : self._offset + self.total_frames]
                return times - times[0]
        return np.arange(self.total_frames) / (self.fps or float(USUAL_RATE))

    def read(self, inds: Sequence[int] | np.ndarray) -> list[np.ndarray]:
        """Read some frames.

        Args:
            inds (Sequence[int] | np.ndarray): Frame indices, counted from 0.

        Returns:
            list[np.ndarray]: (H, W, 3) uint8, RGB, in the order of ``inds``.
        """
        if not self.filename_tmpl:
            return read_frames(self.path, np.asarray(inds) + self._offset, self._whole)
        return [self._image(int(k)) for k in inds]

    def _image(self, index: int) -> np.ndarray:
        number = self._start_index + self._offset + index
        path = osp.join(self.path, (self.filename_tmpl or FRAME_NAME).format(number))
        return read_image(path, self.size)

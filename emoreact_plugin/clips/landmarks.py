"""Hold the landmarks of some frames of one person, and make samples of these frames."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emoreact_plugin.utils.errors import InputError

from .cache_file import CachedClip, load_cached
from .regions import Box, has_face, region_boxes

# Region -> a box for each frame, None where the region was not found.
Boxes = dict[str, list[Box | None]]


class Landmarks(NamedTuple):
    """Landmarks of n frames of one person.

    Attributes:
        face (np.ndarray): (n, 68, 2) float32, pixels, NaN where not found.
        body (np.ndarray): (n, J, 2) float32, pixels, NaN where not seen.
        face_is_box (np.ndarray): (n, ) bool, True where only the box of the
            face is known.
        body_is_pose (np.ndarray): (n, ) bool, True where joint j of the body
            is joint j of MediaPipe's pose.
    """

    face: np.ndarray
    body: np.ndarray
    face_is_box: np.ndarray
    body_is_pose: np.ndarray

    @classmethod
    def none(cls, count: int) -> 'Landmarks':
        """Return landmarks of ``count`` frames in which nothing is known."""
        return cls(
            np.full((count, 68, 2), np.nan, np.float32),
            np.full((count, 1, 2), np.nan, np.float32),
            np.zeros(count, bool),
            np.zeros(count, bool),
        )

    def of(self, inds: Sequence[int] | np.ndarray) -> 'Landmarks':
        """Return the landmarks of some frames, chosen by their positions."""
        return Landmarks(*(each[inds] for each in self))

    def filled(self, max_gap: int) -> 'Landmarks':
        """Return the landmarks with short gaps of the face filled, see :func:`fill_gaps`."""
        if not max_gap:  # nothing to look for, as in most trainings, for every sample
            return self
        face, is_box = fill_gaps(self.face, self.face_is_box, max_gap)
        return self._replace(face=face, face_is_box=is_box)

    def boxes(self, regions: Sequence[str], size: tuple[int, int]) -> Boxes:
        """Find the boxes of registered regions in frames of a size, width and height in pixels."""
        return region_boxes(regions, self.face, self.body, size[::-1])

    def to_sample(self) -> dict[str, np.ndarray]:
        """Return the landmarks under the keys that they have in a sample."""
        return dict(
            face_landmarks=self.face,
            body_keypoints=self.body,
            face_is_box=self.face_is_box,
            body_is_pose=self.body_is_pose,
        )

    @classmethod
    def of_cached(cls, clip: CachedClip) -> 'Landmarks':
        """Return the landmarks that a cache file holds, of all frames."""
        return cls(
            clip.face_landmarks,
            clip.body_keypoints * np.array(clip.frame_size, np.float32),
            clip.face_is_box,
            np.full(clip.total_frames, clip.body_is_pose),
        )

    @classmethod
    def load(
        cls,
        landmarks_file: str | None,
        keypoints_file: str | None,
        source: str,
        total_frames: int,
        size: tuple[int, int],
    ) -> 'Landmarks':
        """Load the landmarks of all frames of a clip from its cache file.

        Args:
            landmarks_file (str | None): The cache file that the face is taken from; None for
                unknown faces.
            keypoints_file (str | None): The cache file that the body is taken from; None for
                unknown bodies.
            source (str): The path of the clip, for messages.
            total_frames (int): Number of frames of the clip.
            size (tuple[int, int]): Width and height of its frames in pixels.

        Raises:
            InputError: If a file cannot be read, and see :func:`check_fits`.
        """
        found: dict[str | None, Landmarks] = {None: cls.none(total_frames)}
        for file in (landmarks_file, keypoints_file):
            if file is not None and file not in found:
                clip = load_cached(file)
                check_fits(clip, file, source, total_frames, size)
                found[file] = cls.of_cached(clip)
        face, body = found[landmarks_file], found[keypoints_file]
        return cls(face.face, body.body, face.face_is_box, body.body_is_pose)


def fill_gaps(
    face: np.ndarray, face_is_box: np.ndarray, max_gap: int
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate the face linearly in short gaps between two frames with a face.

    Each of the 68 points moves in equal steps from where it was before the gap to where it is
    after it; a point that is missing on either side stays missing. If only the box of the face is
    known on one side, the box is interpolated. Gaps at the start and end of a clip are not filled.

    Args:
        face (np.ndarray): (T, 68, 2), of consecutive frames, NaN where not found.
        face_is_box (np.ndarray): (T, ) bool, True where only the box of the face is known.
        max_gap (int): The longest gap that is filled, in frames.

    Returns:
        tuple[np.ndarray, np.ndarray]: Both, with the gaps filled. The arguments are not changed.
    """
    seen = np.flatnonzero(has_face(face))
    gaps = np.diff(seen) - 1
    face, face_is_box = face.copy(), face_is_box.copy()
    for k in np.flatnonzero((gaps > 0) & (gaps <= max_gap)):
        before, after = seen[k], seen[k + 1]
        first, last = face[before], face[after]
        only_box = face_is_box[before] or face_is_box[after]
        if only_box:
            first, last = _corners(first), _corners(last)
        inside = slice(before + 1, after)
        steps = np.arange(1, gaps[k] + 1, dtype=face.dtype)[:, None, None] / (gaps[k] + 1)
        face[inside] = first + steps * (last - first)
        face_is_box[inside] = only_box
    return face, face_is_box


def _corners(points: np.ndarray) -> np.ndarray:
    """Return the corners of the extent of 68 points, repeated 17 times."""
    (left, top), (right, bottom) = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    box = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return np.tile(np.array(box, points.dtype), (len(points) // 4, 1))


def check_fits(
    clip: CachedClip, file: str, source: str, total_frames: int, size: tuple[int, int]
) -> None:
    """Refuse landmarks that belong to other frames than those of their clip.

    Args:
        clip (CachedClip): The landmarks.
        file (str): The path of their file, for the message.
        source (str): The path of the clip, for the message.
        total_frames (int): Number of frames of the clip.
        size (tuple[int, int]): Width and height of its frames in pixels.

    Raises:
        InputError: If they are of another number of frames, or another size.
    """
    expected, found = (total_frames, *size), (clip.total_frames, *clip.frame_size)
    if expected != found:
        raise InputError(
            f'{file}: has landmarks of {found[0]} frames of {found[1]}x{found[2]} pixels, but '
            f'{source} has {total_frames} of {size[0]}x{size[1]}. Prepare them anew'
        )


def with_frames(sample: dict, frames: list[np.ndarray], landmarks: Landmarks) -> dict:
    """Return a sample with frames and landmarks, as the loading steps of a pipeline leave it.

    Args:
        sample (dict): The sample; it is not changed.
        frames (list[np.ndarray]): n frames (H, W, 3) uint8, RGB.
        landmarks (Landmarks): The landmarks of these frames.
    """
    shape = frames[0].shape[:2]
    return dict(sample, imgs=frames, img_shape=shape, original_shape=shape, **landmarks.to_sample())

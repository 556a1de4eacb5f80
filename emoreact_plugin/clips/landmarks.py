"""Hold the landmarks of some frames of one person, and make samples of these frames."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from emoreact_plugin.utils.errors import InputError

from .cache_file import CachedClip, load_cached


class Landmarks(NamedTuple):
    """Landmarks of n frames of one person.

    Attributes:
        face (np.ndarray): (n, 68, 2) float32, pixels, NaN where not found.
        body (np.ndarray): (n, J, 2) float32, pixels, NaN where not seen.
        face_is_box (np.ndarray): (n, ) bool, True where only the box of the
            face is known.
    """

    face: np.ndarray
    body: np.ndarray
    face_is_box: np.ndarray

    @classmethod
    def none(cls, count: int) -> 'Landmarks':
        """Return landmarks of ``count`` frames in which nothing is known."""
        return cls(
            np.full((count, 68, 2), np.nan, np.float32),
            np.full((count, 1, 2), np.nan, np.float32),
            np.zeros(count, bool),
        )

    def of(self, inds: Sequence[int] | np.ndarray) -> 'Landmarks':
        """Return the landmarks of some frames, chosen by their positions."""
        return Landmarks(*(each[inds] for each in self))

    def to_sample(self) -> dict[str, np.ndarray]:
        """Return the landmarks under the keys that they have in a sample."""
        return dict(
            face_landmarks=self.face, body_keypoints=self.body, face_is_box=self.face_is_box
        )

    @classmethod
    def of_cached(cls, clip: CachedClip) -> 'Landmarks':
        """Return the landmarks that a cache file holds, of all frames."""
        return cls(
            clip.face_landmarks,
            clip.body_keypoints * np.array(clip.frame_size, np.float32),
            clip.face_is_box,
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
        return cls(face.face, body.body, face.face_is_box)


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


def clip_sample(video_id: str, total_frames: int, start_index: int = 0, **source: Any) -> dict:
    """Return what the sample of a clip starts from, before any frame is chosen.

    Args:
        video_id (str): The clip's id.
        total_frames (int): Number of frames of the clip.
        start_index (int): Number of its first frame: in a folder of frames, the number in the
            frame's name. Defaults to 0.
        **source: What else is known, such as ``filename``, ``frame_dir`` or ``label``.
    """
    return dict(video_id=video_id, total_frames=total_frames, start_index=start_index, **source)


def with_frames(sample: dict, frames: list[np.ndarray], landmarks: Landmarks) -> dict:
    """Return a sample with frames and landmarks, as the loading steps of a pipeline leave it.

    Args:
        sample (dict): The sample; it is not changed.
        frames (list[np.ndarray]): n frames (H, W, 3) uint8, RGB.
        landmarks (Landmarks): The landmarks of these frames.
    """
    shape = frames[0].shape[:2]
    return dict(sample, imgs=frames, img_shape=shape, original_shape=shape, **landmarks.to_sample())

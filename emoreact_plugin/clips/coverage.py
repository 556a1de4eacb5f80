"""In which frames of a clip a face and a body were found."""

from typing import NamedTuple

import numpy as np

from .landmark_cache import PreparedClip


class Coverage(NamedTuple):
    """In which frames of a clip something was found, each (F, ) bool.

    Attributes:
        face (np.ndarray): The face, or its box.
        body (np.ndarray): The body.
        box (np.ndarray): Only the box of the face.
    """

    face: np.ndarray
    body: np.ndarray
    box: np.ndarray

    def part(self, frames: slice) -> 'Coverage':
        """Of some of the frames."""
        return Coverage(*(each[frames] for each in self))


def coverage_of(clip: PreparedClip) -> Coverage:
    """Where at least half of the face's landmarks are there, and any of the
    body's keypoints.

    Args:
        clip (PreparedClip): Of F frames.

    Returns:
        Coverage
    """
    points = np.isfinite(clip.face_landmarks).all(axis=2).sum(axis=1)
    return Coverage(
        2 * points >= clip.face_landmarks.shape[1],
        np.isfinite(clip.body_keypoints).all(axis=2).any(axis=1),
        clip.face_is_box,
    )

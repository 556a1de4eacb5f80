"""Tell in which frames of a clip a face and a body were found."""

from typing import NamedTuple

import numpy as np

from .landmarks import Landmarks
from .regions import has_face


class Coverage(NamedTuple):
    """Flags that tell in which frames of a clip a face and a body were found.

    Each array is (F, ) bool, with one value for each frame.

    Attributes:
        face (np.ndarray): True where the face, or only its box, was found.
        body (np.ndarray): True where the body was found.
        box (np.ndarray): True where only the box of the face is known.
    """

    face: np.ndarray
    body: np.ndarray
    box: np.ndarray

    def part(self, frames: slice) -> 'Coverage':
        """Return the coverage of some of the frames."""
        return Coverage(*(each[frames] for each in self))


def coverage_of(landmarks: Landmarks) -> Coverage:
    """Find the frames of a clip that show a face, and those that show a body.

    A frame shows a face if at least half of the face's landmarks are there,
    and a body if any of the body's keypoints is there.

    Args:
        landmarks (Landmarks): The landmarks of F frames.

    Returns:
        Coverage: One value for each of the F frames.
    """
    return Coverage(
        has_face(landmarks.face),
        np.isfinite(landmarks.body).all(axis=2).any(axis=1),
        landmarks.face_is_box,
    )

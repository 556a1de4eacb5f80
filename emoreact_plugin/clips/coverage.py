"""Tell in which frames of a clip a face and a body were found, and which are close-ups."""

from typing import NamedTuple

import numpy as np

from .landmarks import Landmarks
from .regions import extent_boxes, has_face, share_covered


class Coverage(NamedTuple):
    """Flags that tell in which frames of a clip a face and a body were found.

    Each array is (F, ) bool, with one value for each frame.

    Attributes:
        face (np.ndarray): True where the face, or only its box, was found.
        body (np.ndarray): True where the body was found.
        box (np.ndarray): True where only the box of the face is known.
        black (np.ndarray): True where a ``body`` crop, in which the face is
            blacked out, is mostly black: the box of the face covers more than
            half of that of the body, or of the whole frame without a body.
    """

    face: np.ndarray
    body: np.ndarray
    box: np.ndarray
    black: np.ndarray

    def part(self, frames: slice) -> 'Coverage':
        """Return the coverage of some of the frames."""
        return Coverage(*(each[frames] for each in self))


def coverage_of(landmarks: Landmarks, size: tuple[int, int]) -> Coverage:
    """Find the frames of a clip that show a face, and those that show a body.

    A frame shows a face or a body if there is a box for it to cut out of the
    frame: that of the region ``face`` or ``fullbody``.

    Args:
        landmarks (Landmarks): The landmarks of F frames.
        size (tuple[int, int]): Width and height of a frame in pixels.

    Returns:
        Coverage: One value for each of the F frames.
    """
    faces, face = extent_boxes(landmarks.face, size[::-1])
    bodies, body = extent_boxes(landmarks.body, size[::-1])
    face &= has_face(landmarks.face)
    bodies[~body] = (0, 0, *size)
    black = face & (share_covered(bodies, faces) > 0.5)
    return Coverage(face, body, landmarks.face_is_box & face, black)

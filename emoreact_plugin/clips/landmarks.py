"""Hold the landmarks of some frames of one person."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


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

    def of(self, inds: Sequence[int]) -> 'Landmarks':
        """Return the landmarks of some frames, chosen by their positions."""
        return Landmarks(*(each[inds] for each in self))

"""Where the regions of a clip are, frame by frame."""

from collections.abc import Sequence

import numpy as np

from .landmarks import Landmarks
from .regions import REGIONS, Box, extent_box

Boxes = dict[str, list[Box | None]]


def boxes_of(landmarks: Landmarks, regions: Sequence[str], size: tuple[int, int]) -> Boxes:
    """Where the regions are in n frames.

    Args:
        landmarks (Landmarks): Of the frames.
        regions (Sequence[str]): Registered names.
        size (tuple[int, int]): Width and height of a frame, pixels.

    Returns:
        dict[str, list]: Region -> n boxes, None where it was not found.
    """
    return {
        region: [
            extent_box(REGIONS.get(region)(face, body), size[::-1])
            for face, body in zip(landmarks.face, landmarks.body, strict=True)
        ]
        for region in regions
    }


def shares_found(boxes: Boxes, first: int, stop: int) -> dict[str, float]:
    """Region -> the share of some frames in which it was found."""
    return {
        region: float(np.mean([box is not None for box in each[first:stop]]))
        for region, each in boxes.items()
    }

"""Find the boxes of a clip's regions, frame by frame."""

from collections.abc import Sequence

import numpy as np

from .landmarks import Landmarks
from .regions import Box, region_boxes

Boxes = dict[str, list[Box | None]]


def boxes_of(landmarks: Landmarks, regions: Sequence[str], size: tuple[int, int]) -> Boxes:
    """Find the boxes of the regions in n frames.

    Args:
        landmarks (Landmarks): Landmarks of the n frames.
        regions (Sequence[str]): Names of registered regions.
        size (tuple[int, int]): Width and height of a frame in pixels.

    Returns:
        dict[str, list]: Region -> n boxes, None in a frame where the region
        was not found.
    """
    return {
        region: region_boxes(region, landmarks.face, landmarks.body, size[::-1])
        for region in regions
    }


def shares_found(boxes: Boxes, first: int, stop: int) -> dict[str, float]:
    """Return the share of some frames in which each region was found.

    Args:
        boxes (dict[str, list]): The result of :func:`boxes_of`.
        first (int): The first of these frames.
        stop (int): The frame after the last one.

    Returns:
        dict[str, float]: Region -> share, 0..1.
    """
    return {
        region: float(np.mean([box is not None for box in each[first:stop]]))
        for region, each in boxes.items()
    }

"""Choose where in a frame to search for a face or body, and judge whose face it is."""

from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

# Larger frames are made smaller: the models look at 256 pixels at most.
MAX_SIDE = 1280
# Around a face that was just seen it is looked for in so many of its sizes.
NEIGHBORHOOD = 3
# The body in so many.
BODY_NEIGHBORHOOD = 6
# How far a region goes along with the detected one, which trembles.
FOLLOW = 0.4
EYE_CORNERS = (33, 263)  # of the mesh


@dataclass(frozen=True)
class Box:
    """Box of a face: its centre and size in pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def around(cls, points: np.ndarray) -> 'Box':
        """Make the box around some points, without those that are NaN."""
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        return cls(*((low + high) / 2).tolist(), *(high - low).tolist())

    @property
    def size(self) -> float:
        """Return the longer side."""
        return max(self.width, self.height)

    def corners(self) -> np.ndarray:
        """Return the four corners, float32 (4, 2)."""
        half = np.array([self.width, self.height], np.float32) / 2
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
        return np.array([self.x, self.y], np.float32) + signs * half

    def scaled(self, x: float, y: float) -> 'Box':
        """Return the box with its pixels multiplied by a factor, in x and in y."""
        return Box(x * self.x, y * self.y, x * self.width, y * self.height)

    def towards(self, other: 'Box', part: float) -> 'Box':
        """Return the box that lies between this one and another."""
        mine, its = np.array(astuple(self)), np.array(astuple(other))
        return Box(*(mine + part * (its - mine)).tolist())

    def distance(self, x: float, y: float) -> float:
        """Return the distance of a point from the centre, as a multiple of the face's size."""
        return float(np.hypot(x - self.x, y - self.y) / max(self.size, 1.0))


@dataclass(frozen=True)
class Region:
    """Rotated square that a model looks at.

    Centre and side are in pixels, the angle is in radians, clockwise as seen.
    """

    x: float
    y: float
    size: float
    angle: float

    def grown(self, times: float) -> 'Region':
        """Return the region with its side multiplied by a factor."""
        return replace(self, size=times * self.size)


class Detection(NamedTuple):
    """Detected head, with the region in which to look at it or at its body."""

    box: Box
    region: Region


def mesh_region(points: np.ndarray) -> Region:
    """Choose the region in which to search for the mesh next, as mediapipe's own graph does.

    Args:
        points (np.ndarray): (468, 2), in pixels.

    Returns:
        Region: With the eyes level, and 1.5 times as large as the extent of the points.
    """
    right, left = points[list(EYE_CORNERS)].astype(float)
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    box = Box.around(points @ turn)
    x, y = turn @ (box.x, box.y)
    return Region(float(x), float(y), 1.5 * box.size, angle)


def steadied(before: Region | None, now: Region) -> Region:
    """Smooth a region, which would otherwise tremble like the detected faces.

    Args:
        before (Region, optional): The region of the previous frame.
        now (Region): The face that is detected now.

    Returns:
        Region: Between both; ``now`` if they differ in position or size by more than a tenth of its
        size, or in angle by more than 0.2 radians.
    """
    if before is None:
        return now
    start = np.array(astuple(before))
    change = np.array(astuple(now)) - start
    if (np.abs(change[:3]) > 0.1 * now.size).any() or abs(change[3]) > 0.2:
        return now
    return Region(*(start + FOLLOW * change).tolist())


def body_region(center: np.ndarray, edge: np.ndarray) -> Region:
    """Choose the region in which to search for a body, as mediapipe's own graph does.

    Args:
        center (np.ndarray): (2,), in pixels: the middle of the hips.
        edge (np.ndarray): (2,), a point of the circle around the body, above its head.

    Returns:
        Region: With the body upright.
    """
    x, y = (edge - center).astype(float)
    return Region(
        float(center[0]),
        float(center[1]),
        1.25 * 2 * float(np.hypot(x, y)),
        float(np.arctan2(x, -y)),
    )


def merit(box: Box, width: int, height: int, choice: str = 'largest') -> float:
    """Rate a face by its place and size; the highest is chosen.

    Args:
        box (Box): The face.
        width (int): Width of the frame.
        height (int): Height of the frame.
        choice (str): ``'largest'``: by the area in square pixels. ``'central'``: by the nearness to
            the middle of the frame. ``'left'`` or ``'right'``: by the nearness to this side, as
            seen. Defaults to ``'largest'``.
    """
    if choice == 'central':
        return -float(np.hypot(box.x - width / 2, box.y - height / 2))
    if choice in ('left', 'right'):
        return box.x if choice == 'right' else -box.x
    return box.width * box.height


def are_same(box: Box, before: Box, away: int) -> bool:
    """Tell whether a face may be the one that was seen before.

    Args:
        box (Box): The face.
        before (Box): Where the other was seen last.
        away (int): For how many frames it has not been seen: a head moves on meanwhile.
    """
    reach = min(0.7 + 0.1 * away, 1.5)
    return before.distance(box.x, box.y) < reach and 0.5 < box.size / max(before.size, 1.0) < 2


def shrunk(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shrink a frame to the size that the models need.

    The second result is what its pixels have to be multiplied by, x and y.
    """
    height, width = frame.shape[:2]
    ratio = MAX_SIDE / max(height, width)
    if ratio >= 1:
        return np.ascontiguousarray(frame), np.ones(2, np.float32)
    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
    image = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return image, np.array([width / size[0], height / size[1]], np.float32)


def body_around(face: Box) -> Box:
    """Return a box of a face's size in the middle of the body that carries the face."""
    return replace(face, y=face.y + 1.5 * face.size)


def cut_out(
    image: np.ndarray, face: Box, times: float = NEIGHBORHOOD
) -> tuple[np.ndarray, tuple[int, int]]:
    """Cut out the neighbourhood of a face, and return it with its corner in the image."""
    half = max(times * face.size / 2, 16)
    height, width = image.shape[:2]
    x = int(np.clip(face.x - half, 0, max(width - 2 * half, 0)))
    y = int(np.clip(face.y - half, 0, max(height - 2 * half, 0)))
    side = int(2 * half)
    return np.ascontiguousarray(image[y : y + side, x : x + side]), (x, y)

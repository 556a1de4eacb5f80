"""Where in a frame to look for a face or a body, and whose face it is."""

from typing import NamedTuple

import cv2
import numpy as np

# Larger frames are made smaller: the models look at 256 pixels at most.
MAX_SIDE = 1280
# Around a face that was just seen it is looked for in so many of its sizes.
NEIGHBOURHOOD = 3
# How far a region goes along with the detected one, which trembles.
FOLLOW = 0.4
EYE_CORNERS = (33, 263)  # of the mesh


class Box(NamedTuple):
    """A face: its centre and size in pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def around(cls, points: np.ndarray) -> 'Box':
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        return cls(*((low + high) / 2).tolist(), *(high - low).tolist())

    @property
    def size(self) -> float:
        return max(self.width, self.height)

    def corners(self) -> np.ndarray:
        """float32 (4, 2)."""
        half = np.float32([self.width, self.height]) / 2
        signs = np.float32([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        return np.float32([self.x, self.y]) + signs * half

    def distance(self, x: float, y: float) -> float:
        """From its centre, in sizes of the face."""
        return float(np.hypot(x - self.x, y - self.y) / max(self.size, 1.0))


class Region(NamedTuple):
    """A turned square that a model looks at: centre and side in pixels, angle
    in radians, clockwise as seen.
    """

    x: float
    y: float
    size: float
    angle: float

    def grown(self, times: float) -> 'Region':
        return self._replace(size=times * self.size)


class Detection(NamedTuple):
    """A head that was detected, and where to look at it, or at its body."""

    box: Box
    region: Region


def mesh_region(points: np.ndarray) -> Region:
    """Where the mesh looks for a face next, as mediapipe's own graph does.

    Args:
        points (np.ndarray): (468, 2), pixels.

    Returns:
        Region: With the eyes level, half as large again as the points' extent.
    """
    right, left = points[list(EYE_CORNERS)].astype(float)
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    box = Box.around(points @ turn)
    x, y = turn @ (box.x, box.y)
    return Region(float(x), float(y), 1.5 * box.size, angle)


def steadied(before: Region | None, now: Region) -> Region:
    """A region that trembles less than the faces that are detected.

    Args:
        before (Region, optional): That of the frame before.
        now (Region): The face that is detected now.

    Returns:
        Region: Between both; ``now`` where they are apart by more than a
        tenth of its size, or turned by more than 0.2 radians.
    """
    if before is None:
        return now
    change = np.abs(np.subtract(now, before))
    if (change[:3] > 0.1 * now.size).any() or change[3] > 0.2:
        return now
    return Region(*(b + FOLLOW * (n - b) for b, n in zip(before, now, strict=True)))


def body_region(centre: np.ndarray, edge: np.ndarray) -> Region:
    """Where the pose model looks for a body, as mediapipe's own graph does.

    Args:
        centre (np.ndarray): (2,), pixels: the middle of the hips.
        edge (np.ndarray): (2,), a point of the circle around the body, above
            its head.

    Returns:
        Region: With the body upright.
    """
    x, y = (edge - centre).astype(float)
    return Region(
        float(centre[0]),
        float(centre[1]),
        1.25 * 2 * float(np.hypot(x, y)),
        float(np.arctan2(x, -y)),
    )


def plausibility(box: Box, width: int, height: int) -> float:
    """How likely a face is the one that a clip is about: large and central.

    Args:
        box (Box): The face.
        width, height (int): Of the frame.

    Returns:
        float: Its area in square pixels, less towards the edge: half of it
        where the distance from the middle is a quarter of the diagonal.
    """
    off = np.hypot(box.x - width / 2, box.y - height / 2)
    return box.width * box.height / (1 + (4 * off / np.hypot(width, height)) ** 2)


def shrunk(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frame, not larger than the models need, and what its pixels have
    to be multiplied by.
    """
    height, width = frame.shape[:2]
    ratio = MAX_SIDE / max(height, width)
    if ratio >= 1:
        return np.ascontiguousarray(frame), np.float32([1, 1])
    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
    image = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return image, np.float32([width / size[0], height / size[1]])


def cut_out(image: np.ndarray, face: Box) -> tuple[np.ndarray, tuple[int, int]]:
    """The neighbourhood of a face, and its corner in the image."""
    half = max(NEIGHBOURHOOD * face.size / 2, 16)
    height, width = image.shape[:2]
    x = int(np.clip(face.x - half, 0, max(width - 2 * half, 0)))
    y = int(np.clip(face.y - half, 0, max(height - 2 * half, 0)))
    side = int(2 * half)
    return np.ascontiguousarray(image[y : y + side, x : x + side]), (x, y)

"""Turn a region of a frame into the input of a model, and its output into detections and points.

This is what mediapipe's graphs do around their models, with the options that they have there.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .regions import Region

MIN_SCORE = 0.5
# Detections that overlap more are one.
MAX_OVERLAP = 0.3
# A joint is refined within so many cells of its heatmap to each side.
HEATMAP_REACH = 4


class Found(NamedTuple):
    """A detection, in pixels of the image.

    Attributes:
        box (np.ndarray): float64 (4,): left, top, right, bottom.
        keypoints (np.ndarray): float32 (K, 2).
    """

    box: np.ndarray
    keypoints: np.ndarray


def whole(image: np.ndarray) -> Region:
    """Return the smallest square around an image, which is larger than it where it is no square."""
    height, width = image.shape[:2]
    return Region(width / 2, height / 2, max(width, height), 0.0)


def cut_square(image: np.ndarray, region: Region, side: int, low: float, border: int) -> np.ndarray:
    """Cut a region out of an image as the input of a model.

    Args:
        image (np.ndarray): (H, W, 3) uint8, RGB.
        region (Region): The region, turned upright in the result.
        side (int): Side of the result in pixels.
        low (float): What black becomes; white becomes 1.
        border (int): OpenCV's mode for what is beyond the image.

    Returns:
        np.ndarray: (1, side, side, 3) float32.
    """
    to_side = cv2.invertAffineTransform(_to_image(region, side))
    part = cv2.warpAffine(image, to_side, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
    picture = np.multiply(part, np.float32((1 - low) / 255), dtype=np.float32)
    if low:
        picture += np.float32(low)
    return picture[None]


def to_pixels(points: np.ndarray, region: Region) -> np.ndarray:
    """Map points (..., 2) in fractions of a region to pixels of the image, float32."""
    matrix = _to_image(region, 1)
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def _to_image(region: Region, side: int) -> np.ndarray:
    """Return the affine map (2, 3) from a cut-out of ``side`` pixels to the image."""
    scale = region.size / side
    a, b = scale * np.cos(region.angle), scale * np.sin(region.angle)
    half = side / 2
    return np.array(
        [[a, -b, region.x - half * (a - b)], [b, a, region.y - half * (b + a)]], np.float64
    )


def make_anchors(side: int, strides: tuple[int, ...], each: int) -> np.ndarray:
    """Make the centres (N, 2) of the anchors of a detector, in fractions of its input.

    Args:
        side (int): Side of the input in pixels.
        strides (tuple[int, ...]): Of each layer, in pixels. Layers of one stride are interleaved.
        each (int): Anchors a layer has at a place.
    """
    found = []
    for stride in dict.fromkeys(strides):
        count = -(-side // stride)
        y, x = (np.mgrid[:count, :count].reshape(2, -1) + 0.5) / count
        found.append(np.repeat(np.stack([x, y], 1), each * strides.count(stride), axis=0))
    return np.concatenate(found).astype(np.float32)


def detections(
    values: np.ndarray,
    logits: np.ndarray,
    anchors: np.ndarray,
    region: Region,
    side: int,
    least: float,
) -> list[Found]:
    """Decode the output of a detector, and join detections that overlap, weighted by their scores.

    Args:
        values (np.ndarray): float32 (N, 4 + 2 K): x, y, width, height and K key points, in pixels
            of the input from the anchor.
        logits (np.ndarray): float32 (N,).
        anchors (np.ndarray): (N, 2), see :func:`make_anchors`.
        region (Region): What the detector looked at.
        side (int): Side of its input in pixels.
        least (float): The score from which it counts.

    Returns:
        list[Found]: The most certain first.
    """
    scores = sigmoid(logits)
    kept = np.flatnonzero(scores >= least)
    kept = kept[np.argsort(-scores[kept], kind='stable')]
    points = values[kept].reshape(len(kept), values.shape[1] // 2, 2) / side
    points[:, 0] += anchors[kept]
    points[:, 2:] += anchors[kept, None]
    half = points[:, 1] / 2
    corners = np.stack([points[:, 0] - half, points[:, 0] + half], 1)
    rows = np.concatenate([corners, points[:, 2:]], 1)  # (M, 2 + K, 2)
    weights, found = scores[kept], []
    while len(rows):
        same = _overlaps(rows[0, :2], rows[:, :2]) > MAX_OVERLAP
        same[0] = True
        share = weights[same] / weights[same].sum()
        mean = to_pixels(np.einsum('m,mkd->kd', share, rows[same]), region)
        found.append(Found(mean[:2].astype(np.float64).ravel(), mean[2:]))
        rows, weights = rows[~same], weights[~same]
    return found


def _overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the intersection over union of a box (2, 2) with others (M, 2, 2)."""
    low, high = np.maximum(box[0], others[:, 0]), np.minimum(box[1], others[:, 1])
    common = np.clip(high - low, 0, None).prod(axis=1)
    areas = (others[:, 1] - others[:, 0]).prod(axis=1)
    union = (box[1] - box[0]).prod() + areas - common
    return common / np.where(union > 0, union, 1)


def refined(points: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Move points to the middle of what the heatmaps show around them.

    Args:
        points (np.ndarray): (J, 2), in fractions of the input.
        heatmaps (np.ndarray): (H, W, J), logits.

    Returns:
        np.ndarray: (J, 2).
    """
    height, width, _ = heatmaps.shape
    column, row = (points * (width, height)).astype(int).T
    inside = (points >= 0).all(axis=1) & (column < width) & (row < height)
    reach = np.arange(-HEATMAP_REACH, HEATMAP_REACH + 1)
    columns, rows = column[:, None] + reach, row[:, None] + reach  # (J, R)
    weights = sigmoid(
        heatmaps[
            np.clip(rows, 0, height - 1)[:, :, None],
            np.clip(columns, 0, width - 1)[:, None, :],
            np.arange(len(points))[:, None, None],
        ]
    )
    weights *= ((rows >= 0) & (rows < height))[:, :, None]
    weights *= ((columns >= 0) & (columns < width))[:, None, :]
    total = weights.sum(axis=(1, 2))
    sure = inside & (weights.max(axis=(1, 2)) >= MIN_SCORE)
    total = np.where(sure, total, 1)
    x = (weights.sum(axis=1) * columns).sum(axis=1) / (total * width)
    y = (weights.sum(axis=2) * rows).sum(axis=1) / (total * height)
    return np.where(sure[:, None], np.stack([x, y], axis=1), points)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Return the logistic function of logits."""
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))

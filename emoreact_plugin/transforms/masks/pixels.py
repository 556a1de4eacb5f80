"""Fill polygons and take pixels, the way all parts of a mask do."""

from collections.abc import Sequence

import cv2
import numpy as np


def sixteenths(points: np.ndarray) -> np.ndarray:
    """Round pixels to sixteenths, int32, as OpenCV draws them."""
    return np.rint(points * 16).astype(np.int32, order='C')


def fill(layer: np.ndarray, points: np.ndarray, value: float | Sequence[float] = 255) -> None:
    """Fill a polygon, (n, 2) :func:`sixteenths` of a pixel, with smooth edges."""
    cv2.fillPoly(layer, [points], value, cv2.LINE_AA, 4)


def outline(layer: np.ndarray, *polygons: np.ndarray) -> None:
    """Fill polygons, likewise, and a pixel around them, wholly."""
    for polygon in polygons:
        cv2.fillPoly(layer, [polygon], 255, cv2.LINE_8, 4)
    cv2.polylines(layer, polygons, True, 255, 3, cv2.LINE_8, 4)


def medians(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Compute medians of rows of a few values; NumPy's takes several times as long.

    Args:
        values (np.ndarray): (m, n, c).
        there (np.ndarray): (m, n) bool, which of them count.

    Returns:
        np.ndarray: (m, c), infinite for a row of which none counts.
    """
    ordered = np.sort(np.where(there[..., None], values, np.inf), axis=1)
    rows, count = np.arange(len(values)), there.sum(axis=1)
    return (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2


def remap(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Take the pixels of a picture at places (h, w, 2) float32, x and y."""
    return cv2.remap(  # type: ignore[call-overload]  # OpenCV's types lack the None
        picture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )

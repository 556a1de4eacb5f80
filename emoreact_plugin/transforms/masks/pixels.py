"""Fill polygons and take pixels, the way all parts of a mask do."""

import cv2
import numpy as np


def fill(layer: np.ndarray, points: np.ndarray, value: int = 255) -> None:
    """Fill a polygon, exact to a sixteenth of a pixel, with smooth edges."""
    cv2.fillPoly(layer, [np.rint(points * 16).astype(np.int32)], value, cv2.LINE_AA, 4)


def remap(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Take the pixels of a picture at places (h, w, 2) float32, x and y."""
    return cv2.remap(  # type: ignore[call-overload]  # OpenCV's types lack the None
        picture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )

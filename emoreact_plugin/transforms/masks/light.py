"""Measure the light on a face, so that a mask can be drawn in it.

It is measured on the skin that stays bare. Otherwise the shading of the mask
would give away what it has to hide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import LEAST_SKIN, SKIN
from .pixels import medians, remap

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Light:
    """The light on a face.

    Attributes:
        white (np.ndarray): (3, ) float, RGB of a white thing in it, 0..255.
        right (float): Growth of the brightness to the right of the picture,
            as a share, for each half width of the face.
        down (float): The same downwards.
        noise (float): Standard deviation of the camera's noise, 0..255.
    """

    white: np.ndarray
    right: float
    down: float
    noise: float


_LUMA = np.array([0.299, 0.587, 0.114])


def measure_lights(
    frames: Sequence[np.ndarray],
    skin: np.ndarray,
    bare: np.ndarray,
    hidden: Sequence[Box | None],
) -> list[Light]:
    """Measure the light by the skin above the mask and by what is around the mask.

    Args:
        frames (Sequence[np.ndarray]): m frames, (H, W, 3) uint8 RGB.
        skin (np.ndarray): (m, len(SKIN), 2), pixels, where the points of ``SKIN`` are.
        bare (np.ndarray): (m, len(SKIN)) bool, whether a point lies within the frame.
        hidden (Sequence[tuple[int, int, int, int] | None]): The box of the mask in each frame: x1,
            y1, x2, y2, right and bottom exclusive. What is in it does not count as around the mask.

    Returns:
        list[Light]: One a frame; an even light if too little skin lies within it.
    """
    bright = [_brightest(*each) for each in zip(frames, hidden, strict=True)]
    known = np.flatnonzero(bare.sum(axis=1) >= LEAST_SKIN).tolist()
    lights = [Light(np.full(3, max(white, 60.0)), 0, 0, 0) for white in bright]
    if not known:
        return lights
    skin, bare = skin[known], bare[known]
    inside = bare[..., None]
    low = np.floor(np.where(inside, skin, np.inf).min(axis=1) - 1).clip(0).astype(int)
    high = np.ceil(np.where(inside, skin, -np.inf).max(axis=1) + 1).astype(int)
    patches: list[np.ndarray] = []
    colors = []
    for k, (x1, y1), (x2, y2) in zip(known, low.tolist(), high.tolist(), strict=True):
        patch = frames[k][y1:y2, x1:x2]
        small, steps = _shrink(patch)
        at = (skin[len(patches)] - (x1 + 0.5, y1 + 0.5)) / steps - 0.5
        patches.append(patch)
        colors.append(remap(small, at.astype(np.float32)[None])[0])
    color = np.array(colors, dtype=np.float64)
    planes = _fit_planes(np.log(color @ _LUMA + 8), bare)
    means = np.maximum((color * inside).sum(axis=1) / inside.sum(axis=1), 4)
    for k, plane, mean, patch in zip(known, planes.tolist(), means.tolist(), patches, strict=True):
        level, right, down = plane
        luma = math.exp(level) - 8
        # How dark the skin and how bright the light is cannot be told apart by
        # the skin alone; the brightest things around tell, within reason.
        white = _within(_within(1.05 * bright[k], 1.45 * luma, 2.6 * luma), 45, 240)
        # Skin in white light has some 1.5 times as much red as blue.
        warm = _within((mean[0] / mean[2] / 1.5) ** 0.2, 0.93, 1.07)
        lights[k] = Light(
            white * np.array([warm, 1, 1 / warm]),
            _within(1.4 * right, -0.5, 0.5),
            _within(1.4 * down, -0.5, 0.5),
            _measure_noise(patch),
        )
    return lights


def _shrink(patch: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Reduce the skin above the mask to some 24 columns and 12 rows.

    Returns:
        tuple: The small picture, and how many columns and rows of the patch one of its pixels is
        the mean of: whole numbers, which is much faster.
    """
    height, width = patch.shape[:2]
    right, down = max(width // 24, 1), max(height // 12, 1)
    few = width // right, height // down
    whole = patch[: few[1] * down, : few[0] * right]
    return cv2.resize(whole, few, interpolation=cv2.INTER_AREA), (right, down)


def _within(value: float, low: float, high: float) -> float:
    """Limit a number, much faster than ``np.clip``."""
    return min(max(value, low), high)


def _brightest(frame: np.ndarray, hidden: Box | None) -> float:
    """Measure how bright the brightest things around the mask are.

    Returns:
        float: 0..255; 0 if there is nothing around the mask.
    """
    height, width = frame.shape[:2]
    down, right = max(height // 24, 1), max(width // 40, 1)
    around = frame[::down, ::right, 1].copy()
    count = around.size
    if hidden is not None:
        x1, y1, x2, y2 = hidden
        behind = around[-(-y1 // down) : -(-y2 // down), -(-x1 // right) : -(-x2 // right)]
        count -= behind.size
        behind[:] = 255  # comes last
    if not count:
        return 0.0
    nearly_all = int(0.95 * (count - 1))
    return float(np.partition(around.ravel(), nearly_all)[nearly_all])


# Level, slope to the right and slope down at the points of SKIN, both slopes
# for each half width of the face; and how little the slopes are trusted.
_SLOPES = np.column_stack(
    [np.ones(len(SKIN)), SKIN[:, 0] / 75, (SKIN[:, 1] - SKIN[:, 1].mean()) / 75]
)
_DOUBT = np.diag((1e-3, 0.4, 1.0))


def _fit_planes(luma: np.ndarray, bare: np.ndarray) -> np.ndarray:
    """Fit a plane to the log brightness of the points of ``SKIN`` that are within each frame.

    Hair and glasses count little.

    Args:
        luma (np.ndarray): (m, len(SKIN)).
        bare (np.ndarray): (m, len(SKIN)) bool.

    Returns:
        np.ndarray: (m, 3), the level and the slopes.
    """
    planes = np.zeros((len(luma), 3))
    planes[:, :1] = medians(luma[..., None], bare)
    start = planes @ _DOUBT
    for _ in range(2):
        far = (luma - planes @ _SLOPES.T) / 0.25
        weighted = _SLOPES.T * (bare / (1 + far * far))[:, None]
        moments = weighted @ _SLOPES + _DOUBT
        values = weighted @ luma[..., None] + start[..., None]
        # OpenCV solves three small systems in less time than NumPy.
        planes = np.array([cv2.solve(m, v)[1][:, 0] for m, v in zip(moments, values, strict=True)])
    return planes


def _measure_noise(patch: np.ndarray) -> float:
    """Estimate the camera's noise on a patch of skin.

    It is measured by how much pixels of the smoother half differ from their
    neighbours.
    """
    gray = patch[::4, :, 1].astype(np.int16)
    rough = np.abs(2 * gray[:, 1:-1] - gray[:, 2:] - gray[:, :-2]).ravel()
    half = len(rough) // 2
    if not half:
        return 0.0
    # For noise of deviation 1 that has no direction this mean is 0.79.
    return float(min(np.partition(rough, half)[:half].sum() / half / 0.79, 6.0))

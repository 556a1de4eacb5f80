"""Draw the bands of a mask, which end at the ear, behind hair."""

from collections.abc import Sequence
from itertools import groupby

import cv2
import numpy as np

from .geometry import LEAST_SKIN, SKIN, STRAP_POINTS, Placement
from .pixels import fill, medians, remap, sixteenths

# How much the logarithms of brightness, red / green and blue / green may differ within skin. It was
# chosen on four real clips: dark hair and a white wall are beyond it, most ears are not.
_SKIN_RANGE = np.array([0.75, 0.25, 0.3])
# From the logarithms of red, green and blue to those three, in units of their ranges.
_HUES = np.array([(0, 1, 0), (1, -1, -1), (0, 0, 1)]) / _SKIN_RANGE
_CROSS = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])

# The neighbours of each point of a band.
_BEFORE = np.maximum(np.arange(STRAP_POINTS) - 1, 0)
_AFTER = np.minimum(np.arange(STRAP_POINTS) + 1, STRAP_POINTS - 1)
# How wide it is there: where it slips behind the ear it thins out.
_TAPER = np.minimum(1, 0.35 + np.arange(STRAP_POINTS)[::-1, None] / 3)


def seen_straps(frames: Sequence[np.ndarray], place: Placement, bare: np.ndarray) -> np.ndarray:
    """Tell how much of each band is seen: it vanishes where something other than skin begins.

    That is hair in front of it, or what is behind the head. Skin has the colour of the cheeks and
    of the forehead, in any light.

    Args:
        frames (Sequence[np.ndarray]): m frames, (H, W, 3) uint8 RGB.
        place (Placement): Where the masks are.
        bare (np.ndarray): (m, len(SKIN)) bool, whether a point of skin lies within its frame.

    Returns:
        np.ndarray: (m, bands, STRAP_POINTS - 1), 0..1, of the parts between its points.
    """
    shares = place.strap_shares[..., None]
    points = np.concatenate([place.skin, place.straps.reshape(len(bare), -1, 2)], axis=1)
    sigma = np.maximum(0.5, 1.5 * place.scale)[:, None, None, None]
    around = (points[:, :, None] + sigma * _CROSS).astype(np.float32)
    colors = np.array([remap(frame, at) for frame, at in zip(frames, around, strict=True)])
    # Brightness and colour, in ranges of skin.
    hues = np.log(colors.mean(axis=2) + 12) @ _HUES
    cheeks = medians(hues[:, : len(SKIN)], bare)
    cheeks[bare.sum(axis=1) < LEAST_SKIN] = np.nan
    away = hues[:, len(SKIN) :] - cheeks[:, None]
    far = np.sqrt(np.square(away).sum(axis=2)).reshape(place.straps.shape[:3])
    skin = ((1.5 - far) / 0.4).clip(0, 1)
    skin[np.isnan(skin)] = 1
    # The first points are on the mask's own rim.
    skin[..., :2] = 1
    return shares * np.minimum.accumulate(skin, axis=2)[..., 1:]


def strap_ribbons(place: Placement, width: float) -> np.ndarray:
    """Return the outline of each band, in :func:`sixteenths`: one edge, and the other one back.

    Args:
        place (Placement): Where the masks are.
        width (float): Of a band, millimetres.

    Returns:
        np.ndarray: (m, bands, 2 * STRAP_POINTS, 2) int32.
    """
    lines = place.straps
    along = lines[:, :, _AFTER] - lines[:, :, _BEFORE]
    along /= np.sqrt(np.square(along).sum(axis=3, keepdims=True)) + 1e-6
    half = along[..., ::-1] * (-1, 1) * _TAPER * (width / 2 * place.scale[:, None, None, None])
    return sixteenths(np.concatenate([lines + half, (lines - half)[:, :, ::-1]], axis=2))


def draw_straps(
    frame: np.ndarray,
    ribbons: np.ndarray,
    shares: np.ndarray,
    colors: Sequence[Sequence[float]],
) -> None:
    """Draw the bands of a mask on a frame, in place.

    Args:
        frame (np.ndarray): (H, W, 3) uint8.
        ribbons (np.ndarray): (bands, 2 * STRAP_POINTS, 2), see :func:`strap_ribbons`, right and
            left band in turn.
        shares (np.ndarray): (bands, STRAP_POINTS - 1), how much of their parts is seen.
        colors (Sequence[Sequence[float]]): RGB, 0..255, of those on the right and on the left.
    """
    end = 2 * STRAP_POINTS
    for k, (outline, parts) in enumerate(zip(ribbons, shares.tolist(), strict=True)):
        first = 0
        # Parts that are seen alike are one ribbon, which is faster than many.
        for share, alike in groupby(parts):
            last = first + len(list(alike))
            if share > 0:
                ribbon = outline[first : end - first]
                if last < STRAP_POINTS - 1:
                    back = outline[end - 1 - last : end - first]
                    ribbon = np.concatenate([outline[first : last + 1], back])
                if share == 1:
                    fill(frame, ribbon, colors[k % 2])
                else:
                    _fill_partly(frame, ribbon, colors[k % 2], share)
            first = last


def _fill_partly(
    frame: np.ndarray, points: np.ndarray, color: Sequence[float], share: float
) -> None:
    """Fill a polygon, (n, 2) :func:`sixteenths`, that lets through what is behind it, in place."""
    x1, y1 = np.maximum(points.min(axis=0) // 16 - 1, 0).tolist()
    x2, y2 = np.maximum(points.max(axis=0) // 16 + 2, 0).tolist()
    part = frame[y1:y2, x1:x2]
    if part.size:
        over = part.copy()
        fill(over, points - (16 * x1, 16 * y1), color)
        cv2.addWeighted(over, share, part, 1 - share, 0, dst=part)

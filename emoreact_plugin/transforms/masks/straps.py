"""Draw the bands of a mask, which end at the ear, behind hair."""

from itertools import groupby

import numpy as np

from .geometry import STRAP_POINTS, Placement
from .pixels import fill, median, remap, sixteenths

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


def seen_straps(frame: np.ndarray, place: Placement) -> np.ndarray:
    """Tell how much of each band is seen: it vanishes where something other than skin begins.

    That is hair in front of it, or what is behind the head. Skin has the colour of the cheeks and
    of the forehead, in any light.

    Returns:
        np.ndarray: (bands, STRAP_POINTS), 0..1.
    """
    lines, shares = place.straps, place.strap_shares[:, None]
    inside = ((place.skin >= 0) & (place.skin < frame.shape[1::-1])).all(axis=1)
    bare = place.skin[inside]
    if len(bare) < 4:
        return np.repeat(shares, STRAP_POINTS, axis=1)
    sigma = max(0.5, 1.5 * place.upright.scale)
    hues = _hues(frame, np.concatenate([bare, lines.reshape(-1, 2)]), sigma)
    away = hues[len(bare) :] - median(hues[: len(bare)])
    far = np.sqrt(np.square(away).sum(axis=1)).reshape(-1, STRAP_POINTS)
    skin = ((1.5 - far) / 0.4).clip(0, 1)
    # The first points are on the mask's own rim.
    skin[:, :2] = 1
    return shares * np.minimum.accumulate(skin, axis=1)


def _hues(frame: np.ndarray, points: np.ndarray, sigma: float) -> np.ndarray:
    """Measure brightness and colour around points (n, 2), in ranges of skin (n, 3)."""
    around = (points[:, None] + sigma * _CROSS).astype(np.float32)
    return np.log(remap(frame, around).mean(axis=1) + 12) @ _HUES


def strap_layers(
    place: Placement,
    shares: np.ndarray,
    width: float,
    right: float,
    corner: np.ndarray,
    size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Draw how much of each pixel the bands cover, and how much light they send.

    Args:
        place (Placement): Where they are.
        shares (np.ndarray): (bands, STRAP_POINTS), how much of them is seen.
        width (float): Of a band, millimetres.
        right (float): How the light grows to the right, see ``Light``.
        corner (np.ndarray): (2, ), the first pixel of the layers in the picture.
        size (tuple[int, int]): Width and height of the layers.

    Returns:
        tuple[np.ndarray, np.ndarray]: (h, w) uint8 each.
    """
    covered, lit = np.zeros((2, *size[::-1]), np.uint8)
    lines = place.straps - corner
    along = lines[:, _AFTER] - lines[:, _BEFORE]
    along /= np.sqrt(np.square(along).sum(axis=2, keepdims=True)) + 1e-6
    half = along[..., ::-1] * (-1, 1) * _TAPER * (width * place.upright.scale / 2)
    edges = zip(sixteenths(lines + half), sixteenths(lines - half), strict=True)
    parts = np.minimum(shares[:, :-1], shares[:, 1:]).tolist()
    for k, (edge, other) in enumerate(edges):
        side = min(max(220 * (1 + right * (-1) ** k), 0), 255)
        first = 0
        # Parts that are seen alike are one ribbon, which is faster than many.
        for share, alike in groupby(parts[k]):
            last = first + len(list(alike))
            if share:
                ribbon = np.concatenate([edge[first : last + 1], other[first : last + 1][::-1]])
                fill(covered, ribbon, int(255 * share))
                fill(lit, ribbon, int(side * share))
            first = last
    return covered, lit

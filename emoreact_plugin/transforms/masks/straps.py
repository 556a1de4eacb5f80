"""Draw the bands of a mask, which end at the ear, behind hair."""

import numpy as np

from .geometry import Placement
from .pixels import fill, remap

# How much the logarithms of brightness, red / green and blue / green may differ within skin. It was
# chosen on four real clips: dark hair and a white wall are beyond it, most ears are not.
_SKIN_RANGE = np.array([0.75, 0.25, 0.3])


def seen_straps(frame: np.ndarray, place: Placement) -> np.ndarray:
    """Tell how much of each band is seen: it vanishes where something other than skin begins.

    That is hair in front of it, or what is behind the head. Skin has the colour of the cheeks and
    of the forehead, in any light.

    Returns:
        np.ndarray: (bands, STRAP_POINTS), 0..1.
    """
    lines, height, width = place.straps, *frame.shape[:2]
    inside = np.all((place.skin >= 0) & (place.skin < (width, height)), axis=1)
    shares = np.repeat(place.strap_shares[:, None], lines.shape[1], axis=1)
    if inside.sum() < 4:
        return shares
    sigma = max(0.5, 1.5 * place.upright.scale)
    bare = np.median(_hues(frame, place.skin[inside][None], sigma)[0], axis=0)
    far = np.linalg.norm((_hues(frame, lines, sigma) - bare) / _SKIN_RANGE, axis=-1)
    skin = np.clip((1.5 - far) / 0.4, 0, 1)
    # The first points are on the mask's own rim.
    skin[:, :2] = 1
    return shares * np.minimum.accumulate(skin, axis=1)


def _hues(frame: np.ndarray, points: np.ndarray, sigma: float) -> np.ndarray:
    """Measure brightness and colour around points (..., 2), as logarithms (..., 3)."""
    offsets = sigma * np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
    around = (points[..., None, :] + offsets).astype(np.float32)
    flat = around.reshape(1, -1, 2)
    color = remap(frame, flat).reshape(*around.shape[:-1], 3).mean(axis=-2)
    red, green, blue = np.moveaxis(np.log(color + 12), -1, 0)
    return np.stack([green, red - green, blue - green], axis=-1)


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
    along = np.empty_like(lines)
    along[:, 1:-1] = lines[:, 2:] - lines[:, :-2]
    along[:, 0] = lines[:, 1] - lines[:, 0]
    along[:, -1] = lines[:, -1] - lines[:, -2]
    along /= np.linalg.norm(along, axis=2, keepdims=True) + 1e-6
    # Where a band slips behind the ear it thins out.
    taper = np.minimum(1, 0.35 + np.arange(lines.shape[1])[::-1, None] / 3)
    across = along[..., ::-1] * (-1, 1) * taper * (width * place.upright.scale / 2)
    for k, (line, half, seen) in enumerate(zip(lines, across, shares, strict=True)):
        side = np.clip(220 * (1 + right * (-1) ** k), 0, 255)
        parts = np.minimum(seen[:-1], seen[1:])
        # Parts that are seen alike are one ribbon, which is faster than many.
        edges = [0, *np.flatnonzero(np.diff(parts)) + 1, len(parts)]
        for first, last in zip(edges[:-1], edges[1:], strict=True):
            part, share = slice(first, last + 1), parts[first]
            if share:
                ribbon = np.concatenate([line[part] + half[part], (line[part] - half[part])[::-1]])
                fill(covered, ribbon, int(255 * share))
                fill(lit, ribbon, int(side * share))
    return covered, lit

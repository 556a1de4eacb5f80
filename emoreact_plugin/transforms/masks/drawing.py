"""Draw a medical mask on a face, with pure functions on arrays.

The light is measured on the skin that stays bare. Otherwise the shading of
the mask would give away what it has to hide.
"""

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from .geometry import (
    EYES,
    HIDDEN,
    JAW_AND_BROWS,
    SKIN,
    STEP,
    Placement,
    cloth_map,
    complete_landmarks,
    place_mask,
)
from .pixels import fill, median, outline, remap, sixteenths
from .shapes import COLUMNS, KINDS, ROWS, TEXTURE_SIZE, normals, texture
from .straps import seen_straps, strap_layers


class MaskLook(NamedTuple):
    """The look of a clip's mask.

    Attributes:
        kind (str): One of ``KINDS``.
        color (tuple[int, int, int]): RGB, 0..255.
        valve (bool): Whether it has an exhalation valve.
    """

    kind: str
    color: tuple[int, int, int]
    valve: bool = False


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


def draw_mask(frame: np.ndarray, points: np.ndarray, look: MaskLook) -> np.ndarray | None:
    """Draw a mask on one face.

    The polygon of the lips (48-59) and the tip of the nose (30-35) are
    covered wholly. The pixels of the eyes (36-47) do not change.

    Args:
        frame (np.ndarray): (H, W, 3) uint8 RGB. It is not changed.
        points (np.ndarray): (68, 2) landmarks, pixels, NaN where missing.
        look (MaskLook): The mask.

    Returns:
        np.ndarray | None: The masked frame, (H, W, 3) uint8; None if there is
        no face, or no part of the mask lies within the frame.
    """
    out = frame.copy()
    return out if draw_mask_on(out, points, look) else None


def draw_mask_on(frame: np.ndarray, points: np.ndarray, look: MaskLook) -> bool:
    """Draw a mask as :func:`draw_mask` does, on the frame itself; tell whether one was drawn."""
    whole = complete_landmarks(points)
    if whole is None:
        return False
    place = place_mask(look.kind, whole)
    if place is None:
        return False
    scale = place.upright.scale
    mesh = place.upright.to_pixels(place.mesh)
    seen = seen_straps(frame, place)
    box = _box(
        np.concatenate([mesh.reshape(-1, 2), place.straps[seen > 0], whole[HIDDEN]]),
        4 + 4 * scale,
        frame.shape,
    )
    if box is None:
        return False
    x1, y1, x2, y2 = box
    corner, size = np.array([x1, y1]), (x2 - x1, y2 - y1)
    points = whole - corner
    eyes = _eyes(points, size)
    alpha = cv2.subtract(_mask_layer(mesh - corner, points, size, scale), eyes)
    if not cv2.countNonZero(alpha):
        return False
    light = measure_light(frame, place.skin, box)
    cloth = _cloth(look, light, place, corner, size)
    cloth = _add_noise(cloth, light.noise, corner)
    bands, lit = (
        cv2.subtract(layer, eyes)
        for layer in strap_layers(
            place,
            seen,
            KINDS[look.kind].strap_width,
            light.right,
            corner,
            size,
        )
    )
    shadow = cv2.subtract(_shadow_layer(alpha, points, scale), eyes)
    part = frame[y1:y2, x1:x2]
    color = np.array(KINDS[look.kind].strap_color or look.color)
    _blend(part, _tinted(lit, light.white * color / 255), bands)
    # What the cloth does not cover, the shadow darkens.
    hidden = 255 - cv2.multiply(255 - alpha, 255 - shadow, scale=1 / 255)
    cloth = cv2.multiply(cloth, cv2.merge([alpha] * 3), scale=1 / 255)
    _blend(part, cloth, hidden)
    return True


def _cloth(
    look: MaskLook, light: Light, place: Placement, corner: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Draw the lit cloth as the camera sees it, (h, w, 3) uint8."""
    upright = place.upright
    where, low = cloth_map(place.mesh)
    # From pixels of the picture to the grid of the map.
    turn = upright.turn / (upright.scale * STEP)
    shift = turn @ (corner - upright.origin) - low / STEP
    # Every fourth pixel, then those between: much faster.
    matrix = np.column_stack([4 * turn, shift + turn @ (1.5, 1.5)])
    few = (-(-size[0] // 4), -(-size[1] // 4))
    where = cv2.warpAffine(
        where,
        matrix,
        few,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    where = cv2.resize(where, (4 * few[0], 4 * few[1]))[: size[1], : size[0]]
    cloth = _lit_texture(look, light)
    # A texture pixel is about half a millimetre.
    coarser = 0.55 / upright.scale
    if coarser > 0.6:
        cloth = cv2.GaussianBlur(cloth, (0, 0), 0.6 * coarser)
    return remap(cloth, where)


@cache
def _shades(kind: str) -> np.ndarray:
    """Return the brightness of a mask in even light, and what light from a side adds to it.

    Returns:
        np.ndarray: (3, ROWS * COLUMNS): in even light, by light from the right, from below.
    """
    x, y, z = normals(kind).reshape(-1, 3).T
    return np.stack([0.80 + 0.25 * z - 0.08 * y, x, y])


def _lit_texture(look: MaskLook, light: Light) -> np.ndarray:
    shade = (np.array((1, light.right, light.down)) @ _shades(look.kind)).clip(0.3, 1.2)
    # As bytes, 128 for 1: many times faster than floats.
    gain = (shade[:, None] * (light.white * (128 / 255))).clip(0, 255).astype(np.uint8)
    height, width = TEXTURE_SIZE
    gain = cv2.resize(gain.reshape(ROWS, COLUMNS, 3), (width, height))
    return cv2.multiply(texture(*look), gain, scale=1 / 128)


_LUMA = np.array([0.299, 0.587, 0.114])


def measure_light(
    frame: np.ndarray, skin: np.ndarray, hidden: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> Light:
    """Measure the light by the skin above the mask and by what is around the mask.

    Args:
        frame (np.ndarray): (H, W, 3) uint8 RGB.
        skin (np.ndarray): (len(SKIN), 2), pixels, where the points of
            ``SKIN`` are.
        hidden (tuple[int, int, int, int]): The box of the mask: x1, y1, x2,
            y2, right and bottom exclusive. What is in it does not count as
            around the mask.

    Returns:
        Light: An even light if too little skin lies within the frame.
    """
    height, width = frame.shape[:2]
    bright = _brightest(frame, hidden)
    inside = np.all((skin >= 1) & (skin < (width - 1, height - 1)), axis=1)
    bare = skin[inside]
    if len(bare) < 4:
        return Light(np.full(3, max(bright, 60.0)), 0, 0, 0)
    x1, y1 = np.floor(bare.min(axis=0) - 1).astype(int).tolist()
    x2, y2 = np.ceil(bare.max(axis=0) + 1).astype(int).tolist()
    x1, y1 = max(x1, 0), max(y1, 0)
    patch = frame[y1:y2, x1:x2]
    few = (24, 12)
    small = cv2.resize(patch, few, interpolation=cv2.INTER_AREA)
    at = (skin - (x1, y1)) / patch.shape[1::-1] * few - 0.5
    color = remap(small, at.astype(np.float32)[None])[0].astype(np.float64)
    level, right, down = _plane(np.log(color @ _LUMA + 8), inside).tolist()
    luma = math.exp(level) - 8
    # How dark the skin and how bright the light is cannot be told apart by
    # the skin alone; the brightest things around tell, within reason.
    white = _within(_within(1.05 * bright, 1.45 * luma, 2.6 * luma), 45, 240)
    red, _, blue = np.maximum(color[inside].mean(axis=0), 4).tolist()
    # Skin in white light has some 1.5 times as much red as blue.
    warm = _within((red / blue / 1.5) ** 0.2, 0.93, 1.07)
    return Light(
        white * np.array([warm, 1, 1 / warm]),
        _within(1.4 * right, -0.5, 0.5),
        _within(1.4 * down, -0.5, 0.5),
        _noise_of(patch),
    )


def _within(value: float, low: float, high: float) -> float:
    """Limit a number, much faster than ``np.clip``."""
    return min(max(value, low), high)


def _brightest(frame: np.ndarray, hidden: tuple[int, int, int, int]) -> float:
    """Measure how bright the brightest things around the mask are.

    Returns:
        float: 0..255; 0 if there is nothing around the mask.
    """
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = hidden
    down, right = max(height // 45, 1), max(width // 80, 1)
    around = frame[::down, ::right, 1]
    beside = np.ones(around.shape, bool)
    beside[-(-y1 // down) : -(-y2 // down), -(-x1 // right) : -(-x2 // right)] = False
    around = around[beside]
    if not len(around):
        return 0.0
    nearly_all = int(0.95 * (len(around) - 1))
    return float(np.partition(around, nearly_all)[nearly_all])


# Level, slope to the right and slope down at the points of SKIN, both slopes
# for each half width of the face; and how little the slopes are trusted.
_SLOPES = np.column_stack(
    [np.ones(len(SKIN)), SKIN[:, 0] / 75, (SKIN[:, 1] - SKIN[:, 1].mean()) / 75]
)
_DOUBT = np.diag((1e-3, 0.4, 1.0))


def _plane(luma: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Fit a plane to the log brightness of the points of ``SKIN`` that are inside the frame.

    Hair and glasses count little.

    Returns:
        np.ndarray: (3, ), the level and the slopes.
    """
    plane = np.array([median(luma[inside]), 0, 0])
    start = _DOUBT @ plane
    for _ in range(2):
        far = (luma - _SLOPES @ plane) / 0.25
        weighted = _SLOPES.T * (inside / (1 + far * far))
        plane = np.linalg.solve(weighted @ _SLOPES + _DOUBT, weighted @ luma + start)
    return plane


def _noise_of(patch: np.ndarray) -> float:
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
    return float(min(np.partition(rough, half)[:half].mean() / 0.79, 6.0))


@lru_cache(maxsize=1)
def _noise_tile() -> np.ndarray:
    """Make a tile of noise that repeats itself every 512 pixels.

    Returns:
        np.ndarray: (1024, 1024) uint8 of mean 128 and deviation 32.
    """
    noise = np.random.default_rng(0).normal(size=(512, 512))
    noise += 0.5 * (np.roll(noise, 1, axis=0) + np.roll(noise, 1, axis=1))
    tile = np.clip(128 + 32 * noise / noise.std(), 0, 255).astype(np.uint8)
    return np.tile(tile, (2, 2))


def _add_noise(cloth: np.ndarray, deviation: float, corner: np.ndarray) -> np.ndarray:
    """Add noise that stands still in the picture."""
    height, width = cloth.shape[:2]
    x, y = corner % 512
    tile = _noise_tile()[y : y + height, x : x + width]
    if tile.shape != (height, width):  # a very large face
        tile = cv2.resize(tile, (width, height))
    share = deviation / 32
    return cv2.addWeighted(cloth, 1, cv2.merge([tile] * 3), share, -128 * share)


def _box(
    points: np.ndarray, margin: float, frame_shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """Return the box of the frame that the mask can change, or None if it is empty."""
    height, width = frame_shape[:2]
    left, top = (points.min(axis=0) - margin).tolist()
    right, bottom = (points.max(axis=0) + margin).tolist()
    x1, y1 = max(math.floor(left), 0), max(math.floor(top), 0)
    x2, y2 = min(math.ceil(right), width), min(math.ceil(bottom), height)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _eyes(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw the eyes and a pixel around them as 255 in a layer, (h, w) uint8."""
    layer = np.zeros(size[::-1], np.uint8)
    outline(layer, *(sixteenths(points[eye]) for eye in EYES))
    return layer


# The outlines of strips of the mesh, by the numbers of its points: the outline of the whole mask
# crosses itself where it folds. They overlap: smooth edges side by side would leave a seam.
_STRIPS = [
    np.concatenate([strip[0], strip[1:-1, -1], strip[-1, ::-1], strip[-2:0:-1, 0]])
    for strip in (
        np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)[k : k + 5] for k in range(0, ROWS - 1, 3)
    )
]


def _mask_layer(
    mesh: np.ndarray, points: np.ndarray, size: tuple[int, int], scale: float
) -> np.ndarray:
    """Draw how much of each pixel the mask covers, (h, w) uint8."""
    layer = np.zeros(size[::-1], np.uint8)
    mesh = sixteenths(mesh.reshape(-1, 2))
    for strip in _STRIPS:
        fill(layer, mesh[strip])
    hidden = cv2.convexHull(points[HIDDEN].astype(np.float32))[:, 0]
    centre = hidden.mean(axis=0)
    fill(layer, sixteenths(centre + 1.15 * (hidden - centre)))
    layer = cv2.GaussianBlur(layer, (0, 0), max(0.5, 0.3 * scale))
    outline(layer, sixteenths(hidden))
    return layer


def _shadow_layer(alpha: np.ndarray, points: np.ndarray, scale: float) -> np.ndarray:
    """Draw how much the mask darkens the skin around it, (h, w) uint8."""
    face = np.zeros_like(alpha)
    fill(face, sixteenths(points[JAW_AND_BROWS]))
    # Blurring a quarter of the size is much faster.
    height, width = alpha.shape
    near = cv2.resize(alpha, (width // 4 + 1, height // 4 + 1))
    near = cv2.GaussianBlur(near, (0, 0), max(0.5, 0.55 * scale))
    near = cv2.resize(near, (width, height))
    return cv2.multiply(near, face, scale=0.5 / 255)


def _tinted(layer: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Turn a layer (h, w) uint8 into a picture (h, w, 3) uint8, where 255 becomes the color."""
    return cv2.merge([cv2.convertScaleAbs(layer, alpha=value / 255) for value in color])


def _blend(part: np.ndarray, added: np.ndarray, hidden: np.ndarray) -> None:
    """Hide a part of a picture and add another picture to it, in place.

    ``part = part * (1 - hidden / 255) + added``; ``part`` and ``added`` are
    (h, w, 3), ``hidden`` is (h, w), all uint8.
    """
    old = cv2.multiply(part, cv2.merge([255 - hidden] * 3), scale=1 / 255)
    cv2.add(old, added, dst=part)

"""Draw medical masks on faces, with pure functions on arrays."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from .geometry import EYES, HIDDEN, JAW_AND_BROWS, cloth_maps, place_masks
from .light import Box, Light, measure_lights
from .pixels import fill, outline, remap, sixteenths
from .shapes import COLUMNS, FULL, KINDS, ROWS, normals, texture
from .straps import draw_straps, seen_straps, strap_ribbons


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


def draw_mask(frame: np.ndarray, points: np.ndarray, look: MaskLook) -> np.ndarray | None:
    """Draw a mask on one face.

    Args:
        frame (np.ndarray): (H, W, 3) uint8 RGB. It is not changed.
        points (np.ndarray): (68, 2) landmarks, pixels, NaN where missing.
        look (MaskLook): The mask.

    Returns:
        np.ndarray | None: The masked frame, (H, W, 3) uint8; None if there is
        no face, or no part of the mask lies within the frame.
    """
    out = frame.copy()
    return out if draw_masks([out], points[None], look)[0] else None


def draw_masks(frames: Sequence[np.ndarray], faces: np.ndarray, look: MaskLook) -> np.ndarray:
    """Draw a mask on the face in each frame of a clip, in place.

    The polygon of the lips (48-59) and the tip of the nose (30-35) are
    covered wholly. The pixels of the eyes (36-47) do not change.

    Args:
        frames (Sequence[np.ndarray]): n frames of one size, (H, W, 3) uint8 RGB.
        faces (np.ndarray): (n, 68, 2) landmarks, pixels, NaN where missing.
        look (MaskLook): The mask.

    Returns:
        np.ndarray: (n, ) bool, False where there is no face, or no part of the mask lies within
        the frame.
    """
    drawn = np.zeros(len(frames), dtype=bool)
    place = place_masks(look.kind, faces)
    if not len(place.which):
        return drawn
    # What is only a few numbers is worked out for all frames at once: a call of NumPy takes nearly
    # as long for one of them.
    frames = [frames[k] for k in place.which]
    height, width = frames[0].shape[:2]
    bare = np.all((place.skin >= 1) & (place.skin < (width - 1, height - 1)), axis=2)
    hidden = place.points[:, HIDDEN]
    boxes = _boxes(
        np.concatenate([place.pixels.reshape(len(bare), -1, 2), hidden], axis=1),
        4 + 4 * place.scale,
        (height, width),
    )
    corners = np.array([box[:2] if box else (0, 0) for box in boxes])
    points, meshes = place.points - corners[:, None], place.pixels - corners[:, None, None]
    meshes = sixteenths(meshes.reshape(len(bare), -1, 2))
    lips = points[:, HIDDEN].astype(np.float32, order='C')
    outlines = sixteenths(points[:, JAW_AND_BROWS] / 4)
    eyes = sixteenths(place.points[:, EYES])
    seen = seen_straps(frames, place, bare)
    lights = measure_lights(frames, place.skin, bare, boxes)
    shades = _shade_masks(look.kind, lights)
    maps, to_maps = cloth_maps(place, corners)
    ribbons = strap_ribbons(place, KINDS[look.kind].strap_width)
    for k, (frame, box, scale) in enumerate(zip(frames, boxes, place.scale.tolist(), strict=True)):
        if box is None:
            continue
        part = frame[box[1] : box[3], box[0] : box[2]]
        alpha = _mask_layer(meshes[k], lips[k], part.shape[:2], scale)
        x, y, columns, rows = cv2.boundingRect(alpha)
        if columns:
            around_eyes, is_eye, pixels = _take_eyes(frame, eyes[k])
            draw_straps(frame, ribbons[k], seen[k], _strap_colors(look, lights[k]))
            _darken(part, alpha, _shadow_layer(alpha, outlines[k], scale))
            # One more: OpenCV 4.9 leaves out the last column of some.
            part, alpha = (each[y : y + rows + 1, x : x + columns + 1] for each in (part, alpha))
            cloth = _lit_texture(look, shades[k], scale)
            cloth = _warp_cloth(cloth, maps[k], to_maps[k], (x, y), alpha.shape)
            noise = _noise(box[0] + x, box[1] + y, alpha.shape)
            cv2.add(part, _color_cloth(cloth, look, lights[k], noise, alpha), dst=part)
            if is_eye.size:
                cv2.copyTo(pixels, is_eye, around_eyes)
            drawn[place.which[k]] = True
    return drawn


def _strap_colors(look: MaskLook, light: Light) -> list[list[float]]:
    """Return the colors of the bands on the right and on the left, RGB, 0..255."""
    band = light.white * (KINDS[look.kind].strap_color or look.color) / 255
    return [
        (band * min(max(220 / 255 * (1 + side * light.right), 0), 1)).tolist() for side in (1, -1)
    ]


def _darken(part: np.ndarray, alpha: np.ndarray, shadow: np.ndarray) -> None:
    """Take from a part of a frame what the cloth covers and what the shadow takes away, in place.

    Args:
        part (np.ndarray): (h, w, 3) uint8.
        alpha (np.ndarray): (h, w) uint8, how much the cloth covers.
        shadow (np.ndarray): (h, w) uint8, how much the shadow takes away.
    """
    bare = cv2.multiply(cv2.bitwise_not(alpha), cv2.bitwise_not(shadow), scale=1 / 255)
    cv2.multiply(part, cv2.merge([bare] * 3), dst=part, scale=1 / 255)


def _warp_cloth(
    cloth: np.ndarray,
    where: np.ndarray,
    matrix: np.ndarray,
    corner: tuple[int, int],
    shape: tuple[int, ...],
) -> np.ndarray:
    """Draw the cloth as the camera sees it.

    Args:
        cloth (np.ndarray): (*TEXTURE_SIZE) or (*TEXTURE_SIZE, 4) uint8, laid flat.
        where (np.ndarray): (h, w, 2) float32, the grid of the face.
        matrix (np.ndarray): (2, 3), from pixels of the picture to that grid.
        corner (tuple[int, int]): x and y of the first pixel that is drawn.
        shape (tuple[int, int]): Height and width of what is drawn.

    Returns:
        np.ndarray: (*shape) or (*shape, 4) uint8.
    """
    (x, y), (height, width) = corner, shape
    # Every fourth pixel of the picture, also around the part, then those between: much faster.
    left, top = x // 4 - 1, y // 4 - 1
    few = ((x + width + 7) // 4 - left, (y + height + 7) // 4 - top)
    matrix = matrix @ ((4, 0, 4 * left + 1.5), (0, 4, 4 * top + 1.5), (0, 0, 1))
    where = cv2.warpAffine(
        where,
        matrix,
        few,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    where = cv2.resize(where, (4 * few[0], 4 * few[1]))
    return remap(cloth, where[y - 4 * top :, x - 4 * left :][:height, :width])


def _color_cloth(
    cloth: np.ndarray, look: MaskLook, light: Light, noise: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """Give the cloth its color in the light, and the noise of the camera.

    Args:
        cloth (np.ndarray): (h, w) or (h, w, 4) uint8, see :func:`.shapes.texture`.
        look (MaskLook): The mask.
        light (Light): The light on the face.
        noise (np.ndarray): (h, w) uint8, of mean 128 and deviation 32.
        alpha (np.ndarray): (h, w) uint8, how much the cloth covers.

    Returns:
        np.ndarray: (h, w, 3) uint8, times ``alpha / 255``.
    """
    whites = (light.white / FULL).tolist()
    gains = [white * color / 255 for white, color in zip(whites, look.color, strict=True)]
    colored, *bare = cv2.split(cloth)[:2]
    # One channel until here, which is three times as fast; so the noise is, too.
    share = light.noise / 32 / (sum(gains) / 3 + 0.02)
    colored = cv2.addWeighted(colored, 1, noise, share, -128 * share)
    layers = [cv2.multiply(layer, alpha, scale=1 / 255) for layer in (colored, *bare)]
    if not bare:
        return cv2.merge([cv2.convertScaleAbs(layers[0], alpha=gain) for gain in gains])
    return cv2.merge(
        [
            cv2.addWeighted(layers[0], gain, layers[1], white, 0)  # metal or plastic
            for gain, white in zip(gains, whites, strict=True)
        ]
    )


@cache
def _brightness(kind: str) -> np.ndarray:
    """Return the brightness of a mask in even light, and what light from a side adds to it.

    Returns:
        np.ndarray: (3, ROWS * COLUMNS): in even light, by light from the right, from below.
    """
    x, y, z = normals(kind).reshape(-1, 3).T
    return np.stack([0.80 + 0.25 * z - 0.08 * y, x, y])


def _shade_masks(kind: str, lights: Sequence[Light]) -> np.ndarray:
    """Compute how bright the points of a mask are in each light.

    Returns:
        np.ndarray: (m, ROWS, COLUMNS) uint8, 128 for 1: many times faster than floats.
    """
    sides = np.array([(1, light.right, light.down) for light in lights])
    shades = (sides @ _brightness(kind)).clip(0.3, 1.2)
    return (128 * shades).astype(np.uint8).reshape(-1, ROWS, COLUMNS)


def _lit_texture(look: MaskLook, shade: np.ndarray, scale: float) -> np.ndarray:
    """Shade the cloth that is laid flat, and blur it to the size in which it is seen.

    Args:
        look (MaskLook): The mask.
        shade (np.ndarray): (ROWS, COLUMNS) uint8, see :func:`_shade_masks`.
        scale (float): Pixels a millimetre.

    Returns:
        np.ndarray: Like :func:`.shapes.texture`.
    """
    cloth = texture(*look)
    shade = cv2.resize(shade, cloth.shape[1::-1])
    cloth = cv2.multiply(cloth, shade if cloth.ndim == 2 else cv2.merge([shade] * 4), scale=1 / 128)
    # A texture pixel is about half a millimetre.
    coarser = 0.55 / scale
    return cv2.GaussianBlur(cloth, (0, 0), 0.6 * coarser) if coarser > 0.6 else cloth


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


def _noise(x: int, y: int, shape: tuple[int, ...]) -> np.ndarray:
    """Take noise of mean 128 and deviation 32 that stands still in the picture, from a pixel on."""
    height, width = shape
    tile = _noise_tile()[y % 512 : y % 512 + height, x % 512 : x % 512 + width]
    if tile.shape != shape:  # a very large face
        tile = cv2.resize(tile, (width, height))
    return tile


def _boxes(points: np.ndarray, margin: np.ndarray, frame_size: tuple[int, int]) -> list[Box | None]:
    """Return the box of each frame that the mask can change, or None if it is empty."""
    height, width = frame_size
    points = points.swapaxes(1, 2).copy()  # many times faster to search
    low = np.floor(points.min(axis=2) - margin[:, None]).clip(0).astype(int)
    high = np.ceil(points.max(axis=2) + margin[:, None]).clip(0, (width, height)).astype(int)
    return [
        (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None
        for (x1, y1), (x2, y2) in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _take_eyes(frame: np.ndarray, eyes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Copy the pixels of the eyes, (12, 2) :func:`sixteenths`, and of a pixel around them.

    Returns:
        tuple: The part of the frame with both eyes, (h, w, 3); where they are in it, (h, w) uint8;
        and its pixels, (h, w, 3). They are empty if the eyes are outside of the frame.
    """
    x1, y1, width, height = cv2.boundingRect(eyes)
    x2, y2 = max((x1 + width) // 16 + 4, 0), max((y1 + height) // 16 + 4, 0)
    x1, y1 = max(x1 // 16 - 2, 0), max(y1 // 16 - 2, 0)
    part = frame[y1:y2, x1:x2]
    mask = np.zeros(part.shape[:2], np.uint8)
    if part.size:
        eyes = eyes - (16 * x1, 16 * y1)
        outline(mask, eyes[:6], eyes[6:])
    return part, mask, part.copy()


# The outlines of strips of the mesh, by the numbers of its points: the outline of the whole mask
# crosses itself where it folds. They overlap: smooth edges side by side would leave a seam.
_STRIPS = [
    np.concatenate([strip[0], strip[1:-1, -1], strip[-1, ::-1], strip[-2:0:-1, 0]])
    for strip in (
        np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)[k : k + 6] for k in range(0, ROWS - 1, 4)
    )
]


def _mask_layer(
    mesh: np.ndarray, hidden: np.ndarray, shape: tuple[int, ...], scale: float
) -> np.ndarray:
    """Draw how much of each pixel the mask covers, (h, w) uint8.

    Args:
        mesh (np.ndarray): (ROWS * COLUMNS, 2), :func:`sixteenths`.
        hidden (np.ndarray): (len(HIDDEN), 2) float32, pixels.
        shape (tuple[int, int]): Height and width of the layer.
        scale (float): Pixels a millimetre.
    """
    layer: np.ndarray = np.zeros(shape, np.uint8)
    for strip in _STRIPS:
        fill(layer, mesh[strip])
    hidden = cv2.convexHull(hidden)[:, 0]
    center = np.add.reduce(hidden) / len(hidden)
    fill(layer, sixteenths(center + 1.15 * (hidden - center)))
    # In most pictures OpenCV's fastest kernel is as wide as 0.3 mm, or wider.
    kernel = (3, 3) if scale < 2.5 else (0, 0)
    layer = cv2.GaussianBlur(layer, kernel, 0 if scale < 2.5 else 0.3 * scale)
    outline(layer, sixteenths(hidden))
    return layer


def _shadow_layer(alpha: np.ndarray, face: np.ndarray, scale: float) -> np.ndarray:
    """Draw how much the mask darkens the skin around it, (h, w) uint8.

    Args:
        alpha (np.ndarray): (h, w) uint8, how much the mask covers.
        face (np.ndarray): (n, 2), the outline of the face at a quarter of the size,
            :func:`sixteenths`.
        scale (float): Pixels a millimetre.
    """
    # At a quarter of the size it is much faster.
    height, width = alpha.shape
    near = cv2.resize(alpha, (width // 4 + 1, height // 4 + 1))
    near = cv2.GaussianBlur(near, (0, 0), max(0.5, 0.55 * scale))
    skin = np.zeros(near.shape, np.uint8)
    fill(skin, face, 127)
    return cv2.resize(cv2.multiply(near, skin, scale=1 / 255), (width, height))

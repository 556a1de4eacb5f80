"""Paint the drawn child of the sample data set.

``geometry`` says where everything is; here it becomes pixels.
"""

import functools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from .content import FRAME_SIZE, Child, ClipContent, Color
from .geometry import DrawnChild, from_neck, jaw_line, torso_outline, transform
from .painting import (
    disc,
    draw_light,
    ellipse,
    fill,
    paint_background,
    rectangle,
    shade,
    smooth,
    stroke,
)

TONGUE = (226, 84, 110)
INSIDE_OF_MOUTH = (92, 26, 36)


@functools.lru_cache(maxsize=1)
def _smooth_torso(child: Child) -> np.ndarray:
    return smooth(torso_outline(child))


def _paint_torso(image: np.ndarray, child: Child, content: ClipContent, drawn: DrawnChild) -> None:
    """Paint the torso with its garment, and the trousers below it."""
    top, second, trousers = content.colors

    def at(points: ArrayLike) -> np.ndarray:
        return transform(drawn.to_body, from_neck(child, points))

    hips = at([(-1.1, 2.55), (1.1, 2.55)])
    below = FRAME_SIZE[1] + 40
    fill(image, [*hips, (hips[1][0] + 8, below), (hips[0][0] - 8, below)], shade(trousers, 0.8))
    outline = transform(drawn.to_body, _smooth_torso(child))
    dark, unit = shade(top, 0.82), drawn.unit
    fill(image, outline, top)
    garment = content.garment
    if garment == 'stripes':
        for y in (0.75, 1.2, 1.65, 2.1, 2.55):
            half = np.interp(y, [0.5, 1.2, 1.9, 2.8], [1.4, 1.17, 1.03, 1.07])
            half *= child.shoulders
            fill(image, at(rectangle(-half, y - 0.11, half, y + 0.11)), second)
    elif garment == 'print':
        disc(image, at([(0, 1.3)])[0], 0.46 * unit, second)
        disc(image, at([(0, 1.3)])[0], 0.24 * unit, shade(second, 1.6))
    elif garment == 'dungarees':
        for sign in (-1, 1):
            stroke(
                image, at([(sign * 0.62, 0.15), (sign * 0.5, 1.1)]), shade(second, 0.8), 0.2 * unit
            )
        fill(image, at(rectangle(-0.62, 1.0, 0.62, 2.8)), shade(second, 0.8))
    elif garment == 'hoodie':
        fill(image, at([(-0.5, 1.9), (0.5, 1.9), (0.75, 2.5), (-0.75, 2.5)]), dark)
        for sign in (-1, 1):
            stroke(image, at([(sign * 0.16, 0.3), (sign * 0.2, 1.0)]), (246, 244, 238), 0.06 * unit)
    elif garment == 'collar':
        stroke(image, at([(0, 0.3), (0, 2.6)]), dark, 0.05 * unit)
        for y in (0.8, 1.4, 2.0):
            disc(image, at([(0.1, y)])[0], 0.06 * unit, (246, 244, 238))
    fill(image, at(ellipse((0, 0.0), (0.44, 0.3), 0, np.pi)), shade(child.skin, 0.94))
    edge = 0.07 * unit if garment != 'collar' else 0.16 * unit
    stroke(image, at(ellipse((0, 0.0), (0.46, 0.32), 0.08, np.pi - 0.08)), dark, edge)


def _paint_neck(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    """Paint the neck, which turns with the head so that no posture is seen beside it."""
    chin = child.chin
    fill(
        image,
        transform(
            drawn.to_face, [(-0.37, 0.6), (0.37, 0.6), (0.39, chin + 0.6), (-0.39, chin + 0.6)]
        ),
        shade(child.skin, 0.94),
    )
    fill(
        image,
        transform(drawn.to_face, ellipse((0, chin - 0.06), (0.36, 0.26), 0, np.pi)),
        shade(child.skin, 0.84),
    )


def _tapered(start: np.ndarray, stop: np.ndarray, first: float, last: float) -> np.ndarray:
    """Return the outline of a limb; ``first`` and ``last`` are half its width at the ends."""
    along = stop - start
    angle = np.arctan2(along[1], along[0])
    return np.concatenate(
        [
            ellipse(stop, (last, last), angle - np.pi / 2, angle + np.pi / 2, 10),
            ellipse(start, (first, first), angle + np.pi / 2, angle + 1.5 * np.pi, 10),
        ]
    )


def _paint_limb(
    image: np.ndarray, child: Child, content: ClipContent, drawn: DrawnChild, k: int, rim: float
) -> None:
    """Paint an arm and its hand or, with ``rim`` above 0, only their darker outline."""
    unit = drawn.unit
    shoulder, elbow, wrist = drawn.arms[k]
    tone = 0.7 if rim else 0.97
    skin, cloth = shade(child.skin, tone), shade(content.colors[0], tone - 0.03)

    def limb(start: np.ndarray, stop: np.ndarray, first: float, last: float, color: Color) -> None:
        fill(image, _tapered(start, stop, first * unit + rim, last * unit + rim), color)

    palm, *tips = drawn.hands[k]
    for tip in tips:
        start = palm if tip is tips[0] else palm + 0.3 * (tip - palm)
        stroke(image, [start, tip], skin, 0.13 * unit + 2 * rim)
    disc(image, palm, 0.19 * unit + rim, skin)
    limb(elbow, wrist, 0.17, 0.125, skin)
    if content.long_sleeves:
        limb(elbow, elbow + 0.9 * (wrist - elbow), 0.2, 0.165, cloth)
        limb(shoulder, elbow, 0.24, 0.2, cloth)
    else:
        limb(shoulder, elbow, 0.21, 0.17, skin)
        limb(shoulder, shoulder + 0.5 * (elbow - shoulder), 0.24, 0.23, cloth)


def _paint_back_hair(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    color, style = shade(child.hair, 0.85), child.hair_style

    def put(points: ArrayLike) -> None:
        fill(image, transform(drawn.to_face, points), color)

    put(ellipse((0, -0.32), (1.12, 1.14)))
    if style == 'bob':
        put(smooth(rectangle(-1.24, -0.7, 1.24, 1.0)))
    elif style == 'long':
        put(smooth(rectangle(-1.26, -0.8, 1.26, 2.3)))
    elif style == 'bun':
        put(ellipse((0, -1.55), (0.46, 0.4)))
    elif style == 'tails':
        for sign in (-1, 1):
            put(ellipse((1.3 * sign, 0.0), (0.34, 0.62)))
    elif style == 'curly':
        for angle in np.linspace(-0.15, np.pi + 0.15, 13):
            put(ellipse((1.08 * np.cos(angle), -0.38 - np.sin(angle)), (0.32, 0.32)))


def _paint_front_hair(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    """Paint the hair over the forehead, above the brows whatever they do."""
    style, part = child.hair_style, child.parting
    outer = ellipse((0, -0.32), (1.1, 1.12), np.pi, 2 * np.pi, 24)
    x = np.linspace(0.97, -0.97, 21)
    hairline = -0.98 + 0.75 * np.abs(x) ** 5
    if style == 'spiky':
        hairline = hairline + 0.1 * np.where(np.arange(21) % 2, -1, 0.6)
    elif style in ('short', 'bob', 'tails'):
        hairline = hairline + 0.1 - 0.14 * np.exp(-(((x - part) / 0.25) ** 2))
    front = np.column_stack([x, hairline])
    points = np.concatenate([outer, front])
    fill(image, transform(drawn.to_face, points), child.hair)
    if style == 'spiky':
        for k in range(7):
            angle = np.pi * (0.2 + 0.6 * k / 6)
            spike = np.array([(-0.2, 0.0), (0.0, -0.42), (0.2, 0.0)])
            spike += (1.0 * np.cos(angle), -0.4 - 0.98 * np.sin(angle))
            fill(image, transform(drawn.to_face, spike), child.hair)
    elif style == 'tails':
        for sign in (-1, 1):
            disc(
                image,
                transform(drawn.to_face, [(1.1 * sign, -0.4)])[0],
                0.11 * drawn.unit,
                (214, 90, 110),
            )
    shine = ellipse((-0.3, -0.5), (0.6, 0.72), 1.2 * np.pi, 1.5 * np.pi, 10)
    stroke(image, transform(drawn.to_face, shine), shade(child.hair, 1.14), 0.07 * drawn.unit)


def _paint_skull(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    """Paint the ears, the outline of the face, cheeks and freckles."""

    def put(points: ArrayLike, color: Color) -> None:
        fill(image, transform(drawn.to_face, points), color)

    for sign in (-1, 1):
        put(ellipse((1.0 * sign, 0.06), (0.17, 0.24)), child.skin)
        put(ellipse((1.02 * sign, 0.06), (0.09, 0.14)), shade(child.skin, 0.86))
    skull = ellipse((0, -0.2), (1.0, 1.1), 0, -np.pi, 24)
    outline = np.concatenate([jaw_line(child, 41), skull])
    stroke(image, transform(drawn.to_face, outline), shade(child.skin, 0.7), 1.2, closed=True)
    put(outline, child.skin)
    cheek = 0.75 * np.array(child.skin) + 0.25 * np.array((226, 92, 92))
    for sign in (-1, 1):
        put(ellipse((0.62 * sign, 0.3), (0.19, 0.14)), shade(cheek, 1.0))
        if child.freckles:
            for x, y in ((0.5, 0.2), (0.6, 0.27), (0.68, 0.19)):
                disc(
                    image,
                    transform(drawn.to_face, [(sign * x, y)])[0],
                    0.025 * drawn.unit,
                    shade(child.skin, 0.75),
                )


def _paint_eyes(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    unit = drawn.unit
    for outline, center in zip(drawn.eyes, drawn.eye_centers, strict=True):
        fill(image, outline, (252, 252, 250))
        for radius, color in ((0.13, child.iris), (0.07, (22, 18, 20))):
            circle = ellipse(center, (radius * unit, radius * unit))
            area, part = cv2.intersectConvexConvex(
                circle.astype(np.float32), outline.astype(np.float32)
            )
            if area > 0:
                fill(image, part[:, 0], color)
        disc(image, center + unit * np.array([0.045, -0.045]), 0.032 * unit, (255, 255, 255))
        lid = outline[: len(outline) // 2 + 1]
        stroke(image, lid, (46, 32, 30), 0.055 * unit)
        stroke(image, outline[len(outline) // 2 :], shade(child.skin, 0.72), 0.025 * unit)


def _paint_brows(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    color = shade(child.hair, 0.62)
    half = 0.5 * child.brow_width * drawn.unit
    down = transform(drawn.to_face, [(0, 0), (0, 1)])
    down = half * (down[1] - down[0]) / np.linalg.norm(down[1] - down[0])
    taper = np.array([1.0, 1.0, 1.0, 0.8, 0.45])[:, None]
    for k, line in enumerate(drawn.brows):
        weight = taper[::-1] if k == 0 else taper
        outline = np.concatenate([line - weight * down, (line + weight * down)[::-1]])
        fill(image, outline, color)


def _paint_nose(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    dark = shade(child.skin, 0.8)
    wing = 0.13 * child.nose
    base = transform(drawn.to_face, ellipse((0, 0.25), (wing, 0.1), 0.1, np.pi - 0.1, 12))
    stroke(image, base, dark, 0.06 * drawn.unit)
    ridge = transform(drawn.to_face, [(-0.05, 0.0), (-0.08, 0.18)])
    stroke(image, ridge, shade(child.skin, 0.9), 0.05 * drawn.unit)


def _paint_mouth(image: np.ndarray, child: Child, drawn: DrawnChild) -> None:
    red = 0.55 * np.array(child.skin) + 0.45 * np.array((176, 62, 70))
    lip, line = shade(red, 0.95), shade(red, 0.5)
    fill(image, drawn.lips, lip)
    fill(image, drawn.mouth, INSIDE_OF_MOUTH)
    upper, lower = drawn.mouth[:21], drawn.mouth[:20:-1]
    gap = np.linalg.norm(lower[10] - upper[10])
    if gap > 0.08 * drawn.unit:
        share = min(1.0, 0.07 * drawn.unit / gap)
        teeth = upper + share * (lower - upper)
        inner = slice(3, 18)
        fill(image, np.concatenate([upper[inner], teeth[inner][::-1]]), (250, 248, 242))
    stroke(image, upper, line, 0.045 * drawn.unit)
    if drawn.tongue_out:
        fill(image, drawn.tongue, TONGUE)
        stroke(image, drawn.tongue[3:], shade(TONGUE, 0.7), 0.03 * drawn.unit)
        middle = drawn.tongue[[1, 10]]
        stroke(
            image,
            [middle[0] + 0.4 * (middle[1] - middle[0]), middle[0] + 0.8 * (middle[1] - middle[0])],
            shade(TONGUE, 0.8),
            0.03 * drawn.unit,
        )


def paint_child(image: np.ndarray, child: Child, content: ClipContent, drawn: DrawnChild) -> None:
    """Paint the child on ``image`` (SCALE * H, SCALE * W, 3) uint8 RGB."""
    _paint_back_hair(image, child, drawn)
    outline = transform(drawn.to_body, _smooth_torso(child))
    stroke(image, outline, shade(content.colors[0], 0.67), 1.8, closed=True)
    _paint_neck(image, child, drawn)
    _paint_torso(image, child, content, drawn)
    for k in range(2):
        for rim in (0.9, 0.0):  # pixels
            _paint_limb(image, child, content, drawn, k, rim)
    _paint_skull(image, child, drawn)
    _paint_mouth(image, child, drawn)
    _paint_nose(image, child, drawn)
    _paint_eyes(image, child, drawn)
    _paint_brows(image, child, drawn)
    _paint_front_hair(image, child, drawn)


def draw_clip(
    child: Child,
    content: ClipContent,
    drawn: Sequence[DrawnChild],
    backdrop: tuple[int, int, int] | None = None,
) -> np.ndarray:
    """Draw all frames of a clip.

    Args:
        child (Child): How the child looks.
        content (ClipContent): What the clip shows.
        drawn (Sequence[DrawnChild]): Where everything is in each frame, see
            :func:`~.geometry.place_frames`.
        backdrop (tuple[int, int, int], optional): R, G, B that what is behind the child is tinted
            with.

    Returns:
        np.ndarray: (T, H, W, 3) uint8 RGB.
    """
    rng = np.random.default_rng(content.painter_seed)
    background = paint_background(rng)
    if backdrop is not None:
        background = cv2.addWeighted(background, 0.3, np.full_like(background, backdrop), 0.7, 0)
    light = draw_light(rng)
    grain = int(rng.integers(1, 4))
    width, height = FRAME_SIZE
    frames = np.empty((len(drawn), height, width, 3), np.uint8)
    # Kept from frame to frame: new memory would take as long as some of the painting.
    image, small = np.empty_like(background), np.empty_like(frames[0])
    lit = np.empty(small.shape, np.int16)
    for t, each in enumerate(drawn):
        np.copyto(image, background)
        paint_child(image, child, content, each)
        cv2.resize(image, FRAME_SIZE, small, interpolation=cv2.INTER_AREA)
        noise = rng.integers(-grain, grain + 1, (height, width, 1), np.int8).view(np.uint8)
        noise = cv2.cvtColor(noise, cv2.COLOR_GRAY2RGB).view(np.int8)
        cv2.multiply(small, light, lit, dtype=cv2.CV_16S)
        cv2.add(lit, noise, frames[t], dtype=cv2.CV_8U)
    return frames

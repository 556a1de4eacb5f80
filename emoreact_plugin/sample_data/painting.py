"""Paint brush strokes, backgrounds and light of the sample data set.

Shapes are painted at twice the size with smooth edges and averaged down later, so the pictures
agree with the geometry to a fraction of a pixel.
"""

import functools
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike

from .content import CLOTHES, FRAME_SIZE, Color, pick

SCALE = 2  # the image is this many times as large as the frame
SUBPIXEL_BITS = 4
WALLS = (
    (214, 226, 232),
    (236, 222, 200),
    (206, 222, 200),
    (228, 208, 214),
    (190, 204, 222),
    (240, 232, 214),
    (172, 190, 186),
    (222, 200, 178),
)
WOODS = ((150, 108, 70), (176, 132, 88), (120, 84, 58), (196, 164, 124))


def shade(color: Iterable[float], factor: float) -> Color:
    """Make ``color`` (R, G, B) darker (``factor`` below 1) or lighter (above 1)."""
    # Without NumPy, which takes ten times as long for three numbers.
    mixed = (c * factor if factor <= 1 else 255 - (255 - c) * (2 - factor) for c in color)
    red, green, blue = (min(max(round(value), 0), 255) for value in mixed)
    return red, green, blue


def fixed_point(points: ArrayLike) -> np.ndarray:
    """Convert frame pixels (n, 2) to fixed-point image coordinates of OpenCV."""
    points = np.asarray(points, float) * (SCALE * 2**SUBPIXEL_BITS)
    return np.rint(points + (SCALE - 1) * 2 ** (SUBPIXEL_BITS - 1)).astype(np.int32)


def fill(image: np.ndarray, points: ArrayLike, color: Color) -> None:
    """Fill the polygon ``points`` (n, 2), frame pixels."""
    cv2.fillPoly(image, [fixed_point(points)], color, cv2.LINE_AA, SUBPIXEL_BITS)


def stroke(
    image: np.ndarray, points: ArrayLike, color: Color, width: float, closed: bool = False
) -> None:
    """Draw a line of ``width`` frame pixels with round ends."""
    thick = max(1, int(round(width * SCALE)))
    cv2.polylines(image, [fixed_point(points)], closed, color, thick, cv2.LINE_AA, SUBPIXEL_BITS)


def disc(image: np.ndarray, center: ArrayLike, radius: float, color: Color) -> None:
    """Fill a circle; ``center`` (2,) and ``radius`` in frame pixels."""
    x, y = fixed_point(np.asarray(center)[np.newaxis])[0]
    radius = int(round(radius * SCALE * 2**SUBPIXEL_BITS))
    cv2.circle(image, (int(x), int(y)), radius, color, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def ellipse(
    center: ArrayLike,
    radii: tuple[float, float],
    start: float = 0.0,
    stop: float = 2 * np.pi,
    count: int = 32,
) -> np.ndarray:
    """Return points (count, 2) of an ellipse or of an arc of it."""
    return np.asarray(center) + np.asarray(radii) * _unit_arc(start, stop, count)


@functools.lru_cache(maxsize=256)
def _unit_arc(start: float, stop: float, count: int) -> np.ndarray:
    angle = np.linspace(start, stop, count)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def smooth(points: np.ndarray) -> np.ndarray:
    """Cut the corners of a closed polygon (Chaikin's scheme), twice."""
    for _ in range(2):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], 1).reshape(
            -1, 2
        )
    return points


def rectangle(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    """Return the corners (4, 2) of a rectangle."""
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], float)


def _paint_window(image: np.ndarray, rng: np.random.Generator, x: float, y: float) -> None:
    fill(image, rectangle(x - 4, y - 4, x + 84, y + 104), (250, 250, 246))
    fill(image, rectangle(x, y, x + 80, y + 100), (176, 214, 240))
    disc(image, (x + rng.uniform(15, 60), y + 28), 12, (248, 248, 250))
    disc(image, (x + rng.uniform(20, 60), y + 34), 14, (240, 246, 250))
    fill(image, ellipse((x + 40, y + 100), (40, 30), np.pi, 2 * np.pi), (140, 186, 120))
    stroke(image, [(x + 40, y), (x + 40, y + 100)], (250, 250, 246), 4)
    stroke(image, [(x, y + 48), (x + 80, y + 48)], (250, 250, 246), 4)


def _paint_shelf(image: np.ndarray, rng: np.random.Generator, x: float, y: float) -> None:
    wood = pick(rng, WOODS)
    for row in range(2):
        base, at = y + 60 * row, x + 4
        while at < x + 96:
            width, height = rng.uniform(6, 13), rng.uniform(28, 46)
            fill(
                image,
                rectangle(at, base - height, at + width, base),
                shade(pick(rng, CLOTHES), 0.9),
            )
            at += width + rng.uniform(0.5, 3)
        fill(image, rectangle(x, base, x + 112, base + 5), wood)


def _paint_picture(image: np.ndarray, rng: np.random.Generator, x: float, y: float) -> None:
    fill(image, rectangle(x - 4, y - 4, x + 60, y + 48), pick(rng, WOODS))
    fill(image, rectangle(x, y, x + 56, y + 44), (246, 240, 226))
    for _ in range(3):
        disc(
            image,
            (x + rng.uniform(12, 44), y + rng.uniform(12, 32)),
            rng.uniform(4, 10),
            pick(rng, CLOTHES),
        )


def _paint_room(image: np.ndarray, rng: np.random.Generator) -> None:
    wall = pick(rng, WALLS)
    image[:] = wall
    style = pick(rng, ('plain', 'stripes', 'dots'))
    if style == 'stripes':
        for left in range(-10, FRAME_SIZE[0], 40):
            fill(image, rectangle(left, 0, left + 20, 300), shade(wall, 0.96))
    elif style == 'dots':
        for k in range(100):
            disc(image, (40 * (k % 10) + 20 * (k // 10 % 2), 30 * (k // 10)), 4, shade(wall, 0.92))
    floor = rng.uniform(225, 260)
    fill(image, rectangle(-2, floor, 402, 302), pick(rng, WOODS))
    fill(image, rectangle(-2, floor - 5, 402, floor), (244, 240, 232))
    things = [_paint_window, _paint_shelf, _paint_picture]
    for side, k in enumerate(rng.permutation(3)[:2]):
        x = rng.uniform(5, 40) if side == 0 else rng.uniform(270, 305)
        things[k](image, rng, x, rng.uniform(35, 80))


def _paint_park(image: np.ndarray, rng: np.random.Generator) -> None:
    width, height = FRAME_SIZE
    fade = np.linspace(0, 1, image.shape[0])[:, None, None]
    sky = np.array([(150, 198, 236)]) * (1 - fade) + fade * (226, 238, 246)
    image[:] = np.round(sky).astype(np.uint8)
    disc(image, (rng.uniform(30, 370), rng.uniform(25, 60)), 20, (255, 236, 170))
    for _ in range(3):
        x, y = rng.uniform(20, 380), rng.uniform(20, 80)
        for step in (-16, 0, 16):
            disc(image, (x + step, y - 4 * (step == 0)), 13, (250, 252, 254))
    green = np.array(pick(rng, ((136, 184, 104), (160, 190, 100), (120, 170, 120))))
    for k in range(2):
        fill(
            image,
            ellipse((rng.uniform(0, width), height + 30), (rng.uniform(220, 300), 170 - 60 * k)),
            shade(green, 0.9 + 0.1 * k),
        )
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(10, 390), rng.uniform(150, 190)
        fill(image, rectangle(x - 5, y, x + 5, y + 60), (128, 92, 62))
        for dx, dy in ((-16, 0), (16, 0), (0, -18)):
            disc(image, (x + dx, y + dy), 24, shade(green, 0.75))


def _paint_studio(image: np.ndarray, rng: np.random.Generator) -> None:
    first, last = (np.array(pick(rng, WALLS)) for _ in range(2))
    fade = np.linspace(0, 1, image.shape[0])[:, None, None]
    image[:] = np.round(first * (1 - fade) + last * fade).astype(np.uint8)
    for _ in range(12):
        color = shade(pick(rng, CLOTHES), 1.5)
        disc(image, (rng.uniform(0, 400), rng.uniform(0, 300)), rng.uniform(6, 26), color)


def paint_background(rng: np.random.Generator) -> np.ndarray:
    """Paint what is behind the child, (SCALE * H, SCALE * W, 3) uint8 RGB."""
    width, height = FRAME_SIZE
    image = np.zeros((height * SCALE, width * SCALE, 3), np.uint8)
    pick(rng, (_paint_room, _paint_room, _paint_park, _paint_studio))(image, rng)
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 3.5))


def draw_light(rng: np.random.Generator) -> np.ndarray:
    """Draw the light of a clip: (H, W, 3) float32 to multiply with."""
    width, height = FRAME_SIZE
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    slope = 1 + rng.uniform(0, 0.14) * along
    corners = 1 - rng.uniform(0, 0.1) * (x**2 + y**2)
    warmth = rng.uniform(-0.06, 0.06)
    tint = np.array([1 + warmth, 1.0, 1 - warmth]) * rng.uniform(0.8, 1.06)
    return (slope * corners)[..., None] * tint.astype(np.float32)

"""Make the surfaces, colours and textures of the masks that :mod:`.drawing` draws.

All of them are made by code. Lengths are millimetres on a head of common
size. The origin is the tip of the nose, x points to the right of the picture,
y down, z towards the camera of a frontal view.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np

Color = tuple[int, int, int]

COLORS: dict[str, Color] = dict(
    lightblue=(150, 198, 222),
    blue=(58, 88, 142),
    white=(236, 237, 236),
    green=(152, 205, 186),
    pink=(234, 182, 196),
    lilac=(190, 180, 216),
    red=(158, 52, 54),
    gray=(126, 128, 132),
    beige=(214, 196, 168),
    black=(44, 44, 48),
)

# Mesh points and texture pixels: rows run from the top edge of the mask to
# the bottom edge, columns from the left of the picture to the right.
ROWS, COLUMNS = 17, 25
TEXTURE_SIZE = (192, 256)


@dataclass(frozen=True)
class MaskKind:
    """The shape, colours and straps of a kind of mask.

    Attributes:
        colors (tuple[str, ...]): Usual colours, in which it is sold.
        center (tuple): (v, y, z) of points of the centre line, v in 0..1
            from the top edge to the bottom edge.
        side (tuple): (v, x, y, z) of points of the right edge.
        arc (float): Degrees that a row turns from the centre to the edge:
            0 for a straight tent, 80 for half a tube.
        nose (float): How narrowly the top edge bends over the nose, mm.
        straps (tuple): (from v on the edge, waypoints (x, y, z)) of each
            band on the right half.
        strap_color (tuple[int, int, int] | None): None for the mask's own
            colour.
        strap_width (float): Width of a band, mm.
        relief (Callable): Called with u (1, W) from -1 to 1 and v (H, 1) from 0 to 1; returns the
            brightness of the folds, about 1.
        nose_clip (float | None): How wide the clip over the nose is, of the mask's half width;
            None for a mask without one.
        valves (float): Share of these masks that have an exhalation valve.
    """

    colors: tuple[str, ...]
    center: tuple[tuple[float, float, float], ...]
    side: tuple[tuple[float, float, float, float], ...]
    arc: float
    nose: float
    straps: tuple[tuple[float, tuple[tuple[float, float, float], ...]], ...]
    strap_color: Color | None
    strap_width: float
    relief: Callable[[np.ndarray, np.ndarray], np.ndarray]
    nose_clip: float | None = None
    valves: float = 0.0


# The points where the bands of a mask vanish behind the ear.
_EAR_TOP, _EAR_LOW = (77, -25, -99), (75, 5, -99)


def _oval(
    width: float, middle: float, height: float, behind: float
) -> tuple[tuple[float, float, float, float], ...]:
    """Return points (v, x, y, z) of the right edge of a cup."""
    angles = np.radians(np.linspace(13, 167, 13))
    return tuple(
        zip(
            np.linspace(0, 1, 13),
            width * np.sin(angles),
            middle - height * np.cos(angles),
            behind + 20 * np.cos(angles) ** 2,
            strict=True,
        )
    )


@cache
def surface(kind: str) -> np.ndarray:
    """Return the mesh of a mask, (ROWS, COLUMNS, 3) float64, millimetres."""
    spec = KINDS[kind]
    v = np.linspace(0, 1, ROWS)[:, None]
    u = np.linspace(-1, 1, COLUMNS)[None]
    center, side = np.array(spec.center), np.array(spec.side)
    yc, zc = (_smooth(v, center[:, 0], center[:, k]) for k in (1, 2))
    xs, ys, zs = (_smooth(v, side[:, 0], side[:, k]) for k in (1, 2, 3))
    if spec.arc:
        arc = np.radians(spec.arc)
        x = xs * np.sin(arc * u) / np.sin(arc)
        wide = (np.cos(arc * u) - np.cos(arc)) / (1 - np.cos(arc))
    else:
        x, wide = xs * u, 1 - np.abs(u)
    # At its top edge a mask lies on nose and cheeks, further down it hangs
    # freely between its edges.
    bell = 1 / (1 + (x / spec.nose) ** 2)
    rim = 1 / (1 + (xs / spec.nose) ** 2)
    bell = (bell - rim) / (1 - rim)
    top = np.clip(1 - v / 0.45, 0, 1) ** 1.5
    z = zs + (zc - zs) * ((1 - 0.55 * top) * wide + 0.55 * top * bell)
    y = ys + (yc - ys) * ((1 - top) * wide + top * bell)
    return np.stack([x, y, z], axis=-1)


def _smooth(at: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values of a curve along points: linear pieces, rounded off."""
    reach = np.minimum(0.1, np.minimum(at, 1 - at))[..., None]
    around = at[..., None] + reach * np.linspace(-1, 1, 9)
    return np.interp(around, knots, values).mean(axis=-1)


@cache
def normals(kind: str) -> np.ndarray:
    """Return the unit normals of the mesh, which point out of the face.

    Returns:
        np.ndarray: (ROWS, COLUMNS, 3) float32.
    """
    mesh = surface(kind)
    down, right = np.gradient(mesh, axis=(0, 1))
    normal = np.cross(right, down)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return normal.astype(np.float32)


# What 1 is in a texture, so that bright folds fit into a byte.
FULL = 160


@lru_cache(maxsize=64)
def texture(kind: str, color: Color, valve: bool = False) -> np.ndarray:
    """Make the brightness of a mask's cloth, laid flat.

    Args:
        kind (str): One of ``KINDS``.
        color (tuple[int, int, int]): RGB, 0..255, of the cloth.
        valve (bool): Whether it has an exhalation valve.

    Returns:
        np.ndarray: (*TEXTURE_SIZE) uint8, how much the color is seen, ``FULL`` for as it is. With
        parts of metal or plastic (*TEXTURE_SIZE, 4): that of the color, that of white, and two that
        are empty (OpenCV takes pixels of four channels in less than half the time of two). Read
        only.
    """
    height, width = TEXTURE_SIZE
    v = np.linspace(0, 1, height)[:, None]
    u = np.linspace(-1, 1, width)[None]
    mask = KINDS[kind]
    picture = np.zeros((height, width, 4))
    # Folds show as strongly on black as on white.
    dark = 1 + 0.6 * (1 - np.mean(color) / 255)
    picture[..., 0] = 1 + dark * (mask.relief(u, v) - 1)
    if mask.nose_clip is not None:
        _nose_clip(picture, u, v, wide=mask.nose_clip)
    if valve:
        _valve(picture)
    if not picture[..., 1].any():
        picture = picture[..., 0]
    picture = np.clip(np.rint(FULL * picture), 0, 255).astype(np.uint8)
    picture.flags.writeable = False
    return picture


def _line(distance: np.ndarray, width: float) -> np.ndarray:
    """Return 1 on a line, and 0 away from it."""
    return np.exp(-((distance / width) ** 2))


def _grain(shape: tuple[int, int], seed: int, fine: float) -> np.ndarray:
    """Make smooth noise of mean 0 and deviation 1."""
    noise: np.ndarray = np.random.default_rng(seed).normal(size=shape)
    noise = cv2.GaussianBlur(noise, (0, 0), fine)
    return noise / noise.std()


def _edges(u: np.ndarray, v: np.ndarray, side: float, top: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances to the side edges, and to the top or bottom edge.

    They are in units of the width of their hems.
    """
    return ((1 - np.abs(u)) / side + 0 * v, np.minimum(v, 1 - v) / top + 0 * u)


def _surgical(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    relief = 1 + 0.008 * _grain(TEXTURE_SIZE, 1, 0.8)
    for fold in (0.36, 0.53, 0.70):
        # A pleat is flat in the middle and pulled together at the sides.
        d = v - (fold + 0.035 * u**2 * (0.5 - fold) * 4)
        relief += 0.10 * np.clip(1 + d / 0.13, 0, 1) ** 2 * (d < 0)
        relief -= 0.26 * _line(d - 0.006, 0.011) + 0.09 * np.exp(-np.clip(d, 0, 1) / 0.035) * (
            d > 0
        )
    # Creases that run into the side hems.
    pull = np.clip(np.abs(u) - 0.62, 0, 1) ** 1.5
    relief += pull * 0.22 * np.sin(v * 64 + np.sin(v * 23) * 1.3)
    side, top = _edges(u, v, 0.05, 0.035)
    relief += 0.07 * (side < 1) - 0.12 * _line(side - 1, 0.25)
    relief += 0.06 * (top < 1) - 0.10 * _line(top - 1, 0.22)
    weld = (np.sin(u * 210) > 0.1) * _line(top - 0.5, 0.3)
    weld = np.maximum(weld, (np.sin(v * 150) > 0.1) * _line(side - 0.5, 0.3))
    relief -= 0.09 * weld
    wire = _line((v - 0.075) / 0.016, 1) * np.clip((0.5 - np.abs(u)) / 0.08, 0, 1)
    return relief + 0.06 * wire


def _cloth(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    height, width = TEXTURE_SIZE
    weave = np.sin(np.arange(width) * 2.1)[None] * np.sin(np.arange(height) * 2.1)[:, None]
    relief = 1 + 0.022 * weave + 0.02 * _grain(TEXTURE_SIZE, 2, 2.0)
    streaks: np.ndarray = np.random.default_rng(3).normal(size=(height, 1))
    streaks = cv2.GaussianBlur(streaks, (1, 0), 0, sigmaY=5)
    relief = relief + 0.055 * (streaks / streaks.std()) * np.clip((np.abs(u) - 0.35) / 0.6, 0, 1)
    relief -= 0.26 * _line(u, 0.010) * (v > 0.02)
    relief += 0.10 * _line(np.abs(u) - 0.035, 0.02)
    stitch = np.sin(np.arange(height) * 0.9)[:, None] > -0.2
    relief -= 0.10 * stitch * _line(np.abs(u) - 0.055, 0.006)
    side, top = _edges(u, v, 0.07, 0.05)
    dash = np.sin(np.arange(width) * 0.9)[None] > -0.2
    relief -= 0.16 * dash * _line(top - 1, 0.09)
    relief -= 0.16 * stitch * _line(side - 1, 0.09)
    hem = np.minimum(side, top)
    return relief + 0.07 * np.clip(1 - hem, 0, 1)


def _kn95(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    relief = 1 + 0.010 * _grain(TEXTURE_SIZE, 4, 0.9)
    relief += 0.008 * _grain(TEXTURE_SIZE, 5, 6.0)
    # The fold that stands out, welded, and the light beside it.
    relief += 0.05 * _line(u, 0.10) - 0.20 * _line(u, 0.010)
    relief += 0.08 * _line(np.abs(u) - 0.025, 0.012)
    side, top = _edges(u, v, 0.06, 0.045)
    for hem, along in ((side, v * 130 + 0 * u), (top, u * 120 + 0 * v)):
        relief -= 0.12 * _line(hem - 1, 0.18)
        relief -= 0.06 * (np.sin(along) > 0) * _line(hem - 0.5, 0.25)
    # Welds from the nose down to the ear bands and up from the chin.
    for start, slope in ((0.17, 0.20), (0.86, -0.20)):
        d = v - start - slope * np.abs(u)
        dots = 0.5 + 0.5 * (np.sin(np.abs(u) * 110) > -0.3)
        relief -= 0.13 * dots * _line(d, 0.010)
        relief += 0.05 * _line(d - 0.018, 0.012)
    return relief


def _n95(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    relief = 1 + 0.014 * _grain(TEXTURE_SIZE, 6, 1.0)
    relief += 0.012 * _grain(TEXTURE_SIZE, 7, 5.0)
    side, top = _edges(u, v, 0.10, 0.05)
    # Without corners: the edge is an oval.
    rim = ((side + 0.1) ** -1.3 + (top + 0.1) ** -1.3) ** (-1 / 1.3)
    relief += 0.05 * (rim < 1) - 0.20 * _line(rim - 1.05, 0.16)
    relief += 0.07 * _line(rim - 1.5, 0.3)
    ribs = np.sin(np.arctan2(v - 0.5, u * 0.7) * 120) * (rim < 0.9)
    relief += 0.035 * ribs
    # The shell's waves above and below the mouth.
    for wave in (0.40, 0.66):
        d = v - wave - 0.05 * u**2 * np.sign(0.5 - wave)
        inside = np.clip((rim - 1.5) / 0.8, 0, 1)
        relief += inside * (0.05 * _line(d + 0.012, 0.014) - 0.10 * _line(d - 0.006, 0.010))
    return relief


def _nose_clip(picture: np.ndarray, u: np.ndarray, v: np.ndarray, wide: float) -> None:
    """Paint a strip of bare metal across the top."""
    alpha = _line((v - 0.115) / 0.022, 1) ** 0.5 * np.clip((wide - np.abs(u)) / 0.03, 0, 1)
    alpha = np.clip(alpha * 1.3, 0, 1) * 0.75
    picture *= 1 - alpha[..., None]
    picture[..., 1] += alpha * (0.69 + 0.18 * _line((v - 0.106) / 0.008, 1))


def _valve(picture: np.ndarray) -> None:
    """Paint a round plastic valve to the right of the centre."""
    center = (168, 112)

    def plastic(gray: float) -> tuple[float, float]:
        return 0, gray

    def oval(
        at: tuple[int, int], axes: tuple[int, int], value: Sequence[float], thick: int
    ) -> None:
        cv2.ellipse(picture, at, axes, 0, 0, 360, value, thick)

    shadow = picture.mean(axis=(0, 1)) * 0.72
    oval((center[0] + 2, center[1] + 4), (31, 27), shadow.tolist(), -1)
    oval(center, (29, 25), plastic(0.81), -1)
    oval(center, (29, 25), plastic(0.66), 1)
    for k in range(-3, 4):
        half = int(19 * np.sqrt(1 - (k / 4.2) ** 2))
        y = center[1] + 5 * k
        cv2.line(picture, (center[0] - half, y), (center[0] + half, y), plastic(0.55), 2)


KINDS: dict[str, MaskKind] = dict(
    surgical=MaskKind(
        colors=('lightblue', 'lightblue', 'white', 'green', 'pink', 'black'),
        center=(
            (0, -25, -8),
            (0.16, -10, -1),
            (0.28, 3, 5),
            (0.5, 24, 5),
            (0.7, 48, -4),
            (0.86, 74, -24),
            (1, 90, -46),
        ),
        side=((0, 67, -9, -70), (0.5, 67, 16, -72), (1, 59, 46, -70)),
        arc=62,
        nose=17,
        straps=((0.03, (_EAR_TOP,)), (0.97, ((65, 26, -79), _EAR_LOW))),
        strap_color=(232, 232, 230),
        strap_width=2.2,
        relief=_surgical,
    ),
    cloth=MaskKind(
        colors=('black', 'gray', 'blue', 'red', 'beige', 'white', 'green'),
        center=(
            (0, -27, -8),
            (0.15, -11, 1),
            (0.3, 5, 9),
            (0.5, 26, 9),
            (0.7, 50, -2),
            (0.86, 74, -22),
            (1, 91, -46),
        ),
        side=((0, 68, -12, -70), (0.5, 68, 8, -72), (1, 63, 33, -71)),
        arc=48,
        nose=20,
        straps=((0.05, (_EAR_TOP,)), (0.95, ((67, 20, -79), _EAR_LOW))),
        strap_color=None,
        strap_width=3.2,
        relief=_cloth,
    ),
    kn95=MaskKind(
        colors=('white', 'white', 'white', 'black', 'gray'),
        center=(
            (0, -30, -10),
            (0.2, -10, 7),
            (0.42, 14, 19),
            (0.56, 30, 18),
            (0.78, 60, -8),
            (1, 92, -44),
        ),
        side=((0, 65, -12, -68), (0.5, 68, 10, -72), (1, 61, 33, -69)),
        arc=20,
        nose=26,
        straps=((0.08, (_EAR_TOP,)), (0.92, ((67, 20, -79), _EAR_LOW))),
        strap_color=(236, 236, 234),
        strap_width=3.0,
        relief=_kn95,
        nose_clip=0.3,
    ),
    n95=MaskKind(
        colors=('white', 'white', 'white', 'lightblue', 'black'),
        center=(
            (0, -32, -12),
            (0.12, -20, 2),
            (0.3, 2, 18),
            (0.5, 26, 24),
            (0.7, 50, 14),
            (0.88, 73, -14),
            (1, 87, -44),
        ),
        side=_oval(width=57, middle=29, height=58, behind=-65),
        arc=66,
        nose=24,
        straps=((0.3, ((66, -17, -76), (77, -33, -92))), (0.72, ((62, 36, -78), (69, 26, -90)))),
        strap_color=(224, 203, 118),
        strap_width=4.0,
        relief=_n95,
        nose_clip=0.55,
        valves=0.5,
    ),
)

# What 'random' chooses from. A new kind would change the masks of seeded draws.
RANDOM_KINDS = ('surgical', 'cloth', 'kn95', 'n95')

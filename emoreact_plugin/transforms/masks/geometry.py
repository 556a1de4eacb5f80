"""Place a mask on a face, with pure functions on arrays.

A mask is a mesh on a generic head. The landmarks of nose, jaw and eye
corners carry it over to the picture by one constant linear map (an affine
camera and a smooth correction). So the mask moves exactly as evenly as the
landmarks do: there is no angle to estimate and no case to switch between.

The points of the mouth take no part in it. Otherwise the shape of the mask
would give away what it has to hide.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from emoreact_plugin.clips.regions import has_face

from .shapes import COLUMNS, KINDS, ROWS, TEXTURE_SIZE, surface

# The right half of a generic face, millimetres: index of the landmark in the
# right half of the picture, of its mirror image, x, y, z (axes as in
# shapes.py).
_HALF = np.array(
    [
        (16, 0, 75, -40, -78),
        (15, 1, 75, -20, -78),
        (14, 2, 72, 0, -79),
        (13, 3, 68, 19, -80),
        (12, 4, 62, 38, -78),
        (11, 5, 51, 55, -72),
        (10, 6, 37, 70, -63),
        (9, 7, 20, 79, -51),
        (8, 8, 0, 82, -46),
        (26, 17, 60, -47, -44),
        (25, 18, 51, -55, -36),
        (24, 19, 38, -59, -30),
        (23, 20, 24, -58, -24),
        (22, 21, 11, -55, -19),
        (27, 27, 0, -40, -18),
        (28, 28, 0, -27, -12),
        (29, 29, 0, -13, -6),
        (30, 30, 0, 0, 0),
        (35, 31, 15, 8, -19),
        (34, 32, 8, 10, -16),
        (33, 33, 0, 12, -13),
        (45, 36, 45, -37, -37),
        (44, 37, 37, -41, -34),
        (43, 38, 28, -41, -33),
        (42, 39, 20, -37, -32),
        (47, 40, 28, -35, -33),
        (46, 41, 37, -35, -34),
        (54, 48, 29, 36, -37),
        (53, 49, 18, 30, -25),
        (52, 50, 8, 27, -18),
        (51, 51, 0, 28, -17),
        (55, 59, 19, 41, -26),
        (56, 58, 9, 43, -19),
        (57, 57, 0, 44, -17),
        (64, 60, 26, 36, -35),
        (63, 61, 9, 32, -20),
        (62, 62, 0, 33, -19),
        (65, 67, 9, 37, -20),
        (66, 66, 0, 37, -18),
    ],
    dtype=np.float64,
)

FACE_MODEL = np.empty((68, 3))
FACE_MODEL[_HALF[:, 0].astype(int)] = _HALF[:, 2:]
FACE_MODEL[_HALF[:, 1].astype(int)] = _HALF[:, 2:] * (-1, 1, 1)

# What carries a mask: jaw, nose and corners of the eyes.
_ANCHORS = np.r_[0:17, 27:36, 36, 39, 42, 45]
EYES = (np.r_[36:42], np.r_[42:48])
HIDDEN = np.r_[30:36, 48:60]  # nose tip and lips
JAW_AND_BROWS = np.r_[0:17, 26:21:-1, 21:16:-1]

# Bare skin that shows the light: cheeks, bridge of the nose, between the
# brows.
SKIN = np.array(
    [
        (-56, -20, -62),
        (-45, -19, -50),
        (-32, -20, -42),
        (-20, -19, -36),
        (0, -32, -14),
        (0, -48, -18),
        (-9, -50, -19),
        (9, -50, -19),
        (20, -19, -36),
        (32, -20, -42),
        (45, -19, -50),
        (56, -20, -62),
    ],
    dtype=np.float64,
)

# The points of a face of 3 pixels cannot be told apart.
_SMALLEST = 0.02  # pixels a millimetre

STRAP_POINTS = 9

# How far a mask stands out before the nose in a profile, millimetres.
_BEFORE_NOSE = 4.0
_NARROWED = 25.0


@dataclass(frozen=True, eq=False)
class Upright:
    """A view of the picture in which the face stands upright, in millimetres."""

    origin: np.ndarray  # (2, ) pixels
    turn: np.ndarray  # (2, 2) unit vectors, to the right and down
    scale: float  # pixels a millimetre

    @classmethod
    def of(cls, axes: np.ndarray, scale: float) -> 'Upright':
        """Make the view from the axes of a face.

        Args:
            axes (np.ndarray): (4, 2): x, y and z axis in pixels a millimetre, and
                the origin in pixels.
            scale (float): Pixels a millimetre, the length of the y axis.
        """
        x, y = axes[1] / scale
        return cls(axes[3], np.array([(y, -x), (x, y)]), scale)

    def to_mm(self, points: np.ndarray) -> np.ndarray:
        """Convert points (..., 2) from pixels to upright millimetres."""
        return (points - self.origin) @ (self.turn.T / self.scale)

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Convert points (..., 2) from upright millimetres to pixels."""
        return points @ (self.turn * self.scale) + self.origin


@dataclass(frozen=True, eq=False)
class Placement:
    """The place of a mask on a face.

    Attributes:
        upright (Upright): How the face stands in the picture.
        mesh (np.ndarray): (ROWS, COLUMNS, 2), upright, millimetres; x grows
            along the rows.
        straps (np.ndarray): (bands, STRAP_POINTS, 2), pixels, right and left
            in turn.
        strap_shares (np.ndarray): (bands, ), 1 for a band that is seen, 0 for
            one behind the cheek.
        skin (np.ndarray): (len(SKIN), 2), pixels.
    """

    upright: Upright
    mesh: np.ndarray
    straps: np.ndarray
    strap_shares: np.ndarray
    skin: np.ndarray


def place_mask(kind: str, points: np.ndarray) -> Placement | None:
    """Put a mask on a face.

    Args:
        kind (str): One of ``KINDS``.
        points (np.ndarray): (68, 2) landmarks, pixels, without NaN.

    Returns:
        Placement | None: None if the points are too near to each other.
    """
    rig, anchors = _rig(kind), points[_ANCHORS]
    axes = rig.axes @ anchors
    scale = float(np.hypot(*axes[1]))
    if not scale > _SMALLEST:
        return None
    upright = Upright.of(axes, scale)
    right = upright.turn[0]
    mesh = upright.to_mm(rig.mesh @ anchors).reshape(ROWS, COLUMNS, 2)
    mesh = _behind_the_nose(mesh, upright.to_mm(points[30]), axes[[0, 2]] @ right)
    straps = (rig.straps @ anchors).reshape(-1, STRAP_POINTS, 2)
    # Turned away, a band runs behind the cheek: it fades before that.
    outwards = (straps[:, -1] - straps[:, 0]) @ right / scale
    outwards[1::2] *= -1
    shares = (2 * outwards / _strap_reach(kind) - 0.8).clip(0, 1)
    return Placement(
        upright, _hide_folds(mesh, _frontal_steps(kind)), straps, shares, rig.skin @ anchors
    )


def complete_landmarks(points: np.ndarray) -> np.ndarray | None:
    """Fill in single missing landmarks from the others.

    Args:
        points (np.ndarray): (68, 2), pixels, NaN where missing.

    Returns:
        np.ndarray | None: (68, 2) float64 without NaN; None if fewer than
        half of the points are there.
    """
    missing = ~np.isfinite(points).all(axis=1)
    if missing.any() and not has_face(points):
        return None
    points = points.astype(np.float64).clip(-1e5, 1e5)
    if missing.any():
        model = np.hstack([FACE_MODEL, np.ones((68, 1))])
        # The ridge keeps the depth at rest where too few points tell it.
        there = model[~missing]
        pose = np.linalg.solve(
            there.T @ there + np.diag((1e-3, 1e-3, 1e2, 0)), there.T @ points[~missing]
        )
        points[missing] = model[missing] @ pose
    return points


@dataclass(frozen=True, eq=False)
class _Rig:
    """Constant weights of the anchors, (points, 30), float64."""

    mesh: np.ndarray
    straps: np.ndarray
    skin: np.ndarray
    axes: np.ndarray  # x, y, z in pixels a millimetre, and the origin


@cache
def _rig(kind: str) -> _Rig:
    anchors = FACE_MODEL[_ANCHORS]
    ones = np.ones((len(anchors), 1))
    model = np.hstack([anchors, ones])
    axes = np.linalg.pinv(model)
    rest = np.eye(len(anchors)) - model @ axes

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * 40.0**2))

    # Not an exact interpolation: it would pass the jitter of each point on.
    spread = np.linalg.inv(kernel(anchors, anchors) + 0.3 * np.eye(len(ones)))

    def weights(points: np.ndarray) -> np.ndarray:
        points = points.reshape(-1, 3)
        affine = np.hstack([points, np.ones((len(points), 1))])
        return affine @ axes + kernel(points, anchors) @ spread @ rest

    mesh = surface(kind)
    return _Rig(weights(mesh), weights(_strap_lines(kind, mesh)), weights(SKIN), axes)


def _strap_lines(kind: str, mesh: np.ndarray) -> np.ndarray:
    """Return the lines of a mask's bands on the generic head.

    Returns:
        np.ndarray: (bands, STRAP_POINTS, 3), right and left band in turn.
    """
    lines = []
    for v, waypoints in KINDS[kind].straps:
        start = mesh[round(v * (ROWS - 1)), -1]
        path = np.array([start - (1.5, 0, 0), *waypoints])
        at = np.linspace(0, len(path) - 1, STRAP_POINTS)
        line = np.stack([np.interp(at, range(len(path)), path[:, k]) for k in range(3)], axis=1)
        lines += [line, line * (-1, 1, 1)]
    return np.array(lines)


@cache
def _strap_reach(kind: str) -> np.ndarray:
    """Return how far the bands go outwards in a frontal view.

    Returns:
        np.ndarray: (bands, ), millimetres.
    """
    lines = _strap_lines(kind, surface(kind))
    return np.abs(lines[:, -1, 0] - lines[:, 0, 0])


@cache
def _frontal_steps(kind: str) -> np.ndarray:
    """Return the distances from column to column in a frontal view.

    Returns:
        np.ndarray: (ROWS, COLUMNS // 2), millimetres.
    """
    return np.diff(surface(kind)[:, COLUMNS // 2 :, 0], axis=1)


def _behind_the_nose(mesh: np.ndarray, nose: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Push what stands out before the nose in a profile back to it.

    A mask is nearer to the camera than the tip of the nose. Seen from the side, it would be a beak:
    the landmarks of a profile make a face deeper than it is. Up to 50 degrees, the far cheek may be
    before the nose, and nothing changes; from 65 degrees on, the mask ends there.

    Args:
        mesh (np.ndarray): (ROWS, COLUMNS, 2), upright, millimetres.
        nose (np.ndarray): (2, ), the tip of the nose, likewise.
        axes (np.ndarray): (2, ), how far the x and the z axis of the face go to the right.

    Returns:
        np.ndarray: The mesh; the order of its points does not change.
    """
    x, z = axes.tolist()
    share = min((math.degrees(math.atan2(abs(z), max(x, 1e-6))) - 50) / 15, 1)
    if share <= 0:
        return mesh
    side = math.copysign(1, z)
    # The part from a little behind the nose on gets narrower, so that it stays as round as it is.
    part = np.maximum(side * (mesh[..., 0] - nose[0]) + _NARROWED, 0)
    room = _NARROWED + _BEFORE_NOSE
    excess = share * max(1 - room / max(part.max(), room), 0) * part
    return mesh - np.stack([side * excess, np.zeros_like(part)], axis=-1)


def _hide_folds(mesh: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Push what the bulge of the mask hides onto the rim that hides it.

    Args:
        mesh (np.ndarray): (ROWS, COLUMNS, 2), upright, millimetres.
        steps (np.ndarray): The result of ``_frontal_steps``.

    Returns:
        np.ndarray: The mesh, whose x grows along every row.
    """
    least = 0.35 * steps
    if (mesh[:, 1:, 0] - mesh[:, :-1, 0] >= np.hstack([least[:, ::-1], least])).all():
        return mesh  # as in most views
    middle = COLUMNS // 2
    # Of the right side, and of the left one as in a mirror.
    sides = np.stack([mesh[:, middle:], mesh[:, middle::-1]])
    sides[1, ..., 0] *= -1
    x, y = sides[..., 0], sides[..., 1]
    rim = np.maximum.accumulate(x, axis=2)
    # Seen at a small angle, the cloth goes over into its rim.
    seen = ((x[..., 1:] - rim[..., :-1]) / least).clip(0, 1)
    y[..., 1:] = y[..., :1] + np.cumsum(seen * (y[..., 1:] - y[..., :-1]), axis=2)
    x[:] = rim
    sides[1, ..., 0] *= -1
    right, left = sides
    return np.concatenate([left[:, :0:-1], right], axis=1)


STEP = 2.5  # millimetres between the points that cloth_map works out


def cloth_map(mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the point of the cloth that is seen at each place.

    The mesh is inverted along its rows first, then across them.

    Args:
        mesh (np.ndarray): (ROWS, COLUMNS, 2), upright; x grows along the rows.

    Returns:
        tuple: Pixels of the texture (x, y) on a grid of ``STEP`` mm, (h, w,
        2) float32, and the grid's first point (2, ).
    """
    points = mesh.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    # A face at a strange angle may be drawn out very long.
    columns, rows = ((high - low) / STEP + 2).clip(2, 160).astype(int).tolist()
    xs = low[0] + STEP * np.arange(columns)
    ys = (low[1] + STEP * np.arange(rows)).astype(np.float32)
    # Two values at once, as the parts of a complex one.
    xs_of, values = mesh[..., 0].copy(), mesh[..., 1] + 1j * np.arange(COLUMNS)
    both = np.array([np.interp(xs, *row) for row in zip(xs_of, values, strict=True)])
    y, u = both.real.astype(np.float32), both.imag.astype(np.float32)
    # The row that stands out most hides others when the head nods.
    first = ROWS // 3
    y[first:] = np.maximum.accumulate(y[first:], axis=0)
    y[first::-1] = np.minimum.accumulate(y[first::-1], axis=0)
    part = ys[:, None] - y[:-1, None]
    part /= (y[1:] - y[:-1])[:, None] + np.float32(1e-3)
    np.clip(part, 0, 1, out=part)
    row = part.sum(axis=0)
    column = u[0] + np.einsum('kyx,kx->yx', part, u[1:] - u[:-1])
    height, width = TEXTURE_SIZE
    scales = (width - 1) / (COLUMNS - 1), (height - 1) / (ROWS - 1)
    where = cv2.merge([column * np.float32(scales[0]), row * np.float32(scales[1])])
    return where, low

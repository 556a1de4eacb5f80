"""Place a mask on a face, with pure functions on arrays.

A mask is a mesh on a generic head. The landmarks of nose, jaw and eye
corners carry it over to the picture by one constant linear map (an affine
camera and a smooth correction). So the mask moves exactly as evenly as the
landmarks do: there is no angle to estimate and no case to switch between.

The points of the mouth take no part in it. Otherwise the shape of the mask
would give away what it has to hide.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

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
EYES = np.r_[36:48]  # six points each
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

# As many of these have to be within the frame to tell it.
LEAST_SKIN = 4

# The points of a face of 3 pixels cannot be told apart.
_SMALLEST = 0.02  # pixels a millimetre

STRAP_POINTS = 9

# How far a mask stands out before the nose in a profile, millimetres.
_BEFORE_NOSE = 4.0
_NARROWED = 25.0


@dataclass(frozen=True, eq=False)
class Placement:
    """The places of a mask on m faces.

    "Upright" is a view of the picture in which the face stands upright, in millimetres.

    Attributes:
        which (np.ndarray): (m, ) int, the numbers of the faces.
        points (np.ndarray): (m, 68, 2), landmarks, pixels, without NaN.
        origin (np.ndarray): (m, 2), pixels, where upright begins.
        turn (np.ndarray): (m, 2, 2), its unit vectors, to the right and down.
        scale (np.ndarray): (m, ), pixels a millimetre.
        mesh (np.ndarray): (m, ROWS, COLUMNS, 2), upright; x grows along the rows.
        pixels (np.ndarray): The mesh in pixels.
        straps (np.ndarray): (m, bands, STRAP_POINTS, 2), pixels, right and left in turn.
        strap_shares (np.ndarray): (m, bands), 1 for a band that is seen, 0 for one behind the
            cheek.
        skin (np.ndarray): (m, len(SKIN), 2), pixels.
    """

    which: np.ndarray
    points: np.ndarray
    origin: np.ndarray
    turn: np.ndarray
    scale: np.ndarray
    mesh: np.ndarray
    pixels: np.ndarray
    straps: np.ndarray
    strap_shares: np.ndarray
    skin: np.ndarray


def place_masks(kind: str, faces: np.ndarray) -> Placement:
    """Put a mask on each face.

    Args:
        kind (str): One of ``KINDS``.
        faces (np.ndarray): (n, 68, 2) landmarks, pixels, NaN where missing.

    Returns:
        Placement: Without faces of which fewer than half of the landmarks are there, or whose
        landmarks are too near to each other.
    """
    weights, parts = _rig(kind)
    points = complete_landmarks(faces)
    carried = weights @ points[:, _ANCHORS]
    scale = np.hypot(carried[:, 1, 0], carried[:, 1, 1])
    which = np.flatnonzero(scale > _SMALLEST)
    points, carried, scale = points[which], carried[which], scale[which, None, None]
    axes, mesh, straps, skin = (carried[:, part] for part in parts)
    y, origin = axes[:, 1] / scale[:, 0], axes[:, 3:]
    right = y[:, ::-1] * (1, -1)
    turn = np.stack([right, y], axis=1)
    to_mm = turn.swapaxes(1, 2) / scale
    mesh = ((mesh - origin) @ to_mm).reshape(-1, ROWS, COLUMNS, 2)
    nose = ((points[:, 30:31] - origin) @ to_mm)[:, 0]
    _push_behind_the_nose(mesh, nose[:, 0], axes[:, [0, 2]] @ right[..., None])
    _hide_folds(mesh, _least_steps(kind))
    straps = straps.reshape(len(which), straps.shape[1] // STRAP_POINTS, STRAP_POINTS, 2)
    # Turned away, a band runs behind the cheek: it fades before that.
    outwards = ((straps[:, :, -1] - straps[:, :, 0]) @ right[..., None])[..., 0] / scale[..., 0]
    outwards[:, 1::2] *= -1
    return Placement(
        which=which,
        points=points,
        origin=origin[:, 0],
        turn=turn,
        scale=scale[:, 0, 0],
        mesh=mesh,
        pixels=(mesh.reshape(len(which), ROWS * COLUMNS, 2) @ (turn * scale) + origin).reshape(
            mesh.shape
        ),
        straps=straps,
        strap_shares=(2 * outwards / _strap_reach(kind) - 0.8).clip(0, 1),
        skin=skin,
    )


def complete_landmarks(points: np.ndarray) -> np.ndarray:
    """Fill in single missing landmarks of faces from the others.

    Args:
        points (np.ndarray): (n, 68, 2), pixels, NaN where missing.

    Returns:
        np.ndarray: (n, 68, 2) float64, all NaN for a face of which fewer than half of the points
        are there.
    """
    filled = points.astype(np.float64).clip(-1e5, 1e5)
    if np.isfinite(points).all():
        return filled
    there = np.isfinite(points).all(axis=2)
    found = has_face(points)
    for k in np.flatnonzero(~there.all(axis=1)):
        filled[k] = _completed(filled[k], there[k]) if found[k] else np.nan
    return filled


def _completed(points: np.ndarray, there: np.ndarray) -> np.ndarray:
    model = np.hstack([FACE_MODEL, np.ones((68, 1))])
    # The ridge keeps the depth at rest where too few points tell it.
    known = model[there]
    pose = np.linalg.solve(known.T @ known + np.diag((1e-3, 1e-3, 1e2, 0)), known.T @ points[there])
    return np.where(there[:, None], points, model @ pose)


@cache
def _rig(kind: str) -> tuple[np.ndarray, list[slice]]:
    """Return the constant weights of the anchors.

    Returns:
        tuple: (points, 30) float64, and where the four kinds of points are: x, y and z in pixels a
        millimetre and the origin; those of the mesh; of the straps; and of the skin.
    """
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
    parts = [axes, weights(mesh), weights(_strap_lines(kind, mesh)), weights(SKIN)]
    ends = np.cumsum([0, *map(len, parts)]).tolist()
    return np.concatenate(parts), [slice(*each) for each in pairwise(ends)]


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
def _least_steps(kind: str) -> np.ndarray:
    """Return the distances from column to column at which the cloth begins to fold.

    Returns:
        np.ndarray: (ROWS, COLUMNS - 1), millimetres, a share of those in a frontal view.
    """
    return 0.35 * np.diff(surface(kind)[:, :, 0], axis=1)


def _push_behind_the_nose(meshes: np.ndarray, noses: np.ndarray, axes: np.ndarray) -> None:
    """Push what stands out before the nose in a profile back to it, in place.

    A mask is nearer to the camera than the tip of the nose. Seen from the side, it would be a beak:
    the landmarks of a profile make a face deeper than it is. Up to 50 degrees, the far cheek may be
    before the nose, and nothing changes; from 65 degrees on, the mask ends there.

    Args:
        meshes (np.ndarray): (m, ROWS, COLUMNS, 2), upright. The order of their points stays.
        noses (np.ndarray): (m, ), x of the tips of the noses, likewise.
        axes (np.ndarray): (m, 2, 1), how far the x and the z axis of a face go to the right.
    """
    x, z = axes[..., 0].T
    shares = (np.degrees(np.arctan2(np.abs(z), np.maximum(x, 1e-6))) - 50) / 15
    for k in np.flatnonzero(shares > 0):
        side = np.sign(z[k])
        # The part from a little behind the nose on gets narrower, so that it stays as round as it
        # is.
        part = np.maximum(side * (meshes[k, ..., 0] - noses[k]) + _NARROWED, 0)
        room = _NARROWED + _BEFORE_NOSE
        narrower = min(shares[k], 1) * max(1 - room / max(part.max(), room), 0)
        meshes[k, ..., 0] -= side * narrower * part


def _hide_folds(meshes: np.ndarray, least: np.ndarray) -> None:
    """Push what the bulge of the mask hides onto the rim that hides it, in place.

    Args:
        meshes (np.ndarray): (m, ROWS, COLUMNS, 2), upright. After it, x grows along every row.
        least (np.ndarray): The result of ``_least_steps``.
    """
    middle = COLUMNS // 2
    steps = meshes[:, :, 1:, 0] - meshes[:, :, :-1, 0]
    folded = (steps < least).any(axis=(1, 2))  # in few views
    for k in np.flatnonzero(folded):
        mesh = meshes[k]
        # Of the right side, and of the left one as in a mirror.
        sides = np.stack([mesh[:, middle:], mesh[:, middle::-1]])
        sides[1, ..., 0] *= -1
        x, y = sides[..., 0], sides[..., 1]
        rim = np.maximum.accumulate(x, axis=2)
        # Seen at a small angle, the cloth goes over into its rim.
        seen = ((x[..., 1:] - rim[..., :-1]) / least[:, middle:]).clip(0, 1)
        y[..., 1:] = y[..., :1] + np.cumsum(seen * (y[..., 1:] - y[..., :-1]), axis=2)
        x[:] = rim
        sides[1, ..., 0] *= -1
        mesh[:, middle:], mesh[:, middle::-1] = sides


_STEP = 3.5  # millimetres between the points that cloth_maps works out


def cloth_maps(place: Placement, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the point of the cloth that is seen at each place.

    The meshes are inverted along their rows first, then along the columns of a grid.

    Args:
        place (Placement): Where the masks are.
        corners (np.ndarray): (m, 2), the first pixel of each picture.

    Returns:
        tuple: Pixels of the texture (x, y) on grids of 3.5 mm, (m, h, w, 2) float32; and
        matrices (m, 2, 3) from pixels of the pictures to these grids.
    """
    x, y = points = place.mesh.transpose(3, 0, 1, 2).copy()  # many times faster to search
    points = points.reshape(2, len(place.mesh), -1)
    low, high = points.min(axis=2).T, points.max(axis=2).T
    # A face at a strange angle may be drawn out very long.
    columns, rows = ((high - low).max(axis=0) / _STEP + 2).clip(2, 160).astype(int).tolist()
    # Two values at once, as the parts of a complex one.
    both = _invert(x - low[:, :1, None], _STEP * np.arange(columns), y + 1j * np.arange(COLUMNS))
    # The row that stands out most hides others when the head nods.
    y, first = both.real - low[:, 1:, None], ROWS // 3
    y[:, first:] = np.maximum.accumulate(y[:, first:], axis=1)
    y[:, first::-1] = np.minimum.accumulate(y[:, first::-1], axis=1)
    both = np.arange(ROWS) + 1j * both.imag.swapaxes(1, 2)
    both = _invert(y.swapaxes(1, 2), _STEP * np.arange(rows), both)
    height, width = TEXTURE_SIZE
    scales = (width - 1) / (COLUMNS - 1), (height - 1) / (ROWS - 1)
    both = both.swapaxes(1, 2)
    where = np.empty((*both.shape, 2), np.float32)
    where[..., 0], where[..., 1] = both.imag * scales[0], both.real * scales[1]
    turn = place.turn / (place.scale[:, None, None] * _STEP)
    shift = turn @ (corners - place.origin)[..., None] - low[..., None] / _STEP
    return where, np.concatenate([turn, shift], axis=2)


def _invert(growing: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate functions that are known at places that grow along the last axis.

    Args:
        growing (np.ndarray): (m, k, n), these places.
        at (np.ndarray): (l, ), the places that are asked for.
        values (np.ndarray): (m, k, n), complex.

    Returns:
        np.ndarray: The values at ``at``, (m, k, l), complex.
    """
    # All lines one after the other.
    shape = growing.shape[:2]
    widest = growing[..., -1].max() - growing[..., 0].min()
    start = (widest + 1) * np.arange(shape[0] * shape[1]).reshape(*shape, 1)
    asked = at.clip(growing[..., :1], growing[..., -1:]) + start
    found = np.interp(asked.ravel(), (growing + start).ravel(), values.ravel())
    return found.reshape(*shape, -1)

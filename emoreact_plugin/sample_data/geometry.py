"""Compute the geometry of the drawn child of the sample data set.

:func:`place_child` says where every part of the child lies in a frame. The landmarks, the body
keypoints and the boxes of the cues are read from that same geometry, so they are exact.
``drawing`` paints it.

A cue must not show where it is not meant to be seen. A cue in the face moves no point that bounds
the box of the 68 landmarks (the jaw and the peak of a brow bound it). A cue in the body comes
nowhere near the box of the face.

Lengths are in face units (half the width of the face), x to the right and y down as seen in the
picture, until they become pixels of the frame, where whole numbers are the centres of pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .content import FRAME_SIZE, NUM_FRAMES, Child, ClipContent

MOUTH_Y = 0.6
BROW_PEAK = (0.46, -0.58)
NECK = 0.44  # from the chin down to the point the torso leans around
BODY = 0.86  # size of the torso: that of a child with a large head
UPPER_ARM, FOREARM = 1.06, 1.0
LEAN, SLANT = np.radians(12), 0.3  # of the torso

_Curve = Callable[[str, np.ndarray], np.ndarray]
_Pair = tuple[np.ndarray, np.ndarray]  # left of the picture first


@dataclass(frozen=True, eq=False)
class DrawnChild:
    """Places of all parts of the child in one frame, in pixels of the frame (x, y)."""

    landmarks: np.ndarray  # (68, 2) iBUG order
    keypoints: np.ndarray  # (25, 2)
    to_face: np.ndarray  # (2, 3): face units -> pixels, for the head
    to_body: np.ndarray  # (2, 3): face units -> pixels, torso, leaning
    eyes: tuple[np.ndarray, np.ndarray]  # two outlines (n, 2)
    eye_centers: np.ndarray  # (2, 2)
    brows: tuple[np.ndarray, np.ndarray]  # two centre lines (5, 2)
    lips: np.ndarray  # (n, 2)
    mouth: np.ndarray  # (n, 2) the opening
    tongue: np.ndarray  # (n, 2) where the tongue is, or would be
    tongue_out: bool
    arms: tuple[np.ndarray, np.ndarray]  # shoulder, elbow, wrist (3, 2)
    hands: tuple[np.ndarray, np.ndarray]  # palm and five finger tips (6, 2)
    wave_arm: int  # which of the two arms carries the cue in the order
    torso: np.ndarray  # (n, 2)
    unit: float


@dataclass(frozen=True, eq=False)
class _FaceParts:
    """Outlines and landmarks of the face in face units, each (n, 2)."""

    landmarks: np.ndarray
    eyes: _Pair
    brows: _Pair
    lips: np.ndarray
    mouth: np.ndarray
    tongue: np.ndarray


def transform(matrix: np.ndarray, points: ArrayLike) -> np.ndarray:
    """Apply a (2, 3) matrix to (n, 2) points."""
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


def _placed(
    origin: ArrayLike,
    unit: float,
    angle: float = 0.0,
    slant: float = 0.0,
    pivot: ArrayLike = (0.0, 0.0),
) -> np.ndarray:
    """Make a (2, 3) matrix that slants and turns around ``pivot``, scales and moves."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]]) @ [[1.0, slant], [0.0, 1.0]]
    pivot = np.asarray(pivot)
    shift = unit * (pivot - turn @ pivot) + np.asarray(origin)
    return np.column_stack([unit * turn, shift])


def jaw_line(child: Child, count: int = 17) -> np.ndarray:
    """Return (count, 2) points from the left temple round the chin, in face units."""
    angle = np.linspace(0, np.pi, count)
    x = -np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** child.jaw
    return np.column_stack([x, -0.2 + (child.chin + 0.2) * np.sin(angle) ** 0.9])


def _eye(child: Child, sign: int, wide: float) -> np.ndarray:
    """Return the outline (24, 2) of an eye, from its left corner over the top."""
    angle = np.linspace(np.pi, -np.pi, 24, endpoint=False)
    height = child.eye_size * (0.105 + 0.125 * wide)
    return np.column_stack(
        [sign * child.eye_x + 0.24 * child.eye_size * np.cos(angle), -0.1 - height * np.sin(angle)]
    )


def _brow(sign: int, frown: float) -> np.ndarray:
    """Return the centre line (5, 2) of a brow from left to right; its peak is fixed."""
    x = np.array([0.13, 0.30, BROW_PEAK[0], 0.61, 0.74])
    drop = np.array([0.09, 0.03, 0.0, 0.04, 0.13])
    drop += frown * np.array([0.24, 0.13, 0.0, -0.01, -0.03])
    line = np.column_stack([sign * x, BROW_PEAK[1] + drop])
    return line[::-1] if sign < 0 else line


def _mouth_curves(child: Child, smile: float, opened: float) -> _Curve:
    """Make a function that gives (x, y) of four curves of the mouth at u in -1..1.

    The curves are the upper edge of the lips, the edges of the opening above and below, and the
    lower edge of the lips.
    """
    bend = 0.31 * smile
    width = child.mouth_width * (1 + 0.08 * smile)

    def curve(name: str, u: np.ndarray) -> np.ndarray:
        bump = 1 - u**2
        offset = dict(
            top=-(0.075 + 0.04 * opened) * bump**0.8,
            upper=-0.04 * opened * bump,
            lower=0.24 * opened * bump**0.7,
            bottom=(0.085 + 0.24 * opened) * bump**0.7,
        )[name]
        y = MOUTH_Y + bend * (0.4 - u**2) + offset
        return np.column_stack([width * u, y])

    return curve


def _mouth_landmarks(curve: _Curve) -> np.ndarray:
    """Return points 48 to 67 of the iBUG scheme, (20, 2) in face units."""
    outer = np.array([-0.66, -0.28, 0.0, 0.28, 0.66])
    inner = np.array([-0.4, 0.0, 0.4])
    corners = curve('upper', np.array([-1.0, 1.0]))
    inner_corners = curve('upper', np.array([-0.84, 0.84]))
    return np.concatenate(
        [
            corners[:1],
            curve('top', outer),
            corners[1:],
            curve('bottom', outer[::-1]),
            inner_corners[:1],
            curve('upper', inner),
            inner_corners[1:],
            curve('lower', inner[::-1]),
        ]
    )


def _tongue(curve: _Curve) -> np.ndarray:
    """Return the outline (n, 2) of the tongue: over the lower lip and down."""
    root = curve('lower', np.zeros(1))[0]
    angle = np.linspace(0, np.pi, 15)
    tip = np.column_stack([0.17 * np.cos(angle), 0.12 * np.sin(angle) + 0.17])
    top = np.array([[-0.155, -0.03], [0.0, -0.045], [0.155, -0.03]])
    return root + np.concatenate([top, tip])


def _face_parts(child: Child, tracks: dict[str, np.ndarray], t: int) -> _FaceParts:
    """Compute the outlines and landmarks of the face in face units."""
    wide, frown = tracks['eyes_wide'][t], tracks['brows_down'][t]
    eyes = _eye(child, -1, wide), _eye(child, 1, wide)
    brows = _brow(-1, frown), _brow(1, frown)
    curve = _mouth_curves(child, tracks['smile'][t], tracks['mouth_opens'][t])
    across = np.linspace(-1, 1, 21)
    nose = np.column_stack([np.zeros(4), np.linspace(-0.12, 0.24, 4)])
    nostrils = child.nose * np.array([-0.16, -0.08, 0, 0.08, 0.16])
    nose_base = np.column_stack([nostrils, [0.31, 0.33, 0.34, 0.33, 0.31]])
    landmarks = np.concatenate(
        [
            jaw_line(child),
            brows[0],
            brows[1],
            nose,
            nose_base,
            eyes[0][::4],
            eyes[1][::4],
            _mouth_landmarks(curve),
        ]
    )
    return _FaceParts(
        landmarks=landmarks,
        eyes=eyes,
        brows=brows,
        lips=np.concatenate([curve('top', across), curve('bottom', across[::-1])]),
        mouth=np.concatenate([curve('upper', across), curve('lower', across[::-1])]),
        tongue=_tongue(curve),
    )


def _limb(angle: float, length: float) -> np.ndarray:
    """Return the vector of ``length`` at ``angle`` degrees outwards from straight down."""
    return length * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])


def _arm(
    shoulder: np.ndarray, sign: int, angles: tuple[float, float], fingers: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the joints (3, 2) and the hand (6, 2) of an arm in face units."""
    mirror = np.array([sign, 1.0])
    elbow = shoulder + mirror * _limb(angles[0], UPPER_ARM)
    wrist = elbow + mirror * _limb(angles[1], FOREARM)
    palm = wrist + mirror * _limb(angles[1], 0.2)
    tips = [palm + mirror * _limb(angles[1] + fingers * (k - 1.5), 0.36) for k in range(4)]
    thumb = palm + mirror * _limb(angles[1] - 75, 0.3)
    return np.stack([shoulder, elbow, wrist]), np.stack([palm, thumb, *tips])


def _arms(
    child: Child,
    content: ClipContent,
    tracks: dict[str, np.ndarray],
    t: int,
    to_body: np.ndarray,
    to_air: np.ndarray,
) -> tuple[_Pair, _Pair]:
    """Compute the joints and hands of both arms in pixels, left of the picture first."""
    rest, raised = np.array(content.rest_arm), np.array(content.raised_arm)
    still = rest + tracks['arm_raised'][t] * (raised - rest)
    elbow, low, high = content.wave_arm
    waving = (elbow, low + tracks['hand_rises'][t] * (high - low))

    def arm_of(sign: int) -> tuple[np.ndarray, np.ndarray]:
        place = (sign * 1.36 * BODY * child.shoulders, child.chin + NECK + 0.48 * BODY)
        # the arm hangs from a shoulder that leans, but hangs plumb
        shoulder = (transform(to_body, [place])[0] - to_air[:, 2]) / content.unit
        angles = waving if sign == content.side else still
        arm, hand = _arm(shoulder, sign, angles, content.fingers)
        return transform(to_air, arm), transform(to_air, hand)

    left, right = arm_of(-1), arm_of(1)
    return (left[0], right[0]), (left[1], right[1])


def from_neck(child: Child, points: ArrayLike) -> np.ndarray:
    """Convert points (n, 2) of the torso, seen from the neck, to face units."""
    return BODY * np.asarray(points, float) + (0, child.chin + NECK)


def torso_outline(child: Child) -> np.ndarray:
    """Return the control points (n, 2) of the torso in face units, from neck to hips."""
    half = np.array(
        [
            (0.0, 0.0),
            (0.34, -0.02),
            (0.85, 0.15),
            (1.34, 0.3),
            (1.54, 0.58),
            (1.22, 1.2),
            (1.04, 1.9),
            (1.08, 2.8),
        ]
    )
    return from_neck(child, np.concatenate([half, half[:0:-1] * (-1, 1)]) * (child.shoulders, 1))


def place_frames(
    child: Child, content: ClipContent, tracks: dict[str, np.ndarray]
) -> list[DrawnChild]:
    """Compute where everything is in each frame of a clip, see :func:`place_child`."""
    return [place_child(child, content, tracks, t) for t in range(NUM_FRAMES)]


def place_child(
    child: Child, content: ClipContent, tracks: dict[str, np.ndarray], t: int
) -> DrawnChild:
    """Compute where everything is in frame ``t``.

    Args:
        child (Child): How the child looks.
        content (ClipContent): What the clip shows.
        tracks (dict[str, np.ndarray]): State of the cues, see :func:`~.content.cue_tracks`.
        t (int): Number of the frame, from 0.

    Returns:
        DrawnChild: Points in pixels of the frame.
    """
    unit = content.unit
    origin = np.array(content.center) + unit * content.sway[t]
    to_face = _placed(origin + unit * content.bob[t], unit, content.roll[t])
    pivot = (0.0, child.chin + NECK)
    # the shoulders tip less than the spine: they must not reach the face box
    lean = tracks['lean'][t] * content.lean_side
    to_body = _placed(origin, unit, LEAN * lean, -SLANT * lean, pivot)
    to_air = _placed(origin, unit)
    face = _face_parts(child, tracks, t)
    arms, hands = _arms(child, content, tracks, t, to_body, to_air)
    landmarks = transform(to_face, face.landmarks)
    return DrawnChild(
        landmarks=landmarks,
        keypoints=_keypoints(child, landmarks, arms, hands, to_face, to_body),
        to_face=to_face,
        to_body=to_body,
        eyes=(transform(to_face, face.eyes[0]), transform(to_face, face.eyes[1])),
        eye_centers=transform(to_face, [(-child.eye_x, -0.1), (child.eye_x, -0.1)]),
        brows=(transform(to_face, face.brows[0]), transform(to_face, face.brows[1])),
        lips=transform(to_face, face.lips),
        mouth=transform(to_face, face.mouth),
        tongue=transform(to_face, face.tongue),
        tongue_out=bool(tracks['tongue_out'][t]),
        arms=arms,
        hands=hands,
        wave_arm=0 if content.side < 0 else 1,
        torso=transform(to_body, torso_outline(child)),
        unit=unit,
    )


def _keypoints(
    child: Child,
    landmarks: np.ndarray,
    arms: _Pair,
    hands: _Pair,
    to_face: np.ndarray,
    to_body: np.ndarray,
) -> np.ndarray:
    """Return the joints in pixels; ``arms[1]`` is the child's left arm.

    They are the joints 0 to 24 of MediaPipe's pose: nose, three points of each eye, ears, corners
    of the mouth, shoulders, elbows, wrists, little fingers, index fingers, thumbs, hips. The
    child's left is on the right of the picture.
    """
    ears = transform(to_face, [(1.04, 0.05), (-1.04, 0.05)])
    hips = transform(to_body, from_neck(child, [(0.62, 2.65), (-0.62, 2.65)]))
    # the corners and the middle of an eye, which no cue moves
    eyes = transform(
        to_face,
        [(sign * (child.eye_x + step), -0.1) for sign in (1, -1) for step in (-0.22, 0.0, 0.22)],
    )
    pairs = []
    for joint in (0, 1, 2):
        pairs += [arms[1][joint], arms[0][joint]]
    for finger in (5, 2, 1):  # little finger, index finger, thumb
        pairs += [hands[1][finger], hands[0][finger]]
    return np.stack([landmarks[30], *eyes, *ears, landmarks[54], landmarks[48], *pairs, *hips])


def cue_boxes(drawn: DrawnChild) -> dict[str, tuple[int, int, int, int]]:
    """Return the box of each cue: x1, y1, x2, y2 in pixels, right and bottom exclusive.

    A box is the extent of the points around which the cue can be seen, and a margin for the
    thickness of what is drawn there, clipped to the frame.
    """
    size, wave, still = np.array(FRAME_SIZE), drawn.wave_arm, 1 - drawn.wave_arm
    points_of = dict(
        hand_rises=np.concatenate([drawn.arms[wave][1:], drawn.hands[wave]]),
        mouth_opens=drawn.lips,
        arm_raised=np.concatenate([drawn.arms[still], drawn.hands[still]]),
        smile=drawn.lips,
        eyes_wide=np.concatenate(drawn.eyes),
        tongue_out=drawn.tongue,
        lean=np.concatenate([drawn.torso, drawn.arms[0][:2], drawn.arms[1][:2]]),
        brows_down=np.concatenate(drawn.brows),
    )
    margins = dict(hand_rises=0.2, arm_raised=0.2, lean=0.0)
    boxes = {}
    for cue, points in points_of.items():
        margin = margins.get(cue, 0.06) * drawn.unit
        low = np.floor(points.min(0) - margin).astype(int)
        high = np.ceil(points.max(0) + margin).astype(int) + 1
        low, high = np.clip(low, 0, size), np.clip(high, 0, size)
        boxes[cue] = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    return boxes

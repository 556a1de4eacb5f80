"""Draw who is in a clip of the sample data set, where, and what happens in it.

A *child* (how someone looks) and a *content* (one clip of that child) are drawn from random
generators; the eight *cues* say what the child does in the clip. The random draws never depend on
the cues, so that two clips that differ in one cue differ in nothing else.

Lengths are in face units: half the width of the face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar('T')
Color = tuple[int, int, int]  # R, G, B

FRAME_SIZE = (400, 300)  # width, height in pixels
NUM_FRAMES = 15
FPS = 10

SKINS = (
    (255, 224, 196),
    (246, 205, 168),
    (233, 184, 142),
    (214, 158, 114),
    (186, 128, 88),
    (153, 101, 68),
    (121, 78, 53),
    (96, 62, 45),
)
HAIRS = (
    (40, 30, 28),
    (66, 44, 32),
    (98, 62, 38),
    (139, 90, 50),
    (186, 135, 72),
    (222, 184, 116),
    (170, 76, 40),
    (84, 80, 86),
)
IRISES = ((70, 45, 30), (95, 65, 35), (60, 100, 140), (70, 115, 75), (85, 95, 105))
CLOTHES = (
    (206, 72, 72),
    (235, 140, 60),
    (240, 196, 80),
    (100, 170, 98),
    (58, 140, 140),
    (70, 120, 190),
    (120, 96, 178),
    (214, 120, 160),
    (236, 232, 224),
    (74, 84, 104),
    (150, 110, 82),
    (146, 190, 214),
)
HAIR_STYLES = ('short', 'bob', 'long', 'bun', 'curly', 'tails', 'spiky')
GARMENTS = ('plain', 'stripes', 'print', 'dungarees', 'hoodie', 'collar')


@dataclass(frozen=True)
class Child:
    """Looks of a child, which are the same in all clips of that child."""

    skin: Color
    hair: Color
    iris: Color
    hair_style: str
    parting: float
    freckles: bool
    chin: float
    jaw: float
    eye_x: float
    eye_size: float
    brow_width: float
    nose: float
    mouth_width: float
    shoulders: float


@dataclass(frozen=True)
class ClipContent:
    """Place, size, light, clothes, motion and depth of the cues in one clip.

    ``center`` is in pixels, ``unit`` in pixels per face unit. ``sway`` (T, 2) and ``bob`` (T, 2)
    are the motion of the whole child and of the head alone in face units, ``roll`` (T,) that of the
    head in radians.
    """

    center: tuple[float, float]
    unit: float
    sway: np.ndarray
    bob: np.ndarray
    roll: np.ndarray
    side: int  # 1: the arm that waves is on the right of the picture
    lean_side: int
    hold: float
    on: dict[str, float]
    off: dict[str, float]
    rest_arm: tuple[float, float]
    raised_arm: tuple[float, float]
    wave_arm: tuple[float, float, float]
    fingers: float
    garment: str
    long_sleeves: bool
    colors: tuple[Color, Color, Color]  # top, print, trousers
    painter_seed: int  # of the background, the light and the noise


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Pick one of ``choices`` (a sequence), each with the same probability."""
    return choices[int(rng.integers(len(choices)))]


def draw_child(rng: np.random.Generator) -> Child:
    """Draw how a child looks."""
    return Child(
        skin=pick(rng, SKINS),
        hair=pick(rng, HAIRS),
        iris=pick(rng, IRISES),
        hair_style=pick(rng, HAIR_STYLES),
        parting=float(rng.uniform(-0.5, 0.5)),
        freckles=bool(rng.random() < 0.2),
        chin=float(rng.uniform(1.2, 1.32)),
        jaw=float(rng.uniform(0.82, 1.0)),
        eye_x=float(rng.uniform(0.40, 0.45)),
        eye_size=float(rng.uniform(0.94, 1.06)),
        brow_width=float(rng.uniform(0.085, 0.115)),
        nose=float(rng.uniform(0.85, 1.15)),
        mouth_width=float(rng.uniform(0.36, 0.42)),
        shoulders=float(rng.uniform(0.95, 1.06)),
    )


def _swing(rng: np.random.Generator, amplitude: float, size: int) -> np.ndarray:
    """Draw motion (T, size) that is as likely forwards as backwards in time.

    It is a sine wave of any phase and an independent jitter: nothing in it tells which frame came
    first.
    """
    times = np.arange(NUM_FRAMES)[:, None]
    rate = rng.uniform(0.15, 0.6, (1, size))
    phase = rng.uniform(0, 2 * np.pi, (1, size))
    jitter = rng.normal(0, 0.15, (NUM_FRAMES, size))
    return amplitude * (np.sin(rate * times + phase) + jitter)


def draw_content(rng: np.random.Generator) -> ClipContent:
    """Draw everything in a clip except for the cues and the child."""
    unit = float(rng.uniform(36, 45))
    width, height = FRAME_SIZE
    names = ('raised', 'smile', 'wide', 'lean', 'frown')
    return ClipContent(
        center=(
            float(width / 2 + rng.uniform(-55, 55)),
            float(height * 0.31 + rng.uniform(-4, 12)),
        ),
        unit=unit,
        sway=_swing(rng, 0.06, 2),
        bob=np.clip(_swing(rng, 0.02, 2), -0.04, 0.04),
        roll=np.radians(rng.uniform(-3, 3) + _swing(rng, 0.5, 1)[:, 0]),
        side=pick(rng, (-1, 1)),
        lean_side=pick(rng, (-1, 1)),
        hold=float(rng.uniform(0.08, 0.2)),
        on={name: float(rng.uniform(0.88, 1.05)) for name in names},
        off={name: float(rng.uniform(0, 0.08)) for name in names},
        rest_arm=(float(rng.uniform(8, 24)), float(rng.uniform(-12, 14))),
        raised_arm=(float(rng.uniform(114, 124)), float(rng.uniform(170, 184))),
        wave_arm=(
            float(rng.uniform(18, 30)),
            float(rng.uniform(4, 16)),
            float(rng.uniform(150, 164)),
        ),
        fingers=float(rng.uniform(16, 24)),
        garment=pick(rng, GARMENTS),
        long_sleeves=bool(rng.random() < 0.5),
        colors=(pick(rng, CLOTHES), pick(rng, CLOTHES), pick(rng, CLOTHES)),
        painter_seed=int(rng.integers(2**32)),
    )


def order_track(hold: float, rising: bool) -> np.ndarray:
    """Compute how far a cue in the order of frames is, (T,) from 0 to 1 or back.

    The falling track is the rising one backwards in time, value for value. Any sampling of frames
    that is symmetric in time therefore sees the same set of values in both; only their order
    differs.
    """
    times = np.linspace(0, 1, NUM_FRAMES)
    ramp = np.clip((times - hold) / (1 - 2 * hold), 0, 1)
    track = ramp * ramp * (3 - 2 * ramp)
    return track if rising else track[::-1]


def cue_tracks(content: ClipContent, cues: dict[str, bool]) -> dict[str, np.ndarray]:
    """Compute the state of every cue in every frame.

    Args:
        content (ClipContent): What the clip shows.
        cues (dict[str, bool]): Which cues are on; keys 'hand_rises', 'mouth_opens', 'arm_raised',
            'smile', 'eyes_wide', 'tongue_out', 'lean' and 'brows_down'.

    Returns:
        dict[str, np.ndarray]: Cue -> (T,), about 0 (off) to 1 (on).
    """

    def level(name: str, is_on: bool) -> np.ndarray:
        return np.full(NUM_FRAMES, (content.on if is_on else content.off)[name])

    return dict(
        hand_rises=order_track(content.hold, cues['hand_rises']),
        mouth_opens=order_track(content.hold, cues['mouth_opens']),
        arm_raised=level('raised', cues['arm_raised']),
        smile=level('smile', cues['smile']),
        eyes_wide=level('wide', cues['eyes_wide']),
        tongue_out=np.full(NUM_FRAMES, float(cues['tongue_out'])),
        lean=level('lean', cues['lean']),
        brows_down=level('frown', cues['brows_down']),
    )

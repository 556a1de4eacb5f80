"""Plan what every clip of the sample data set shows and how it is labelled.

Every emotion is shown by one known cue. Labels follow the cues at known rates, so the best
possible ROC AUC of each emotion is known and below 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .content import NUM_FRAMES, Child, ClipContent, cue_tracks, draw_child, draw_content

SPLITS = ('train', 'val', 'test')
CLIPS_PER_CHILD = 3
MAX_CLIPS_WITHOUT_LANDMARKS = 4
DRAWS = 200  # of the labels of an emotion in a split
SERIES = ('TOYS', 'GAMES', 'SNACKS', 'MUSIC', 'MOVIES', 'GADGETS', 'PUZZLES', 'STORIES')
# what the draws of a clip are for: third number of every seed
_CHILD, _SCENE, _LABELS, _MISSING, _VALENCE = range(5)


@dataclass(frozen=True)
class Emotion:
    """An emotion, its cue and how often the label follows the cue.

    ``frequency`` is the share of positive labels and of cues. ``hit`` is the probability of the
    label if the cue is there.
    """

    name: str
    cue: str
    region: str  # mouth, brows, eyes, arm, torso
    part: str  # face or body
    in_order: bool
    frequency: float
    hit: float
    what: str

    @property
    def false_alarm(self) -> float:
        """Return the probability of the label if the cue is not there."""
        return self.frequency * (1 - self.hit) / (1 - self.frequency)

    def posterior(self, cue: ArrayLike) -> np.ndarray:
        """Return the probability of the label given the cue (bool or array of bool)."""
        return np.where(cue, self.hit, self.false_alarm)


CUED_EMOTIONS = (
    Emotion(
        'Curiosity',
        'hand_rises',
        'arm',
        'body',
        True,
        0.5,
        0.9,
        'one hand rises during the clip (not: sinks)',
    ),
    Emotion(
        'Uncertainty',
        'mouth_opens',
        'mouth',
        'face',
        True,
        0.4,
        0.9,
        'the mouth opens during the clip (not: closes)',
    ),
    Emotion(
        'Excitement',
        'arm_raised',
        'arm',
        'body',
        False,
        0.35,
        0.88,
        'the other arm is raised beside the head (not: hangs)',
    ),
    Emotion(
        'Happiness',
        'smile',
        'mouth',
        'face',
        False,
        0.45,
        0.9,
        'the corners of the mouth are up (not: level)',
    ),
    Emotion(
        'Surprise',
        'lean',
        'torso',
        'body',
        False,
        0.25,
        0.88,
        'the torso and the shoulders lean to one side (not: upright)',
    ),
    Emotion(
        'Disgust', 'tongue_out', 'mouth', 'face', False, 0.12, 0.88, 'the tongue is out (not: in)'
    ),
    Emotion(
        'Fear',
        'eyes_wide',
        'eyes',
        'face',
        False,
        0.05,
        0.88,
        'the eyes are wide open (not: half open)',
    ),
    Emotion(
        'Frustration',
        'brows_down',
        'brows',
        'face',
        False,
        0.18,
        0.88,
        'the inner ends of the brows are down (not: level)',
    ),
)
CLASSES = tuple(emotion.name for emotion in CUED_EMOTIONS)
PARTS_SEEN = dict(
    face=('face',), body=('body',), fullbody=('face', 'body'), fusion=('face', 'body')
)
# how much each emotion adds to the valence, around 4 on a scale of 1 to 7
_VALENCE_WEIGHTS = np.array([0.2, -0.2, 0.9, 1.3, 0.3, -1.2, -0.9, -1.0])


@dataclass(frozen=True)
class ClipPlan:
    """Plan of what one clip shows and how it is labelled, before it is drawn."""

    name: str  # of the video, with its suffix
    split: str
    seed: int
    index: int  # in its split
    cues: tuple[bool, ...]  # in the order of CUED_EMOTIONS, free of label noise
    labels: tuple[int, ...]
    valence: float
    missing_face: tuple[int, ...] = ()  # frames from 0
    missing_body: tuple[int, ...] = ()
    stale_rows: bool = False  # rows without success: old points, not zeros
    backdrop: tuple[int, int, int] | None = None  # R, G, B, see episodes.py

    @property
    def child(self) -> int:
        """Return the number of the child in its split, from 0."""
        return self.index // CLIPS_PER_CHILD


def _rng(seed: int, split: str, purpose: int, index: int = 0) -> np.random.Generator:
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), purpose, index])
    return np.random.default_rng(sequence)


def draw_labels(seed: int, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw which clips show which cue, and the noisy labels.

    The numbers of cues and of labels that do not follow the cue are the expected ones, rounded. The
    emotions are independent of each other. Of several draws, the one is kept in which they are
    least correlated by chance. Otherwise a model that cannot see a cue could profit from a chance
    correlation that two splits share.

    Returns:
        tuple[np.ndarray, np.ndarray]: Cues (count, 8) bool and labels (count, 8) int.
    """
    drawn: list[np.ndarray] = []
    for k, emotion in enumerate(CUED_EMOTIONS):
        rng = _rng(seed, split, _LABELS, k)
        tries = [_draw_emotion(rng, emotion, count) for _ in range(DRAWS)]
        others = _standardized(np.column_stack(drawn)) if drawn else np.zeros((count, 1))
        worst = [np.abs(others.T @ _standardized(new)).max() for new in tries]
        drawn.append(tries[int(np.argmin(worst))])
    both = np.stack(drawn, 1)
    return both[..., 0].astype(bool), both[..., 1]


def _draw_emotion(rng: np.random.Generator, emotion: Emotion, count: int) -> np.ndarray:
    """Draw the cue and the label (count, 2), int, of an emotion."""
    order = rng.permutation(count)
    shown = round(emotion.frequency * count)
    hits = round(emotion.hit * shown)
    false_alarms = round(emotion.false_alarm * (count - shown))
    both = np.zeros((count, 2), int)
    both[order[:shown], 0] = 1
    both[order[:hits], 1] = 1
    both[order[shown : shown + false_alarms], 1] = 1
    return both


def _standardized(columns: np.ndarray) -> np.ndarray:
    """Scale columns (n, m) to mean 0 and length 1; columns of one value become 0."""
    columns = columns - columns.mean(0)
    return columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-9)


def _missing_frames(seed: int, split: str, count: int) -> dict[int, dict[str, Any]]:
    """Choose a few clips, and map the index of each to the fields that say what is missing."""
    rng = _rng(seed, split, _MISSING)
    few = min(MAX_CLIPS_WITHOUT_LANDMARKS, count // 10)
    chosen = rng.permutation(count)[:few]
    missing = {}
    for k, index in enumerate(chosen.tolist()):
        first = int(rng.integers(1, NUM_FRAMES - 6))
        face = tuple(range(first, first + int(rng.integers(3, 7))))
        if k == 3:
            face = tuple(range(NUM_FRAMES))
        missing[index] = dict(
            missing_face=face, missing_body=face[:2] if k == 2 else (), stale_rows=k == 1
        )
    return missing


def plan_clips(
    seed: int = 0, num_train: int = 480, num_val: int = 120, num_test: int = 360
) -> list[ClipPlan]:
    """Decide what every clip shows and how it is labelled.

    A name like ``TOYS101_2.mp4`` holds the series, the number of the child and the take. No child
    is in two splits.

    Returns:
        list[ClipPlan]: Train, val and test, in this order.
    """
    plans, first_child = [], 101
    for split, count in zip(SPLITS, (num_train, num_val, num_test), strict=True):
        cues, labels = draw_labels(seed, split, count)
        missing = _missing_frames(seed, split, count)
        for index in range(count):
            child = index // CLIPS_PER_CHILD
            series = SERIES[(first_child + child) % len(SERIES)]
            take = index % CLIPS_PER_CHILD + 1
            noise = _rng(seed, split, _VALENCE, index).normal(0, 0.6)
            valence = 4 + labels[index] @ _VALENCE_WEIGHTS + noise
            plans.append(
                ClipPlan(
                    name=f'{series}{first_child + child}_{take}.mp4',
                    split=split,
                    seed=seed,
                    index=index,
                    cues=tuple(cues[index].tolist()),
                    labels=tuple(labels[index].tolist()),
                    valence=round(float(np.clip(valence, 1, 7)), 4),
                    **missing.get(index, {}),
                )
            )
        first_child += -(-count // CLIPS_PER_CHILD)
    return plans


def clip_parts(plan: ClipPlan) -> tuple[Child, ClipContent, dict[str, np.ndarray]]:
    """Make the child, the content and the tracks of the cues of a clip.

    Neither the child nor the content depends on the cues.
    """
    child = draw_child(_rng(plan.seed, plan.split, _CHILD, plan.child))
    content = draw_content(_rng(plan.seed, plan.split, _SCENE, plan.index))
    cues = {e.cue: on for e, on in zip(CUED_EMOTIONS, plan.cues, strict=True)}
    return child, content, cue_tracks(content, cues)


def can_see(emotion: Emotion, region: str, ordered: bool) -> bool:
    """Tell whether a model of ``region`` can read the cue at all.

    Args:
        emotion (Emotion): The emotion.
        region (str): 'face', 'body', 'fullbody' or 'fusion'.
        ordered (bool): Whether the model can tell the order of its frames (TSM can, TSN cannot).
    """
    in_sight = emotion.part in PARTS_SEEN[region]
    return in_sight and (ordered or not emotion.in_order)


def weighted_roc_auc(scores: ArrayLike, positive: ArrayLike, negative: ArrayLike) -> float | None:
    """Compute the ROC AUC of ``scores`` (n,) that each stand for a mass of clips.

    Args:
        scores (array-like): (n,) scores.
        positive (array-like): (n,) mass of positives with that score.
        negative (array-like): (n,) mass of negatives with that score.

    Returns:
        float | None: The ROC AUC; None if there are no positives or no negatives.
    """
    _, place = np.unique(np.ravel(scores), return_inverse=True)
    positive = np.bincount(place, np.ravel(positive))
    negative = np.bincount(place, np.ravel(negative))
    if not positive.sum() or not negative.sum():
        return None
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / positive.sum() / negative.sum())


def _ceiling(
    region: str, ordered: bool, cues: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> dict[str, float | None]:
    """Compute the best ROC AUC for rows (n, 8) of cues that have these masses (n, 8)."""
    scores = np.stack(
        [
            e.posterior(cues[:, k])
            if can_see(e, region, ordered)
            else np.full(len(cues), e.frequency)
            for k, e in enumerate(CUED_EMOTIONS)
        ],
        1,
    )
    each = {
        e.name: weighted_roc_auc(scores[:, k], positive[:, k], negative[:, k])
        for k, e in enumerate(CUED_EMOTIONS)
    }
    defined = [value for value in each.values() if value is not None]
    result = dict(
        macro=float(np.mean(defined)) if defined else None,
        micro=weighted_roc_auc(scores, positive, negative),
        **each,
    )
    return {key: value if value is None else round(value, 4) for key, value in result.items()}


def best_roc_auc(plans: list[ClipPlan] | None = None) -> dict[str, dict]:
    """Compute the best ROC AUC that any model of each kind can reach.

    The best score of a clip is the probability of the label given the cue, or the frequency of the
    label if the model cannot see the cue.

    Args:
        plans (list[ClipPlan], optional): The clips of a split, for what is best on just these; None
            for what is expected.

    Returns:
        dict[str, dict[str, float | None]]: 'face/TSN' to 'fusion/TSM' -> 'macro', 'micro' and each
        emotion; None if undefined.
    """
    if plans is None:
        cues = np.repeat([[True], [False]], len(CUED_EMOTIONS), axis=1)
        share = np.array([e.frequency for e in CUED_EMOTIONS])
        mass = np.stack([share, 1 - share])
        chance = np.stack([e.posterior([True, False]) for e in CUED_EMOTIONS], 1)
        positive, negative = mass * chance, mass * (1 - chance)
    else:
        cues = np.array([plan.cues for plan in plans], bool)
        positive = np.array([plan.labels for plan in plans], float)
        negative = 1 - positive
    return {
        f'{region}/{model}': _ceiling(region, ordered, cues, positive, negative)
        for region in PARTS_SEEN
        for model, ordered in (('TSN', False), ('TSM', True))
    }

"""Compare rows that scored the same test clips, by bootstrap and tests."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emoreact_plugin.evaluation import (
    bootstrap_weights,
    delong,
    holm,
    interval,
    macro,
    paired_bootstrap,
    paired_differences,
    roc_auc,
    roc_auc_micro,
    weighted_roc_auc,
    weighted_roc_auc_micro,
)

from .scores import Scores

AVERAGES = ('macro', 'micro')
# 80sTOYS105_2: the series 80sTOYS, its recording 105, take 2.
_CLIP_NAME = re.compile(r'(?P<series>.*\D)(?P<number>\d+)_\d+')


@dataclass(frozen=True)
class Difference:
    """Difference between two rows in micro or macro ROC AUC, first minus second."""

    first: str
    second: str
    average: str
    value: float
    low: float
    high: float
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class EmotionDifference:
    """Difference between two rows in the ROC AUC of one class (DeLong), first minus second."""

    first: str
    second: str
    emotion: str
    value: float
    low: float
    high: float
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class Claim:
    """Statement that an interval decides."""

    text: str
    value: float
    low: float
    high: float
    holds: bool


def levels_of(video_ids: Sequence[str]) -> dict[str, list[str] | None]:
    """Find what may be drawn as a whole: clips, and the groups that their names reveal.

    A name like ``GADGETS301_1`` contains the series and, together with the number, the recording of
    a child. A level is left out if it has as many groups as there are clips, or only one group,
    because it says nothing then.

    Args:
        video_ids (Sequence[str]): N names.

    Returns:
        dict[str, list[str] | None]: ``clip`` -> None, and ``series`` and ``child`` -> the group of
        each clip. The last two are given only if all names have this form.
    """
    levels: dict[str, list[str] | None] = dict(clip=None)
    matches = [match for name in video_ids if (match := _CLIP_NAME.fullmatch(name))]
    if len(matches) == len(video_ids):
        series = [match['series'] for match in matches]
        child = [match['series'] + match['number'] for match in matches]
        for name, groups in dict(series=series, child=child).items():
            if 1 < len(set(groups)) < len(video_ids):
                levels[name] = groups
    return levels


class Bootstrap:
    """Compute the ROC AUC of resampled test clips, with the same resamples for all rows.

    Args:
        scores (dict[str, Scores]): Row -> scores, all of the same clips.
        resamples (int): How many resamples to draw.
        seed (int): Seed of the draws.
    """

    def __init__(self, scores: dict[str, Scores], resamples: int = 2000, seed: int = 0) -> None:
        first = next(iter(scores.values()))
        self.scores = scores
        self.levels = levels_of(first.video_ids)
        # Clips of a series or child are alike, so differences are decided on
        # groups; on the smallest kind of them, since intervals from a handful
        # of groups are too short.
        self.level = list(self.levels)[-1]
        self.weights = {
            level: bootstrap_weights(len(first.labels), groups, resamples, seed)
            for level, groups in self.levels.items()
        }
        self._drawn: dict[tuple[str, str], dict[str, np.ndarray]] = {}

    def drawn(self, row: str, level: str) -> dict[str, np.ndarray]:
        """Return metric -> ROC AUC (S, R) of the resamples of a row's S runs."""
        key = (row, level)
        if key not in self._drawn:
            weights, each = self.weights[level], self.scores[row]
            classes = np.stack([weighted_roc_auc(x, each.labels, weights) for x in each.logits])
            found = dict(zip(each.classes, np.moveaxis(classes, -1, 0), strict=True))
            found['micro'] = np.stack(
                [weighted_roc_auc_micro(x, each.labels, weights) for x in each.logits]
            )
            found['macro'] = macro(classes)
            self._drawn[key] = found
        return self._drawn[key]


def point_scores(scores: Scores) -> dict[str, np.ndarray]:
    """Compute metric -> ROC AUC of each run (S,), on the clips as they are."""
    classes = np.stack([roc_auc(x, scores.labels) for x in scores.logits])
    return dict(
        micro=np.array([roc_auc_micro(x, scores.labels) for x in scores.logits]),
        macro=macro(classes),
        **dict(zip(scores.classes, classes.T, strict=True)),
    )


def compare(bootstrap: Bootstrap) -> list[Difference]:
    """Compare every pair of rows, with Holm's correction over all pairs of an average."""
    points = {row: point_scores(each) for row, each in bootstrap.scores.items()}
    out = []
    for average in AVERAGES:
        found = []
        for first, second in itertools.combinations(bootstrap.scores, 2):
            pair = paired_bootstrap(
                bootstrap.drawn(first, bootstrap.level)[average],
                bootstrap.drawn(second, bootstrap.level)[average],
                points[first][average],
                points[second][average],
            )
            found.append(
                (first, second, average, pair.difference, pair.low, pair.high, pair.p_value)
            )
        corrected = holm([each[-1] for each in found])
        out += [Difference(*each, float(p)) for each, p in zip(found, corrected, strict=True)]
    return out


def compare_emotions(scores: dict[str, Scores]) -> list[EmotionDifference]:
    """Compare every pair of rows in each class by DeLong's test, with Holm's correction over all.

    A class whose labels are all equal is left out.
    """
    found = []
    for first, second in itertools.combinations(scores, 2):
        a, b = scores[first], scores[second]
        for k, emotion in enumerate(a.classes):
            if a.labels[:, k].min() == a.labels[:, k].max():
                continue
            test = delong(a.logits[:, :, k], b.logits[:, :, k], a.labels[:, k])
            found.append(
                (first, second, emotion, test.difference, test.low, test.high, test.p_value)
            )
    corrected = holm([each[-1] for each in found])
    return [EmotionDifference(*each, float(p)) for each, p in zip(found, corrected, strict=True)]


def difference_claim(
    bootstrap: Bootstrap, first: str, second: str, average: str, above: float
) -> Claim:
    """Claim that the difference between two rows, first minus second, is above a value.

    The runs of each row are drawn again, too, so that the interval covers other seeds as well. With
    a negative value, this is a test of non-inferiority.
    """
    drawn, other = (bootstrap.drawn(row, bootstrap.level)[average] for row in (first, second))
    low, high = interval(paired_differences(drawn, other))
    a, b = (point_scores(bootstrap.scores[row])[average].mean() for row in (first, second))
    text = f'{first} minus {second}, {average}: above {above:g}'
    return Claim(text, float(a - b), low, high, low > above)

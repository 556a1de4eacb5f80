"""Compute all results of a table."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.evaluation import interval, prior_roc_auc_micro
from emoreact_plugin.utils.errors import InputError

from .comparisons import (
    AVERAGES,
    Bootstrap,
    Claim,
    Difference,
    EmotionDifference,
    Scores,
    compare,
    compare_emotions,
    difference_claim,
    point_scores,
)
from .sample_claims import sample_claims


class Summary(NamedTuple):
    """Results of one row; a metric is ``micro``, ``macro`` or a class.

    Attributes:
        runs (dict[str, np.ndarray]): Metric -> ROC AUC of each run (S,).
        intervals (dict[str, dict[str, tuple[float, float]]]): Level (``clip``, ``series``,
            ``child``) -> metric -> 95 % bootstrap interval of the mean over the runs.
    """

    runs: dict[str, np.ndarray]
    intervals: dict[str, dict[str, tuple[float, float]]]


@dataclass(frozen=True, eq=False)
class Table:
    """All results of a table, with the row names in order."""

    rows: dict[str, Summary]
    prior: float | None
    differences: list[Difference]
    emotion_differences: list[EmotionDifference]
    claims: list[Claim]

    @property
    def levels(self) -> list[str]:
        """Return the levels that there are intervals for, such as ``clip``."""
        return list(next(iter(self.rows.values())).intervals)


def summarise(bootstrap: Bootstrap, row: str) -> Summary:
    """Summarise one row by scores and intervals; its runs are not resampled."""
    return Summary(
        runs=point_scores(bootstrap.scores[row]),
        intervals={
            level: {
                metric: interval(values.mean(0))
                for metric, values in bootstrap.drawn(row, level).items()
            }
            for level in bootstrap.levels
        },
    )


def make_table(
    scores: dict[str, Scores],
    train_labels: ArrayLike | None = None,
    margin: float = 0.02,
    resamples: int = 2000,
    cues: dict | None = None,
) -> Table:
    """Compute all results of some rows.

    Args:
        scores (dict[str, Scores]): Row -> scores, in the order of the table, all of the same clips.
        train_labels (array-like, optional): (M, C), for the prior of the label frequencies.
        margin (float): Margin, in ROC AUC, of the test that the masked fusion is as good as the
            unmasked face.
        resamples (int): Number of bootstrap resamples.
        cues (dict, optional): ``emotions`` of the sample data's ``cues.json``, to check the rows
            against.

    Returns:
        Table: The results of the rows.

    Raises:
        InputError: If rows have different clips, labels or classes.
    """
    check_same_clips(scores)
    bootstrap = Bootstrap(scores, resamples)
    summaries = {row: summarise(bootstrap, row) for row in scores}
    first = next(iter(scores.values()))
    claims = sample_claims(bootstrap, cues) if cues else []
    if {'tsm-fusion-masked', 'tsn-face'} <= set(scores):
        claims += [
            difference_claim(bootstrap, 'tsm-fusion-masked', 'tsn-face', average, -margin)
            for average in AVERAGES
        ]
    return Table(
        rows=summaries,
        prior=None if train_labels is None else prior_roc_auc_micro(train_labels, first.labels),
        differences=compare(bootstrap),
        emotion_differences=compare_emotions(scores),
        claims=claims,
    )


def check_same_clips(scores: dict[str, Scores], noun: str = 'row') -> None:
    """Refuse rows that cannot be compared.

    Args:
        scores (dict[str, Scores]): Row -> scores.
        noun (str): What to call a row in an error.

    Raises:
        InputError: If a row has other classes, clips or labels than the first row. The message
            names the first that differs.
    """
    (name, first), *others = scores.items()
    for other, each in others:
        place = f'{noun} {other}: other %s than those of {noun} {name}'
        for what in ('classes', 'video_ids'):
            found, expected = getattr(each, what), getattr(first, what)
            if found != expected:
                raise InputError(
                    f'{place % what} ({len(found)} and {len(expected)}, of which '
                    f'{len(set(found) & set(expected))} are the same); {noun}s that are compared '
                    'need the same clips and labels, in one order'
                )
        if not np.array_equal(each.labels, first.labels):
            raise InputError(place % 'labels')

"""Compute all results of a table."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from emoreact_plugin.evaluation import holm
from emoreact_plugin.utils.errors import InputError

from .comparisons import (
    AVERAGES,
    OTHERS,
    WITHIN,
    Claim,
    Difference,
    LeftOut,
    compare_emotions,
    difference,
    estimate,
    kept_gain_claim,
)
from .sample_claims import sample_claims
from .scores import Scores

# The questions of the paper: what a mask costs the face; how body and full body do under it; and
# what the published fusion, which adds the body, the order and a second set of scores, brings back.
PLANNED = (
    ('tsn-face', 'tsn-face-masked'),
    ('tsn-body-masked', 'tsn-face-masked'),
    ('tsn-fullbody-masked', 'tsn-face-masked'),
    ('tsm-fusion-masked', 'tsn-face-masked'),
    ('tsm-fusion-masked', 'tsn-body-masked'),
)


@dataclass(frozen=True, eq=False)
class Summary:
    """Results of one row; a metric is ``micro``, ``macro``, ``within`` or a class.

    Attributes:
        runs (dict[str, np.ndarray]): Metric -> its value in each run, (S,).
        intervals (dict[str, tuple[float, float]]): Metric -> 95 % interval of the mean over the
            runs.
    """

    runs: dict[str, np.ndarray]
    intervals: dict[str, tuple[float, float]]

    @property
    def means(self) -> dict[str, float]:
        """Return metric -> mean over the runs."""
        return {metric: float(values.mean()) for metric, values in self.runs.items()}


@dataclass(frozen=True, eq=False)
class Table:
    """All results of a table, with the row names in order.

    Attributes:
        rows (dict[str, Summary]): Row -> results.
        priors (dict[str, Summary]): Name of a prior -> its results.
        unit (str): What the intervals leave out in turn.
        differences (list[Difference]): Between pairs of rows, one family of tests for Holm's
            correction, and of each row to each prior, another one.
        emotion_differences (list[Difference]): Between the same pairs, for each class, a third.
        claims (list[Claim]): What was to be shown.
    """

    rows: dict[str, Summary]
    priors: dict[str, Summary]
    unit: str
    differences: list[Difference]
    emotion_differences: list[Difference]
    claims: list[Claim]


def summarize(rows: LeftOut, row: str, metrics: Sequence[str] | None = None) -> Summary:
    """Summarise one row by its scores and intervals."""
    metrics = rows.metrics if metrics is None else metrics
    return Summary(
        runs={metric: rows.values(row, metric).full for metric in metrics},
        intervals={metric: estimate(rows, row, metric)[1] for metric in metrics},
    )


def make_table(
    scores: dict[str, Scores],
    priors: dict[str, Scores] | None = None,
    margin: float = 0.2,
    all_pairs: bool = False,
    cues: dict | None = None,
) -> Table:
    """Compute all results of some rows.

    Args:
        scores (dict[str, Scores]): Row -> scores, in the order of the table, all of the same clips.
        priors (dict[str, Scores], optional): Name -> scores of label frequencies on these clips,
            that of groups last; their names must not be those of rows.
        margin (float): The share of what the unmasked face gains over the last prior that the
            masked fusion may lose.
        all_pairs (bool): Compare all pairs of rows. Otherwise it is those of :data:`PLANNED`, and
            all pairs only if none of these is there.
        cues (dict, optional): ``emotions`` of the sample data's ``cues.json``, to check the rows
            against.

    Returns:
        Table: The results of the rows.

    Raises:
        InputError: If rows have different clips, labels or classes.
    """
    priors = priors or {}
    check_same_clips({**scores, **priors})
    rows = LeftOut({**scores, **priors})
    pairs = [pair for pair in PLANNED if {*pair} <= {*scores}]
    if all_pairs or not pairs:
        pairs = list(itertools.combinations(scores, 2))
    claims = sample_claims(rows, list(scores), cues) if cues else []
    if priors and {'tsm-fusion-masked', 'tsn-face'} <= {*scores}:
        floor = list(priors)[-1]
        claims += [
            kept_gain_claim(rows, 'tsm-fusion-masked', 'tsn-face', floor, average, 1 - margin)
            for average in AVERAGES
        ]
    metrics = [*rows.metrics, *OTHERS]
    return Table(
        rows={row: summarize(rows, row, metrics) for row in scores},
        priors={name: summarize(rows, name) for name in priors},
        unit=rows.unit,
        differences=_with_holm(_between(rows, pairs))
        + _with_holm(_to_priors(rows, list(scores), list(priors))),
        emotion_differences=_with_holm(compare_emotions(rows, pairs)),
        claims=claims,
    )


def _between(rows: LeftOut, pairs: Sequence[tuple[str, str]]) -> list[Difference]:
    return [difference(rows, *pair, average) for average in AVERAGES for pair in pairs]


def _to_priors(rows: LeftOut, names: Sequence[str], priors: Sequence[str]) -> list[Difference]:
    each = itertools.product(priors, AVERAGES, names)
    out = [difference(rows, name, prior, average) for prior, average, name in each]
    if priors and WITHIN in rows.metrics:
        # All priors are 0.5 within the groups that they know.
        out += [difference(rows, name, priors[0], WITHIN) for name in names]
    return out


def _with_holm(found: Sequence[Difference]) -> list[Difference]:
    corrected = holm([each.p_value for each in found])
    return [replace(each, p_holm=float(p)) for each, p in zip(found, corrected, strict=True)]


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

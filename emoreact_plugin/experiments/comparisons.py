"""Compare rows that scored the same test clips."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emoreact_plugin.evaluation import (
    Estimate,
    Values,
    average_precision,
    coarsest,
    combine,
    f1,
    f1_micro,
    interval_of,
    left_out_weights,
    macro,
    roc_auc,
    roc_auc_micro,
    weighted_roc_auc,
    weighted_roc_auc_micro,
    within_groups,
)

from .scores import Scores

AVERAGES = ('macro', 'micro')
WITHIN = 'within'
# Metrics that are computed only when they are asked for.
OTHERS = ('ap/macro', 'f1/macro', 'f1/micro')
# Fewer groups say little of how groups differ.
MIN_GROUPS = 20
# A class that fewer groups have gets no p-value: tools/dev/simulate_tests.py.
MIN_POSITIVE_GROUPS = 10


@dataclass(frozen=True)
class Difference:
    """Difference between two rows in a metric, first minus second."""

    first: str
    second: str
    metric: str
    value: float
    low: float
    high: float
    p_value: float
    p_holm: float = float('nan')


@dataclass(frozen=True)
class Claim:
    """Statement that an interval decides."""

    text: str
    value: float
    low: float
    high: float
    holds: bool


def deciding_kind(scores: Scores) -> str | None:
    """Choose the kind of groups that intervals and tests leave out as a whole.

    It is the coarsest kind with at least 20 groups, because clips of one group are alike; if there
    is none, the kind with the most groups. None, single clips, if no groups are known.
    """
    counts = {kind: len(set(names)) for kind, names in scores.groups.items()}
    counts = {kind: n for kind, n in counts.items() if 1 < n < len(scores.video_ids)}
    enough = {kind: n for kind, n in counts.items() if n >= MIN_GROUPS}
    if enough:
        return min(enough, key=enough.__getitem__)
    return max(counts, key=counts.__getitem__) if counts else None


class LeftOut:
    """Scores of rows on all clips and without each group, in the same order for all rows.

    Args:
        scores (dict[str, Scores]): Row -> scores, all of the same clips.

    Attributes:
        scores (dict[str, Scores]): The same.
        kind (str | None): What is left out, see :func:`deciding_kind`.
        groups (Sequence[str] | None): Group of each clip of this kind.
        count (int): Number of groups; of clips without groups.
    """

    def __init__(self, scores: dict[str, Scores]) -> None:
        first = next(iter(scores.values()))
        self.scores = scores
        self.kind = deciding_kind(first)
        self.groups = None if self.kind is None else first.groups[self.kind]
        self._weights = left_out_weights(len(first.labels), self.groups)
        self.count = len(self._weights)
        self._within = coarsest(first.groups)
        self._values: dict[tuple[str, str], Values] = {}

    @property
    def metrics(self) -> list[str]:
        """Return the classes, ``macro``, ``micro``, and ``within`` if groups are known."""
        classes = next(iter(self.scores.values())).classes
        return [*classes, *AVERAGES, *([WITHIN] if self._within else [])]

    @property
    def unit(self) -> str:
        """Say what is left out in turn, such as ``37 groups (series)``."""
        return f'{self.count} clips' if self.kind is None else f'{self.count} groups ({self.kind})'

    def values(self, row: str, metric: str) -> Values:
        """Return a metric of a row: a class, ``micro``, ``macro``, ``within`` or of ``OTHERS``."""
        if (row, metric) not in self._values:
            self._compute(row, metric)
        return self._values[row, metric]

    def mean_of(self, row: str, classes: Sequence[str]) -> Values:
        """Return the mean ROC AUC of some classes."""
        each = [self.values(row, name) for name in classes]
        return Values(
            macro(np.stack([v.full for v in each], -1)),
            macro(np.stack([v.left_out for v in each], -1)),
            each[0].fixed,
        )

    def positive_groups(self) -> dict[str, int]:
        """Count for each class the groups with a positive clip, or, if fewer, with a negative."""
        first = next(iter(self.scores.values()))
        left = 1 - self._weights
        counts = [((left @ truth) > 0).sum(axis=0) for truth in (first.labels, 1 - first.labels)]
        return dict(zip(first.classes, np.minimum(*counts).tolist(), strict=True))

    def _compute(self, row: str, metric: str) -> None:
        scores = self.scores[row]
        if metric == WITHIN:
            found = self._compute_within(scores)
        elif metric in OTHERS:
            found = self._compute_other(scores, metric)
        else:
            found = self._compute_roc_auc(scores)
        for name, (full, left_out) in found.items():
            self._values[row, name] = Values(full, left_out, scores.fixed)

    def _compute_roc_auc(self, scores: Scores) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        classes = np.stack([roc_auc(x, scores.labels) for x in scores.logits])
        left = np.stack([weighted_roc_auc(x, scores.labels, self._weights) for x in scores.logits])
        found = {name: (classes[:, k], left[:, :, k]) for k, name in enumerate(scores.classes)}
        found['macro'] = macro(classes), macro(left)
        found['micro'] = (
            np.array([roc_auc_micro(x, scores.labels) for x in scores.logits]),
            np.stack(
                [weighted_roc_auc_micro(x, scores.labels, self._weights) for x in scores.logits]
            ),
        )
        return found

    def _compute_within(self, scores: Scores) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        groups = scores.groups[self._within or '']
        each = [within_groups(x, scores.labels, groups) for x in scores.logits]
        full = np.array([found.micro for found in each])
        if self._within == self.kind:
            return {WITHIN: (full, np.stack([found.left_out[:, -1] for found in each]))}
        names = np.array(groups)

        def score(x: np.ndarray, labels: np.ndarray, keep: np.ndarray) -> float:
            return within_groups(x[keep], labels[keep], names[keep].tolist()).micro

        return {WITHIN: self._each(scores, score)}

    def _compute_other(
        self, scores: Scores, metric: str
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        functions: dict[str, Callable] = {
            'ap/macro': lambda x, y: float(macro(average_precision(x, y))),
            'f1/macro': lambda x, y: float(macro(f1(x, y))),
            'f1/micro': f1_micro,
        }
        scores = replace(scores, logits=scores.probabilities)

        def score(x: np.ndarray, labels: np.ndarray, keep: np.ndarray) -> float:
            return functions[metric](x[keep], labels[keep])

        return {metric: self._each(scores, score)}

    def _each(self, scores: Scores, score: Callable) -> tuple[np.ndarray, np.ndarray]:
        """Score all clips (S,), and those that are left without each group (S, G)."""
        kept = self._weights > 0
        every = np.ones(len(scores.labels), dtype=bool)
        return (
            np.array([score(x, scores.labels, every) for x in scores.logits]),
            np.array([[score(x, scores.labels, keep) for keep in kept] for x in scores.logits]),
        )


def difference(rows: LeftOut, first: str, second: str, metric: str) -> Difference:
    """Estimate the difference of two rows in a metric, first minus second."""
    found = combine([(1, rows.values(first, metric)), (-1, rows.values(second, metric))])
    return Difference(first, second, metric, found.value, found.low, found.high, found.p_value)


def compare_emotions(rows: LeftOut, pairs: Sequence[tuple[str, str]]) -> list[Difference]:
    """Compare pairs of rows in each class.

    A class whose positives, or negatives, are in fewer than ``MIN_POSITIVE_GROUPS`` groups gets no
    p-value.
    """
    counts = rows.positive_groups()
    out = []
    for (first, second), name in itertools.product(pairs, counts):
        found = difference(rows, first, second, name)
        few = counts[name] < MIN_POSITIVE_GROUPS
        out.append(replace(found, p_value=float('nan')) if few else found)
    return out


def difference_claim(rows: LeftOut, first: str, second: str, metric: str) -> Claim:
    """Claim that a row is better than another in a metric."""
    found = difference(rows, first, second, metric)
    text = f'{first} minus {second}, {metric}: above 0'
    return Claim(text, found.value, found.low, found.high, found.low > 0)


def kept_gain_claim(
    rows: LeftOut, new: str, reference: str, floor: str, metric: str, share: float
) -> Claim:
    """Claim that a row keeps a share of what another gains over a floor.

    ``new - floor`` has to be above ``share * (reference - floor)``, and the gain of the reference
    has to be shown too. This is a test of non-inferiority whose margin is the other part of the
    gain.

    Source: Rothmann et al., *Design and analysis of non-inferiority mortality trials in oncology*,
    Statistics in Medicine 22, 2003.

    Args:
        rows (LeftOut): The rows.
        new (str): The row that is to be as good.
        reference (str): The row that it is compared with.
        floor (str): What is reached without looking at the clips.
        metric (str): The metric.
        share (float): Above 0 and below 1.
    """
    values = {row: rows.values(row, metric) for row in (new, reference, floor)}
    gain = combine([(1, values[reference]), (-1, values[floor])])
    terms = [(1.0, values[new]), (-share, values[reference]), (share - 1, values[floor])]
    found = combine(terms)
    text = f'{new} keeps {share:.0%} of the gain of {reference} over {floor}, {metric}: above 0'
    if not gain.low > 0:
        text += ' (no such gain is shown)'
    return Claim(text, found.value, found.low, found.high, found.low > 0 and gain.low > 0)


def estimate(rows: LeftOut, row: str, metric: str) -> tuple[Estimate, tuple[float, float]]:
    """Estimate a metric of a row: its mean and error, and its interval within 0..1."""
    values = rows.values(row, metric)
    return combine([(1, values)]), interval_of(values)

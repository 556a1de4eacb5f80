"""Compare rows that scored the same test clips."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from emoreact_plugin.evaluation import (
    Estimate,
    Values,
    average_precision,
    coarsest,
    combine,
    effective_number,
    f1,
    f1_micro,
    interval_of,
    left_out_weights,
    macro,
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
# A class that is spread over fewer groups, as an effective number, gets no p-value.
MIN_EFFECTIVE_GROUPS = 5


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
            min(v.effective or self.count for v in each),
        )

    @cached_property
    def effective(self) -> dict[str, float]:
        """Return the effective number of groups that have each class, or, if less, lack it."""
        first = next(iter(self.scores.values()))
        left = 1 - self._weights
        have, lack = (left @ truth for truth in (first.labels, 1 - first.labels))
        return {
            name: min(effective_number(have[:, k]), effective_number(lack[:, k]))
            for k, name in enumerate(first.classes)
        }

    def _compute(self, row: str, metric: str) -> None:
        scores = self.scores[row]
        if metric == WITHIN:
            found = self._compute_within(scores)
        elif metric in OTHERS:
            found = self._compute_other(scores, metric)
        else:
            found = self._compute_roc_auc(scores)
        for name, (full, left_out) in found.items():
            number = self._pairs_number(scores) if name == WITHIN else self.effective.get(name)
            self._values[row, name] = Values(full, left_out, scores.fixed, number)

    def _compute_roc_auc(self, scores: Scores) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Score each fold on its own, and average over the folds.

        Scores of different networks are not compared: a fold whose groups have a label often is
        tested by a network that has seen it seldom, so a pooled ROC AUC would be too low.
        """
        weights = np.vstack([np.ones(len(scores.labels)), self._weights])
        classes, micro = [], []
        for fold in np.unique(scores.folds) if scores.folds is not None else (None,):
            keep = slice(None) if fold is None else np.asarray(scores.folds) == fold
            labels, own = scores.labels[keep], weights[:, keep]
            runs = scores.logits[:, keep]
            classes.append(np.stack([weighted_roc_auc(x, labels, own) for x in runs]))
            micro.append(np.stack([weighted_roc_auc_micro(x, labels, own) for x in runs]))
        each = macro(np.stack(classes, -1))  # over the folds that have both labels
        found = {name: each[:, :, k] for k, name in enumerate(scores.classes)}
        found['macro'] = macro(each)
        found['micro'] = macro(np.stack(micro, -1))
        return {name: (values[:, 0], values[:, 1:]) for name, values in found.items()}

    def _pairs_number(self, scores: Scores) -> float:
        groups = scores.groups[self._within or '']
        pairs = within_groups(scores.logits[0], scores.labels, groups).pairs
        return effective_number(pairs.sum(axis=1))

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
        """Score all clips (S,), and those that are left without each group (S, G), fold by fold."""
        every = np.ones(len(scores.labels), dtype=bool)
        numbers = every.astype(int) if scores.folds is None else scores.folds
        folds = [numbers == fold for fold in np.unique(numbers)]
        kept = [every, *(self._weights > 0)]

        def of_fold(x: np.ndarray, chosen: np.ndarray) -> float:
            return score(x, scores.labels, chosen) if chosen.any() else math.nan

        values = np.array(
            [[[of_fold(x, keep & fold) for fold in folds] for keep in kept] for x in scores.logits]
        )
        each = macro(values)
        return each[:, 0], each[:, 1:]


def difference(rows: LeftOut, first: str, second: str, metric: str) -> Difference:
    """Estimate the difference of two rows in a metric, first minus second."""
    found = combine([(1, rows.values(first, metric)), (-1, rows.values(second, metric))])
    return Difference(first, second, metric, found.value, found.low, found.high, found.p_value)


def compare_emotions(rows: LeftOut, pairs: Sequence[tuple[str, str]]) -> list[Difference]:
    """Compare pairs of rows in each class.

    A class whose positives, or negatives, are spread over fewer than ``MIN_EFFECTIVE_GROUPS``
    groups gets no p-value.
    """
    out = []
    for (first, second), name in itertools.product(pairs, rows.effective):
        found = difference(rows, first, second, name)
        few = not rows.effective[name] >= MIN_EFFECTIVE_GROUPS
        out.append(replace(found, p_value=float('nan')) if few else found)
    return out


def difference_claim(rows: LeftOut, first: str, second: str, metric: str) -> Claim:
    """Claim that a row is better than another in a metric."""
    found = difference(rows, first, second, metric)
    text = f'{first} minus {second}, {metric}: above 0'
    return Claim(text, found.value, found.low, found.high, _is_above_0(found))


def _is_above_0(found: Difference | Estimate) -> bool:
    """Tell if an interval lies above 0; with too few seeds for a p-value, nothing is shown."""
    return found.low > 0 and not math.isnan(found.p_value)


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
    if not _is_above_0(gain):
        text += ' (no such gain is shown)'
    holds = _is_above_0(found) and _is_above_0(gain)
    return Claim(text, found.value, found.low, found.high, holds)


def estimate(rows: LeftOut, row: str, metric: str) -> tuple[Estimate, tuple[float, float]]:
    """Estimate a metric of a row: its mean and error, and its interval within 0..1."""
    values = rows.values(row, metric)
    return combine([(1, values)]), interval_of(values)

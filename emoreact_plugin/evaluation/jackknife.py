"""Compute intervals and tests of scores that several trainings reached on one set of clips.

Clips of one series or child are alike, so whole groups are left out in turn, and every interval and
test is made of two parts: how the mean over the trainings varies with the groups, and how much the
trainings differ. S is the number of seeds (trainings), G that of groups; what cannot be computed is
NaN.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_fraction
from .functional import sigmoid
from .within_groups import number_groups

# The fewest seeds from which the spread over seeds is estimated for a test.
MIN_SEEDS = 3
# Below it, a standard error of shares of pairs is a rounding error.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Values:
    """A score of S trainings, on all clips and without each group.

    Attributes:
        full (np.ndarray): (S,), on the clips as they are.
        left_out (np.ndarray): (S, G), without one group each.
        fixed (bool): Whether it is no training at all, such as a table of frequencies: there are
            no other seeds then.
        effective (float | None): Effective number of groups, see :func:`effective_number`. None
            takes G, which is right for a mean over all clips.
    """

    full: np.ndarray
    left_out: np.ndarray
    fixed: bool = False
    effective: float | None = None

    @property
    def mean(self) -> float:
        """Return the mean over the seeds."""
        return float(self.full.mean())


@dataclass(frozen=True)
class Estimate:
    """A score or a difference of scores, with its interval and test.

    Attributes:
        value (float): Mean over the seeds.
        low, high (float): The ends of the interval.
        p_value (float): Two-sided p-value for a value of 0. NaN with fewer than ``MIN_SEEDS``
            seeds, as the spread over seeds is not known then.
        standard_error (float): Standard error of the value.
        degrees (float): Degrees of freedom of the t distribution, by Satterthwaite.
    """

    value: float
    low: float
    high: float
    p_value: float
    standard_error: float
    degrees: float


def left_out_weights(num_clips: int, groups: Sequence[Hashable] | None = None) -> np.ndarray:
    """Say for each group which clips are left when it is left out.

    Args:
        num_clips (int): N.
        groups (Sequence[Hashable], optional): N groups, at least two different ones. Defaults to
            None: each clip is a group.

    Returns:
        np.ndarray: (G, N) float64, 1 or 0.

    Raises:
        InputError: If the groups are not as above.
    """
    numbers = np.arange(num_clips) if groups is None else number_groups(groups, num_clips)
    count = int(numbers.max()) + 1
    if count < 2:
        raise InputError('groups: expected at least two, found one')
    return (numbers != np.arange(count)[:, np.newaxis]).astype(np.float64)


def effective_number(counts: ArrayLike) -> float:
    """Compute how many groups of one size say as much as groups of these sizes.

    Source: Kish, *Survey sampling*, 1965.

    Args:
        counts (array-like): (G,), 0 or more: what a score counts in each group, such as positives.

    Returns:
        float: 1..G; NaN if all are 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    return float(counts.sum() ** 2 / (counts**2).sum()) if counts.any() else math.nan


def _variance(left_out: np.ndarray) -> np.ndarray:
    """Compute the jackknife variance over the last axis, (..., G)."""
    count = left_out.shape[-1]
    centered = left_out - left_out.mean(axis=-1, keepdims=True)
    return (count - 1) / count * (centered**2).sum(axis=-1)


def combine(terms: Sequence[tuple[float, Values]], level: float = 0.95) -> Estimate:
    """Estimate a weighted sum of scores of different models on the same clips.

    The variance has two parts. The first is how the sum of the means varies with the groups of
    clips: the variance of the delete-one-group jackknife, less what the means over S seeds still
    hold of the noise of single trainings on single groups. The second is the variance over the
    seeds of each model, divided by S, which holds this noise as well. With one seed, only the first
    is known, and the interval is about these very trainings.

    Source: Efron and Stein, *The jackknife estimate of variance*, Annals of Statistics 9, 1981;
    Satterthwaite, *An approximate distribution of estimates of variance components*, Biometrics
    Bulletin 2, 1946; for clusters, Obuchowski, *Nonparametric analysis of clustered ROC curve
    data*, Biometrics 53, 1997.

    Args:
        terms (Sequence[tuple[float, Values]]): Weight and scores of each model, with one G.
        level (float): Level of the interval, above 0 and below 1.

    Returns:
        Estimate: Interval and p-value by Student's t. If the estimated variance is 0, it measures
        no uncertainty: the ends are NaN, and the p-value is 1 for a value of 0 and otherwise NaN.

    Raises:
        InputError: If the models have different numbers of groups.
    """
    check_fraction(level, 'level')
    counts = {values.left_out.shape[1] for _, values in terms}
    if len(counts) != 1:
        raise InputError(f'expected scores of the same groups, found {sorted(counts)} groups')
    groups = counts.pop()
    value = sum(weight * values.mean for weight, values in terms)
    # A score that is undefined without a group has no interval: max(0, NaN) would be 0.
    if any(np.isnan(values.left_out).any() or np.isnan(values.full).any() for _, values in terms):
        return Estimate(value, *[math.nan] * 5)
    effective = min(groups if v.effective is None else v.effective for _, v in terms)
    sums: np.ndarray = sum(weight * values.left_out.mean(axis=0) for weight, values in terms)
    sampling = float(_variance(sums))
    parts: list[tuple[float, float]] = []
    for weight, values in terms:
        seeds = len(values.full)
        if seeds == 1:
            continue
        of_each = _variance(values.left_out).mean()
        of_mean = _variance(values.left_out.mean(axis=0))
        sampling -= weight**2 * max(0.0, of_each - of_mean) / (seeds - 1)
        parts.append((weight**2 * float(values.full.var(ddof=1)) / seeds, seeds - 1))
    # Few large groups vary less in the sample than they would in others.
    parts.append((max(0.0, sampling), max(effective - 1, 0.5)))
    variance = sum(part for part, _ in parts)
    few = any(not v.fixed and len(v.full) < MIN_SEEDS for _, v in terms)
    return _estimate(value, variance, parts, few, level)


def _estimate(
    value: float, variance: float, parts: list[tuple[float, float]], few: bool, level: float
) -> Estimate:
    error = math.sqrt(variance)
    if error < _ROUNDING:
        p_value = 1.0 if abs(value) < _ROUNDING and not few else math.nan
        return Estimate(value, math.nan, math.nan, p_value, 0.0, math.nan)
    degrees = variance**2 / sum(part**2 / free for part, free in parts)
    half = float(student.isf((1 - level) / 2, degrees)) * error
    p_value = math.nan if few else float(2 * student.sf(abs(value) / error, degrees))
    return Estimate(value, value - half, value + half, p_value, error, degrees)


def interval_of(values: Values, level: float = 0.95) -> tuple[float, float]:
    """Compute the interval of a score in 0..1.

    It is computed for the logit of the score, so that its ends stay in 0..1.

    Args:
        values (Values): The score.
        level (float): Level of the interval, above 0 and below 1.

    Returns:
        tuple[float, float]: The two ends; NaN if the score is undefined, 0 or 1, or undefined
        without one of the groups.
    """
    found = combine([(1.0, values)], level)
    if not 0 < found.value < 1 or math.isnan(found.low):
        return math.nan, math.nan
    half = (found.high - found.value) / (found.value * (1 - found.value))
    middle = math.log(found.value / (1 - found.value))
    low, high = sigmoid(np.array([middle - half, middle + half])).tolist()
    return low, high


def holm(p_values: ArrayLike) -> np.ndarray:
    """Correct the p-values of several tests with Holm's method.

    It is valid however the tests depend on each other.

    Source: Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of
    Statistics 6, 1979.

    Args:
        p_values (array-like): (M,), in 0..1; NaN for what could not be tested, which does not count
            as a test. M may be 0.

    Returns:
        np.ndarray: (M,), float64: adjusted p-values, at most 1, in the order of the tests; NaN
        where the p-value is NaN.

    Raises:
        InputError: If the p-values are not as above.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f'p_values: expected an array of shape (M,), found shape {values.shape}')
    bad = (values < 0) | (values > 1)
    if bad.any():
        raise InputError(
            f'p_values, test {bad.argmax()}: expected a number '
            f'in 0..1, found {values[bad.argmax()]:g}'
        )
    order = np.argsort(values)[: (~np.isnan(values)).sum()]  # NaN are last
    scaled = values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(values.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted

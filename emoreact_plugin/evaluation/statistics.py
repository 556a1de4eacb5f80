"""Compute intervals, tests and corrections for ROC AUCs and their differences.

In this file there are N clips, R resamples, and S and T seeds (trainings) of two models. What
cannot be computed is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_array
from .resampling import check_values, paired_differences

# Below it, a standard error of shares of pairs is a rounding error.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class PairedBootstrap:
    """Difference between two models on the same resamples of clips.

    Attributes:
        difference (float): Mean over the seeds of the first minus that of the second, on the clips
            as they are.
        low (float): Lower end of the interval.
        high (float): Upper end of the interval.
        p_value (float): Two-sided p-value for no difference.
        undefined (float): Share of the resamples, 0..1, that have no value and are left out of the
            interval and the p-value.
    """

    difference: float
    low: float
    high: float
    p_value: float
    undefined: float


class NonInferiority(NamedTuple):
    """Test result that says if a new model is worse by no more than a margin.

    Attributes:
        low (float): Lower end of the two-sided interval of new minus reference.
        margin (float): The loss that is accepted.
        non_inferior (bool): ``low > -margin``. False means that non-inferiority is not shown; it
            does not mean that the model is inferior.
    """

    low: float
    margin: float
    non_inferior: bool


@dataclass(frozen=True)
class DeLong:
    """DeLong's comparison of two ROC AUCs on the same clips.

    Attributes:
        roc_auc_a (float): ROC AUC of the first model, mean over its seeds.
        roc_auc_b (float): ROC AUC of the second model, mean over its seeds.
        difference (float): First minus second.
        standard_error (float): Standard error of the difference.
        p_value (float): Two-sided p-value for no difference.
        low (float): Lower end of the interval of the difference.
        high (float): Upper end; neither end is cut off at -1 or 1.
    """

    roc_auc_a: float
    roc_auc_b: float
    difference: float
    standard_error: float
    p_value: float
    low: float
    high: float


def _check_level(level: float) -> None:
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise InputError(f'level: expected a share above 0 and below 1, found {level!r}')


def interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Compute the percentile interval of bootstrapped values.

    Any share of the values may be NaN and is left out. The interval is then only about samples that
    have the class. A class that k clips have (or k groups, if groups are drawn) is missing in a
    share of about ``exp(-k)`` of the resamples: 0.7 % for five, 37 % for one.

    Source: Efron and Tibshirani, *An introduction to the bootstrap*, 1993, chapter 13.

    Args:
        values (array-like): (R,), finite or NaN.
        level (float): Share of the values between the ends, above 0 and below 1.

    Returns:
        tuple[float, float]: The two ends; NaN if all values are NaN.

    Raises:
        InputError: If the arguments are not as above.
    """
    checked = check_values(values, 'values', 'R')
    _check_level(level)
    defined = checked[~np.isnan(checked)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def bootstrap_p_value(differences: ArrayLike) -> float:
    """Compute the two-sided p-value for no difference from bootstrapped differences.

    It is twice the share of the resamples on the rarer side of 0, where a difference of 0 counts on
    both sides. This is the test that belongs to the percentile interval. One is added to the count
    and to the number of resamples, so the smallest p-value is ``2 / (R + 1)``. To be significant
    after Holm's correction of M tests, R has to be well above ``2 M / 0.05``.

    Source: Davison and Hinkley, *Bootstrap methods and their application*, 1997, section 4.2 (the
    one that is added) and 5.4 (tests that invert an interval).

    Args:
        differences (array-like): (R,), finite or NaN; NaN are left out.

    Returns:
        float: Above 0 and at most 1; NaN if all differences are NaN.

    Raises:
        InputError: If the differences are not as above.
    """
    checked = check_values(differences, 'differences', 'R')
    defined = checked[~np.isnan(checked)]
    if not len(defined):
        return math.nan
    rarer = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1, 2 * (rarer + 1) / (len(defined) + 1)))


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


def non_inferiority(differences: ArrayLike, margin: float, level: float = 0.95) -> NonInferiority:
    """Test that a new model is worse by no more than a margin.

    The margin has to be chosen before the scores are seen. The test is one-sided, at a significance
    level of ``(1 - level) / 2``.

    Source: Piaggio et al., *Reporting of noninferiority and equivalence randomized trials*, JAMA
    308, 2012.

    Args:
        differences (array-like): (R,), bootstrapped, new minus reference; NaN are left out.
        margin (float): The loss that is accepted, above 0.
        level (float): Level of the two-sided interval.

    Returns:
        NonInferiority: Not shown if all differences are NaN.

    Raises:
        InputError: If the arguments are not as above.
    """
    if (
        isinstance(margin, bool)
        or not isinstance(margin, (int, float))
        or not 0 < margin < math.inf
    ):
        raise InputError(f'margin: expected a number above 0, found {margin!r}')
    low = interval(differences, level)[0]
    return NonInferiority(low, float(margin), low > -margin)


def paired_bootstrap(
    values_a: ArrayLike,
    values_b: ArrayLike,
    estimates_a: ArrayLike,
    estimates_b: ArrayLike,
    level: float = 0.95,
    seed: int = 0,
) -> PairedBootstrap:
    """Compare two models on the same resamples of clips.

    Args:
        values_a (array-like): (S, R), see
            :func:`~emoreact_plugin.evaluation.resampling.paired_differences`.
        values_b (array-like): (T, R), likewise.
        estimates_a (array-like): (S,), the same score of each seed on the clips as they are.
        estimates_b (array-like): (T,), likewise.
        level (float): Level of the interval.
        seed (int): Seed of the draws of training seeds.

    Returns:
        PairedBootstrap: First minus second.

    Raises:
        InputError: For the reasons of ``paired_differences``, and if there are not as many
            estimates as seeds.
    """
    differences = paired_differences(values_a, values_b, seed)
    means = []
    for name, given, values in (('a', estimates_a, values_a), ('b', estimates_b, values_b)):
        estimates = check_values(np.atleast_1d(given), f'estimates_{name}', 'S')
        seeds = len(np.asarray(values))
        if len(estimates) != seeds:
            raise InputError(
                f'estimates_{name}: expected one for each of {seeds} seeds, found {len(estimates)}'
            )
        means.append(float(estimates.mean()))
    return PairedBootstrap(
        means[0] - means[1],
        *interval(differences, level),
        bootstrap_p_value(differences),
        float(np.isnan(differences).mean()),
    )


def _check_seeds(scores: ArrayLike, name: str) -> np.ndarray:
    """Check scores of (S, N) or (N,), and return them as (S, N) float64."""
    scores = np.asarray(scores)
    if scores.ndim == 1:
        scores = scores[np.newaxis]
    return check_values(scores, name, 'SN', nan=False)


def _placements(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the placement values of positives (m,) and negatives (n,), averaged over seeds.

    For a positive, it is the share of the negatives that it beats. For a negative, it is the share
    of the positives that beat it.
    """
    positives, negatives = scores[:, labels], scores[:, ~labels]
    ranks = rankdata(scores, axis=1)
    beaten = ranks[:, labels] - rankdata(positives, axis=1)
    lost = ranks[:, ~labels] - rankdata(negatives, axis=1)
    return (beaten.mean(axis=0) / negatives.shape[1], 1 - lost.mean(axis=0) / positives.shape[1])


def delong(
    scores_a: ArrayLike, scores_b: ArrayLike, labels: ArrayLike, level: float = 0.95
) -> DeLong:
    """Compare two models by the ROC AUC of one class, without resampling.

    Each ROC AUC is the mean over the model's seeds, and so are the placement values from which the
    variance is computed. The trainings are taken as they are: the result is about other clips, not
    about other seeds. Clips are treated as independent, which clips of one child or series are not.

    Source: DeLong, DeLong and Clarke-Pearson, *Comparing the areas under two or more correlated
    receiver operating characteristic curves*, Biometrics 44, 1988; computed from ranks as in Sun
    and Xu, *Fast implementation of DeLong's algorithm*, IEEE Signal Processing Letters 21, 2014.

    Args:
        scores_a (array-like): (S, N) or (N,), finite, of any scale.
        scores_b (array-like): (T, N) or (N,), likewise.
        labels (array-like): (N,), 0 or 1.
        level (float): Level of the interval.

    Returns:
        DeLong: All values are NaN if all labels are equal. With a single positive or a single
        negative there is no variance: standard error, p-value and ends are NaN. An estimated
        variance of 0 (equal scores, or both models separate all clips) measures no uncertainty: the
        ends are NaN, and the p-value is 1 for a difference of 0 and otherwise NaN, not 0.

    Raises:
        InputError: If the arrays are not as above, or their N differ.
    """
    scores_a = _check_seeds(scores_a, 'scores_a')
    scores_b = _check_seeds(scores_b, 'scores_b')
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise InputError(f'labels: expected an array of shape (N,), found shape {labels.shape}')
    labels = check_array(labels[:, np.newaxis], 'labels')[:, 0]
    counts = scores_a.shape[1], scores_b.shape[1], len(labels)
    if len(set(counts)) > 1:
        raise InputError(
            f'expected scores_a, scores_b and labels of the same clips, found {counts[0]}, '
            f'{counts[1]} and {counts[2]}'
        )
    _check_level(level)
    if labels.all() or not labels.any():
        return DeLong(*[math.nan] * 7)

    positives_a, negatives_a = _placements(scores_a, labels)
    positives_b, negatives_b = _placements(scores_b, labels)
    a, b = float(positives_a.mean()), float(positives_b.mean())
    difference = a - b
    error = p_value = half = math.nan
    if 1 < labels.sum() < len(labels) - 1:
        error = math.sqrt(
            np.var(positives_a - positives_b, ddof=1) / labels.sum()
            + np.var(negatives_a - negatives_b, ddof=1) / (~labels).sum()
        )
        if error > _ROUNDING:
            p_value = float(2 * norm.sf(abs(difference) / error))
            half = float(norm.isf((1 - level) / 2)) * error
        else:
            error = 0.0
            p_value = 1.0 if abs(difference) < _ROUNDING else math.nan
    return DeLong(a, b, difference, error, p_value, difference - half, difference + half)

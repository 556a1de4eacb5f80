"""Compute ROC AUC for other choices of the clips, such as resamples of the bootstrap.

A resample is a row of weights that says how often each clip was drawn, so that one sort of the
scores serves all resamples. In this file there are N clips, C classes and R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_count, check_fraction, check_pair, first_bad
from .within_groups import number_groups

# Values at a time of what is as large as decisions times resamples: so many
# stay in a processor's cache, which is faster than all at once.
_BLOCK = 2**18


def check_values(values: ArrayLike, name: str, axes: str, nan: bool = True) -> np.ndarray:
    """Check an array of real numbers with any number of axes.

    Args:
        values (array-like): Real.
        name (str): What to call it in an error.
        axes (str): The letters of its axes, such as ``'SR'`` for seeds by resamples.
        nan (bool): Whether a value may be NaN, which means undefined.

    Returns:
        np.ndarray: float64.

    Raises:
        InputError: If it has other axes, is empty, is not real, or has a value that is infinite, or
            NaN if ``nan`` is False.
    """
    values = np.asarray(values)
    if values.ndim != len(axes) or 0 in values.shape:
        expected = ', '.join(axes) + (',' if len(axes) == 1 else '')
        raise InputError(
            f'{name}: expected an array of shape ({expected}) '
            f'that is not empty, found shape {values.shape}'
        )
    if values.dtype.kind not in 'buif':
        raise InputError(f'{name}: expected real numbers, found dtype {values.dtype}')
    bad = np.isinf(values) if nan else ~np.isfinite(values)
    if bad.any():
        where = np.argwhere(bad)[0].tolist()
        raise InputError(
            f'{name}{where}: expected a finite number{" or NaN" if nan else ""}, found '
            f'{values[tuple(where)]}'
        )
    return values.astype(np.float64)


def bootstrap_weights(
    num_clips: int, groups: Sequence[Hashable] | None = None, resamples: int = 2000, seed: int = 0
) -> np.ndarray:
    """Draw as many clips as there are, with replacement.

    If clips of one group (a child, a series) are alike, whole groups are drawn: to draw them one by
    one would treat them as independent. A resample of groups of different sizes does not have
    exactly N clips.

    Source: Efron and Tibshirani, *An introduction to the bootstrap*, 1993; for groups, Field and
    Welsh, *Bootstrapping clustered data*, JRSS B 69, 2007.

    Args:
        num_clips (int): N, at least 2.
        groups (Sequence[Hashable], optional): N names, at least two different ones. Intervals from
            few groups, or from groups of uneven sizes, are too narrow. Defaults to None: clips are
            drawn one by one.
        resamples (int): R, at least 1.
        seed (int): Seed of the draws, 0 or more. Equal arguments give equal weights.

    Returns:
        np.ndarray: (R, N), int64: how often each resample has each clip.

    Raises:
        InputError: If an argument is not as above, or a clip has no group (None or NaN).
    """
    check_count(num_clips, 'num_clips', 2)
    check_count(resamples, 'resamples', 1)
    check_count(seed, 'seed', 0)
    members = np.arange(num_clips) if groups is None else number_groups(groups, num_clips)
    count = int(members.max()) + 1
    if count < 2:
        raise InputError(
            'groups: expected at least two, since all resamples of one are equal, found one'
        )
    drawn = np.random.default_rng(seed).integers(0, count, (resamples, count))
    times = np.stack([np.bincount(row, minlength=count) for row in drawn])
    return times[:, members]


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
    check_fraction(level, 'level')
    defined = checked[~np.isnan(checked)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def check_weights(weights: ArrayLike, num_clips: int) -> np.ndarray:
    """Check how often resamples have each clip, (R, N): finite and 0 or more."""
    weights = np.asarray(weights)
    if weights.ndim != 2 or weights.shape[1] != num_clips or not len(weights):
        raise InputError(
            f'weights: expected an array of shape (R, {num_clips}), resamples by clips, found '
            f'shape {weights.shape}'
        )
    if weights.dtype.kind not in 'buif':
        raise InputError(f'weights: expected real numbers, found dtype {weights.dtype}')
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        row, col = first_bad(bad)
        raise InputError(
            f'weights, resample {row}, clip {col}: expected a finite number of 0 or more, found '
            f'{weights[row, col]}'
        )
    return weights


def _weighted_roc_auc(
    scores: np.ndarray, labels: np.ndarray, clips: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Compute the ROC AUC of D decisions in each resample, (R,).

    Scores and labels are (D,); ``clips`` (D,) holds the clip of each decision.
    """
    positive, negative = np.flatnonzero(labels), np.flatnonzero(~labels)
    negative = negative[np.argsort(scores[negative])]
    # How many negatives score lower, and how many no higher; the mean of the
    # two counts a tie half.
    lower = np.searchsorted(scores[negative], scores[positive], 'left')
    not_higher = np.searchsorted(scores[negative], scores[positive], 'right')
    result = np.empty(len(weights))
    step = max(1, _BLOCK // len(scores))
    for start in range(0, len(weights), step):
        block = np.ascontiguousarray(weights[start : start + step].T, dtype=np.float64)
        below = np.zeros((len(negative) + 1, block.shape[1]))
        np.cumsum(block[clips[negative]], axis=0, out=below[1:])
        drawn = block[clips[positive]]
        wins = np.einsum('dr,dr->r', drawn, below[lower] + below[not_higher]) / 2
        pairs = drawn.sum(axis=0) * below[-1]
        pairs[pairs == 0] = np.nan
        result[start : start + step] = wins / pairs
    return result


def weighted_roc_auc(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike) -> np.ndarray:
    """Compute the ROC AUC of each class in each resample.

    The result is exactly that of :func:`~emoreact_plugin.evaluation.functional.roc_auc` when each
    clip is repeated as often as its weight says.

    Args:
        scores (array-like): (N, C), finite, of any scale.
        labels (array-like): (N, C), 0 or 1.
        weights (array-like): (R, N), finite, 0 or more.

    Returns:
        np.ndarray: (R, C), float64 in 0..1; NaN if all clips of a resample have the same label of a
        class.

    Raises:
        InputError: If the arrays are not as above.
    """
    scores, labels = check_pair(scores, labels)
    weights = check_weights(weights, len(scores))
    clips = np.arange(len(scores))
    return np.stack(
        [
            _weighted_roc_auc(score, truth, clips, weights)
            for score, truth in zip(scores.T, labels.T, strict=True)
        ],
        axis=1,
    )


def weighted_roc_auc_micro(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike) -> np.ndarray:
    """Compute the ROC AUC of all N x C decisions of each resample taken together.

    Arguments and errors are those of :func:`weighted_roc_auc`, but the scores have to be on one
    scale for all classes.

    Returns:
        np.ndarray: (R,), float64 in 0..1; NaN if all labels of a resample are equal.
    """
    scores, labels = check_pair(scores, labels)
    weights = check_weights(weights, len(scores))
    clips = np.repeat(np.arange(len(scores)), scores.shape[1])
    return _weighted_roc_auc(scores.ravel(), labels.ravel(), clips, weights)

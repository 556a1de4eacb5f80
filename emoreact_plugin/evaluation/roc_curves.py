"""Compute ROC curves of one class: their points, mean over seeds and spread.

In this file there are N clips, R resamples and S seeds (trainings of one model). A rate is a share
in 0..1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_pair
from .resampling import check_values, check_weights, interval


def weighted_roc_curves(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the ROC curve of each resample.

    It is the curve that results when each clip is repeated as often as its weight says. Clips with
    equal scores form one straight piece of it, so that the area under it is that of
    :func:`~emoreact_plugin.evaluation.resampling.weighted_roc_auc`.

    Args:
        scores (array-like): (N,), finite, of any scale.
        labels (array-like): (N,), 0 or 1.
        weights (array-like): (R, N), finite, 0 or more.

    Returns:
        tuple[np.ndarray, np.ndarray]: False and true positive rate, (R, K) float64 from 0 to 1, for
        K - 1 different scores; NaN in a resample whose clips all have the same label.

    Raises:
        InputError: If the arrays are not as above.
    """
    scores, labels = check_pair(
        np.asarray(scores)[:, np.newaxis], np.asarray(labels)[:, np.newaxis]
    )
    scores, labels = scores[:, 0], labels[:, 0]
    weights = check_weights(weights, len(scores)).astype(np.float64)
    order = np.argsort(-scores, kind='stable')
    ends = np.flatnonzero(np.append(np.diff(scores[order]), 1))
    rates = []
    for which in (~labels, labels):
        counts = np.cumsum((weights * which)[:, order], axis=1)[:, ends]
        total = counts[:, -1:].copy()
        total[total == 0] = np.nan
        rates.append(np.pad(counts, ((0, 0), (1, 0))) / total)
    undefined = np.isnan(rates[0] + rates[1]).any(axis=1)
    for rate in rates:
        rate[undefined] = np.nan
    return rates[0], rates[1]


def mean_roc_curve(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Average the ROC curves of some seeds vertically.

    The result is the mean true positive rate at each false positive rate. The area under it is the
    mean of the seeds' ROC AUC. With one seed it is the curve of that seed.

    Source: Fawcett, *An introduction to ROC analysis*, Pattern Recognition Letters 27, 2006,
    section 9.1.

    Args:
        scores (array-like): (S, N), finite, of any scale.
        labels (array-like): (N,), 0 or 1, with both values present.

    Returns:
        tuple[np.ndarray, np.ndarray]: False and true positive rate, (K,) float64 from (0, 0) to (1,
        1).

    Raises:
        InputError: If the arrays are not as above.
    """
    labels = np.asarray(labels)
    curves = []
    for each in check_values(scores, 'scores', 'SN', nan=False):
        curve = weighted_roc_curves(each, labels, np.ones((1, len(each))))
        if np.isnan(curve[0]).any():
            raise InputError(f'labels: expected 0 and 1, found only {int(labels.max())}')
        curves.append((curve[0][0], curve[1][0]))
    if len(curves) == 1:
        return curves[0]
    grid = np.unique(np.concatenate([fpr for fpr, _ in curves]))
    ends = np.mean([_ends_at(*curve, grid) for curve in curves], axis=0)
    return np.repeat(grid, 2), ends.T.ravel()


def _ends_at(fpr: np.ndarray, tpr: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Find the lowest and highest point of a curve at each rate of a grid, (2, G).

    The two differ where the curve goes straight up.
    """
    knots, first = np.unique(fpr, return_index=True)
    low, high = tpr[first], tpr[np.append(first[1:], len(fpr)) - 1]
    left = np.searchsorted(knots, grid, side='right') - 1
    right = np.minimum(left + 1, len(knots) - 1)
    gap = np.where(right > left, knots[right] - knots[left], 1)
    share = (grid - knots[left]) / gap
    between = high[left] + share * (low[right] - high[left])
    on_knot = share == 0
    return np.stack([np.where(on_knot, low[left], between), between])


def roc_band(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike,
    grid: ArrayLike,
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the pointwise bootstrap interval of the true positive rate.

    The interval holds at each false positive rate on its own. The probability that a whole curve
    lies in the band is lower than ``level``. With several seeds, the interval is that of their
    mean, and the seeds are not resampled.

    Args:
        scores (array-like): (S, N), finite, of any scale.
        labels (array-like): (N,), 0 or 1.
        weights (array-like): (R, N), from
            :func:`~emoreact_plugin.evaluation.resampling.bootstrap_weights`.
        grid (array-like): (G,) false positive rates, 0..1.
        level (float): Above 0 and below 1.

    Returns:
        tuple[np.ndarray, np.ndarray]: Lower and upper ends, (G,) float64; NaN if all resamples are
        undefined.

    Raises:
        InputError: If the arguments are not as above.
    """
    total: np.ndarray = np.zeros(())
    grid = np.asarray(grid, dtype=np.float64)
    scores = check_values(scores, 'scores', 'SN', nan=False)
    for each in scores:
        curves = zip(*weighted_roc_curves(each, labels, weights), strict=True)
        # Where a curve goes straight up, np.interp takes its upper end.
        total = total + np.stack(
            [
                np.interp(grid, fpr, tpr) if fpr[0] == 0 else np.full(len(grid), np.nan)
                for fpr, tpr in curves
            ]
        )
    low, high = np.transpose([interval(column, level) for column in (total / len(scores)).T])
    return low, high

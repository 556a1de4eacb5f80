"""Score multi-label arrays by ROC AUC, average precision and F1.

Arrays have one row per clip and one column per class, ``(N, C)``. A value that is not defined (such
as the ROC AUC of a class that every clip has) is NaN in an array and ``None`` in the dictionary of
:func:`compute_metrics`. It is never replaced by a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .array_checks import check_array, check_classes, check_fraction, check_pair, check_same_shape


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Compute the logistic function of an array of any shape.

    It is computed from ``exp(-|x|)``, so that no logit overflows.
    """
    logits = np.asarray(logits, dtype=np.float64)
    decay = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, decay) / (1 + decay)


def _rank_one(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Compute ROC AUC and average precision of one class, (N,) each, from one sort."""
    order = np.argsort(-scores)
    scores, labels = scores[order], labels[order]
    # The last clip of each score: ties are one step.
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    hits, count = np.cumsum(labels)[ends], ends + 1
    positives = int(hits[-1])
    if not positives:
        return math.nan, math.nan
    new_hits = np.diff(hits, prepend=0)
    precision = float((new_hits * (hits / count)).sum() / positives)
    pairs = positives * (len(scores) - positives)
    # Twice, in whole numbers, so that no digit is lost: a tie counts half.
    twice = int((np.diff(count - hits, prepend=0) * (2 * hits - new_hits)).sum())
    return twice / 2 / pairs if pairs else math.nan, precision


def _ranked(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute (2, C): the ROC AUC and the average precision of each class."""
    return np.array([_rank_one(*pair) for pair in zip(scores.T, labels.T, strict=True)]).T


def _roc_auc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return _ranked(scores, labels)[0]


def _roc_auc_micro(scores: np.ndarray, labels: np.ndarray) -> float:
    return _rank_one(scores.ravel(), labels.ravel())[0]


def roc_auc(scores: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Compute the area under the ROC curve of each class.

    This is the share of all pairs of a positive and a negative clip in which the positive one has
    the higher score; a tie counts half. It is the Mann-Whitney U statistic, as a share.

    Source: Hanley and McNeil, *The meaning and use of the area under a receiver operating
    characteristic (ROC) curve*, Radiology 143, 1982.

    Args:
        scores (array-like): (N, C), finite, of any scale: only their order within a class counts.
        labels (array-like): (N, C), 0 or 1.

    Returns:
        np.ndarray: (C,), float64 in 0..1; NaN for a class whose labels are all equal, because it
        has no pairs.

    Raises:
        InputError: If the arrays are not as above.
    """
    return _roc_auc(*check_pair(scores, labels))


def roc_auc_micro(scores: ArrayLike, labels: ArrayLike) -> float:
    """Compute the area under the ROC curve of all N x C decisions taken together.

    Scores of different classes are compared here, so class frequencies alone score above 0.5: see
    :func:`~emoreact_plugin.evaluation.priors.label_frequencies`.

    Args:
        scores (array-like): (N, C), finite, on one scale for all classes.
        labels (array-like): (N, C), 0 or 1.

    Returns:
        float: In 0..1; NaN if all labels are equal.

    Raises:
        InputError: If the arrays are not as above.
    """
    return _roc_auc_micro(*check_pair(scores, labels))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Compute the average precision of each class (scikit-learn's, not interpolated).

    Args:
        scores (array-like): (N, C), finite, of any scale.
        labels (array-like): (N, C), 0 or 1.

    Returns:
        np.ndarray: (C,), float64 in 0..1; NaN for a class without a positive. A class that every
        clip has gets 1, whatever the scores.

    Raises:
        InputError: If the arrays are not as above.
    """
    return _ranked(*check_pair(scores, labels))[1]


def f1_of_labels(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute the F1 score of each class from predicted labels, both (N, C) bool."""
    count = predicted.sum(axis=0) + labels.sum(axis=0)
    return 2 * (predicted & labels).sum(axis=0) / np.where(count == 0, np.nan, count)


def _f1_micro(predicted: np.ndarray, labels: np.ndarray) -> float:
    return float(f1_of_labels(predicted.ravel(), labels.ravel()))


def f1(probabilities: ArrayLike, labels: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """Compute the F1 score of each class.

    Args:
        probabilities (array-like): (N, C), in 0..1. A class is predicted if its probability is at
            least ``threshold``.
        labels (array-like): (N, C), 0 or 1.
        threshold (float): Above 0 and below 1.

    Returns:
        np.ndarray: (C,), float64 in 0..1; NaN for a class that is neither present nor predicted in
        any clip.

    Raises:
        InputError: If the arguments are not as above.
    """
    threshold = check_fraction(threshold, 'threshold')
    probabilities, labels = check_pair(probabilities, labels, 'probabilities')
    return f1_of_labels(probabilities >= threshold, labels)


def f1_micro(probabilities: ArrayLike, labels: ArrayLike, threshold: float = 0.5) -> float:
    """Compute the F1 score of all N x C decisions taken together.

    Arguments and errors are those of :func:`f1`.

    Returns:
        float: In 0..1; NaN if no class is present or predicted in any clip.
    """
    threshold = check_fraction(threshold, 'threshold')
    probabilities, labels = check_pair(probabilities, labels, 'probabilities')
    return _f1_micro(probabilities >= threshold, labels)


def macro(values: ArrayLike) -> np.ndarray:
    """Average the defined values of the classes.

    A resample that lacks a class has the mean over the other classes. Two rows of a table that
    share their resamples lack the same classes.

    Args:
        values (array-like): (..., C), NaN where undefined.

    Returns:
        np.ndarray: (...), float64; NaN where no class is defined.
    """
    values = np.asarray(values, dtype=np.float64)
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0).sum(axis=-1)
    return total / np.where(count == 0, np.nan, count)


def compute_metrics(
    scores: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str],
    threshold: float,
    probabilities: ArrayLike,
) -> dict[str, float | None]:
    """Compute all scores of one set of clips.

    Args:
        scores (array-like): (N, C), finite: what ROC AUC and average precision rank. Give logits if
            there are any, because the sigmoids of large logits tie.
        labels (array-like): (N, C), 0 or 1.
        classes (Sequence[str]): C names.
        threshold (float): Above 0 and below 1, for F1.
        probabilities (array-like): (N, C), in 0..1, for F1.

    Returns:
        dict[str, float | None]: ``roc_auc/micro``, ``roc_auc/macro``, ``roc_auc/<class>``,
        ``ap/macro``, ``ap/<class>``, ``f1/micro``, ``f1/macro``, ``f1/<class>``, in this order;
        ``None`` if undefined. Macro is the mean over the classes that have a value.

    Raises:
        InputError: If the arguments are not as above.
    """
    classes, threshold = check_classes(classes), check_fraction(threshold, 'threshold')
    scores = check_array(scores, 'scores', classes)
    labels = check_array(labels, 'labels', classes)
    probabilities = check_array(probabilities, 'probabilities', classes)
    check_same_shape(scores, labels)
    check_same_shape(probabilities, labels)
    predicted = probabilities >= threshold
    areas, precisions = _ranked(scores, labels)
    values = _named('roc_auc', classes, areas, _roc_auc_micro(scores, labels))
    values |= _named('ap', classes, precisions)
    f1_values = f1_of_labels(predicted, labels)
    return values | _named('f1', classes, f1_values, _f1_micro(predicted, labels))


def roc_auc_metrics(
    scores: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> dict[str, float | None]:
    """Compute the ROC AUC of checked scores and labels (N, C): ``roc_auc/micro`` and so on."""
    return _named('roc_auc', classes, _roc_auc(scores, labels), _roc_auc_micro(scores, labels))


def _named(
    prefix: str, classes: Sequence[str], per_class: np.ndarray, micro: float | None = None
) -> dict[str, float | None]:
    """Name the values of the classes, their mean and micro; those that are NaN become ``None``."""
    values = {} if micro is None else {f'{prefix}/micro': micro}
    values[f'{prefix}/macro'] = float(macro(per_class))
    values |= {f'{prefix}/{name}': v for name, v in zip(classes, per_class.tolist(), strict=True)}
    return none_for_nan(values)


def none_for_nan(values: Mapping[str, float]) -> dict[str, float | None]:
    """Replace the scores that are undefined, which are NaN, by None."""
    return {key: None if math.isnan(value) else value for key, value in values.items()}

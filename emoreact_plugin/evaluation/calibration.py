"""Choose on val what turns logits into probabilities and labels: a temperature and thresholds.

A network trained on few clips is too sure of itself, and a label that few clips have hardly reaches
a probability of 0.5. N clips, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_array, check_classes, check_count, check_pair
from .functional import f1_of_labels, sigmoid

BINS = 10
# Beyond these, all probabilities are 0 or 1, or all are 0.5.
_TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Calibration:
    """What was chosen on the clips of val.

    Attributes:
        temperature (float): The logits are divided by it; above 1 if the network was too sure.
        thresholds (Mapping[str, float]): Class -> probability, after the temperature, from which it
            is a label.
        clips (int): Number of clips that it was chosen on.
    """

    temperature: float
    thresholds: Mapping[str, float]
    clips: int

    def probabilities(self, logits: ArrayLike) -> np.ndarray:
        """Return the probabilities of logits of any shape."""
        return sigmoid(np.asarray(logits) / self.temperature)

    def to_meta(self) -> dict[str, Any]:
        """Return it as plain numbers, for the ``meta`` of a checkpoint."""
        return dict(
            temperature=self.temperature, thresholds=dict(self.thresholds), clips=self.clips
        )

    @classmethod
    def of_meta(cls, meta: Any, classes: Sequence[str], source: str) -> Calibration:
        """Read and check what :meth:`to_meta` returned.

        Args:
            meta: The content.
            classes (Sequence[str]): The classes that it must be of.
            source (str): The file, for errors.

        Raises:
            InputError: If it is not a temperature above 0 and a threshold in 0..1 for each class.
        """
        try:
            found = cls(
                float(meta['temperature']),
                {str(name): float(value) for name, value in meta['thresholds'].items()},
                int(meta['clips']),
            )
            good = (
                found.thresholds.keys() == {*classes}
                and 0 < found.temperature < math.inf
                and all(0 <= value <= 1 for value in found.thresholds.values())
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f'{source}: calibration: expected a temperature, thresholds and clips, found '
                f'{meta!r:.200}'
            ) from error
        if not good:
            raise InputError(
                f'{source}: calibration: expected a temperature above 0 and a threshold in 0..1 '
                f'for each of {", ".join(classes)}, found {meta!r:.200}'
            )
        return found


def probabilities_of(logits: np.ndarray, calibration: Calibration | None) -> np.ndarray:
    """Return the probabilities of logits of any shape, calibrated if it is known how."""
    return sigmoid(logits) if calibration is None else calibration.probabilities(logits)


def calibrate(logits: ArrayLike, labels: ArrayLike, classes: Sequence[str]) -> Calibration:
    """Choose the temperature and the thresholds on the clips of val.

    Args:
        logits (array-like): (N, C), finite.
        labels (array-like): (N, C), 0 or 1.
        classes (Sequence[str]): C names.

    Returns:
        Calibration: See :func:`fit_temperature` and :func:`choose_thresholds`.

    Raises:
        InputError: If the arrays are not as above, or a class is named twice.
    """
    scores = check_array(logits, 'logits', check_classes(classes))
    temperature = fit_temperature(scores, labels)
    thresholds = choose_thresholds(sigmoid(scores / temperature), labels)
    named = dict(zip(classes, thresholds.tolist(), strict=True))
    return Calibration(temperature, named, len(scores))


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Find the temperature with the least binary cross entropy, one for all classes.

    Source: Guo et al., *On calibration of modern neural networks*, ICML 2017.

    Args:
        logits (array-like): (N, C), finite.
        labels (array-like): (N, C), 0 or 1.

    Returns:
        float: In 0.05..20.

    Raises:
        InputError: If the arrays are not as above.
    """
    scores, truth = check_pair(logits, labels, 'logits')
    signed = np.where(truth, scores, -scores)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, -signed / math.exp(log_temperature)).mean())

    found = minimize_scalar(loss, bounds=tuple(map(math.log, _TEMPERATURES)), method='bounded')
    return float(math.exp(found.x))


def choose_thresholds(probabilities: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Choose for each class the threshold with the best F1.

    Between two clips, it is the middle. Of equally good ones, the one nearest to 0.5 is taken, and
    0.5 for a class that no clip has.

    Args:
        probabilities (array-like): (N, C), in 0..1.
        labels (array-like): (N, C), 0 or 1.

    Returns:
        np.ndarray: (C,), float64 in 0..1.

    Raises:
        InputError: If the arrays are not as above.
    """
    values, truth = check_pair(probabilities, labels, 'probabilities')
    return np.array([_best_threshold(x, y) for x, y in zip(values.T, truth.T, strict=True)])


def _best_threshold(values: np.ndarray, truth: np.ndarray) -> float:
    if not truth.any():
        return 0.5
    levels = np.unique(values)
    between = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2])
    # A gap that holds 0.5 is cut there.
    edges = np.append(levels, 1.0)
    holds = np.flatnonzero((np.append(0.0, levels) < 0.5) & (edges >= 0.5))
    between[holds[holds < len(between)]] = 0.5
    predicted = values >= between[:, np.newaxis]
    f1 = f1_of_labels(predicted.T, truth[:, np.newaxis])
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(between[best[np.abs(between[best] - 0.5).argmin()]])


def calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS) -> np.ndarray:
    """Compute the expected calibration error of each class.

    The clips are put into bins of equal width by their probability. It is the mean distance of the
    mean probability of a bin from its share of positives, weighted by the clips of the bins.

    Source: Naeini, Cooper and Hauskrecht, *Obtaining well calibrated probabilities using Bayesian
    binning*, AAAI 2015.

    Args:
        probabilities (array-like): (N, C), in 0..1.
        labels (array-like): (N, C), 0 or 1.
        bins (int): Number of bins, at least 1.

    Returns:
        np.ndarray: (C,), float64 in 0..1.

    Raises:
        InputError: If the arguments are not as above.
    """
    check_count(bins, 'bins', 1)
    values, truth = check_pair(probabilities, labels, 'probabilities')
    errors = []
    for x, y in zip(values.T, truth.T, strict=True):
        mean, share, count = reliability(x, y, bins)
        errors.append((np.abs(mean - share) * count).sum() / len(x))
    return np.array(errors)


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare the probabilities of decisions with how often they were right, bin by bin.

    Args:
        probabilities (np.ndarray): (D,), in 0..1.
        labels (np.ndarray): (D,), 0 or 1.
        bins (int): Number of bins of equal width.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Of each bin that is not empty: mean probability,
        share of positives, number of decisions.
    """
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    there = count > 0
    mean = np.bincount(place, probabilities, minlength=bins)[there] / count[there]
    share = np.bincount(place, labels, minlength=bins)[there] / count[there]
    return mean, share, count[there]

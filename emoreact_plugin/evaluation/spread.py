"""Measure how far the logits of clips lie apart, to find collapsed models and other scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_scale

# Logits with a smaller standard deviation over the clips are alike.
ALIKE = 1e-3
# Rows of one table that were trained on the drawn sample data had spreads at most 2.0 times each
# other's. Where one of two such runs was multiplied by 3, their mean lost up to 0.04 ROC AUC.
OTHER_SCALE = 3
_SMALLEST = 1e-12  # the probability whose logit stands in for that of 0


def label_spreads(scores: ArrayLike, scale: str = 'logits') -> np.ndarray:
    """Compute the standard deviation of each label's logits over the clips.

    Args:
        scores (array-like): (N, C), finite.
        scale (str): What they are, ``'logits'`` or ``'probabilities'``, whose logits are taken.

    Returns:
        np.ndarray: (C,) float64, 0 or more.

    Raises:
        InputError: If the scale is not as above.
    """
    check_scale(scale)
    values = np.asarray(scores, dtype=np.float64)
    if scale == 'probabilities':
        values = np.clip(values, _SMALLEST, 1 - _SMALLEST)
        values = np.log(values) - np.log1p(-values)
    return values.std(axis=0)


def spread_of(scores: ArrayLike, scale: str = 'logits') -> float:
    """Compute the standard deviation of logits around the mean of their label.

    How often a label occurs, which moves all of its logits, does not count. The arguments and
    errors are those of :func:`label_spreads`.
    """
    return float(np.sqrt(np.square(label_spreads(scores, scale)).mean()))


def collapsed_labels(
    scores: ArrayLike, classes: Sequence[str], scale: str = 'logits'
) -> tuple[str, ...]:
    """Name the labels in which all clips score alike: the model tells no clip from another.

    Args:
        scores (array-like): (N, C), see :func:`label_spreads`.
        classes (Sequence[str]): C names.
        scale (str): See :func:`label_spreads`.

    Returns:
        tuple[str, ...]: Those whose logits have a standard deviation below :data:`ALIKE`; none for
        a single clip.
    """
    if len(np.asarray(scores)) < 2:
        return ()
    flat = label_spreads(scores, scale) < ALIKE
    return tuple(name for name, is_flat in zip(classes, flat, strict=True) if is_flat)


def collapse_text(names: Sequence[str], num_labels: int, what: str) -> str:
    """Say that a model has collapsed, and what to do.

    Args:
        names (Sequence[str]): What :func:`collapsed_labels` returned, at least one.
        num_labels (int): C.
        what (str): What scores alike, such as ``'12 clips'``.
    """
    if len(names) == num_labels:
        which = f'all {num_labels} labels' if num_labels > 1 else f'the label {names[0]}'
        follows = 'the model has collapsed: its scores say nothing about a clip'
    else:
        which = f'{len(names)} of {num_labels} labels ({", ".join(names)})'
        follows = 'the model says nothing about these labels'
    return (
        f'all {what} score alike in {which}, with logits that vary by less than {ALIKE:g}: '
        f'{follows}. Train with a lower learning rate (--lr) or other start weights (--init), and '
        'see that the loss falls'
    )


def standard_weights(logits: Mapping[str, ArrayLike]) -> np.ndarray:
    """Compute the weights that give the logits of all runs the same spread.

    Args:
        logits (Mapping[str, array-like]): Run -> (N, C).

    Returns:
        np.ndarray: (S,) float64, one divided by each spread, with sum 1.

    Raises:
        InputError: For a collapsed run, whose noise would be blown up.
    """
    spreads = {name: spread_of(values) for name, values in logits.items()}
    for name, spread in spreads.items():
        if spread < ALIKE:
            raise InputError(
                f'{name}: expected logits that vary by {ALIKE:g} or more, to standardise them, '
                f'found {spread:.2g}: all of its clips score alike'
            )
    weights = 1 / np.array(list(spreads.values()))
    return weights / weights.sum()


def scales_text(logits: Mapping[str, ArrayLike]) -> str | None:
    """Say which runs are on other scales, so that one decides their mean; None if none is.

    Args:
        logits (Mapping[str, array-like]): Run -> (N, C). Collapsed runs do not count.
    """
    spreads = {name: spread_of(values) for name, values in logits.items()}
    spreads = {name: spread for name, spread in spreads.items() if spread >= ALIKE}
    if not spreads:
        return None
    small, large = min(spreads, key=spreads.__getitem__), max(spreads, key=spreads.__getitem__)
    times = spreads[large] / spreads[small]
    if times < OTHER_SCALE:
        return None
    return (
        f'the logits of {large} vary {times:.1f} times as much as those of {small} (standard '
        f'deviations {spreads[large]:.2g} and {spreads[small]:.2g}), so {large} counts that much '
        'more in the mean; --standardize brings all runs to one scale'
    )

"""Check (N, C) arrays of labels and scores, and the names of their classes.

An error names the first bad cell: its clip, its class, what was expected and what was found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError

# Names that share a dictionary with the names of classes.
RESERVED = ('micro', 'macro', 'pairs')

SCALES = ('probabilities', 'logits')

# A softmax in half precision misses 1 by about this much.
_SUM_TOLERANCE = 1e-3


def place_of(
    row: int | None, col: int, classes: Sequence[str] | None, video_ids: Sequence[object] | None
) -> str:
    """Name a cell of an (N, C) array for an error message, or of (C,), which has no rows."""
    name = f'class {col}'
    if classes is not None:
        name += f' ({classes[col]})'
    if row is None:
        return name
    clip = f'row {row}'
    if video_ids is not None and video_ids[row] is not None:
        clip += f' (video_id {video_ids[row]!r})'
    return f'{clip}, {name}'


def first_bad(bad: np.ndarray) -> tuple[int, int]:
    """Return the row and column of the first True in an (N, C) array that has one."""
    row, col = np.argwhere(bad)[0]
    return int(row), int(col)


def check_matrix(values: ArrayLike, name: str, classes: Sequence[str] | None = None) -> np.ndarray:
    """Check an (N, C) array of real numbers.

    Args:
        values (array-like): (N, C), of booleans, integers or floats.
        name (str): What to call it in an error.
        classes (Sequence[str], optional): The names of the C columns.

    Returns:
        np.ndarray: (N, C), float64.

    Raises:
        InputError: If it does not have two axes, has no rows or no columns, has another number of
            columns than there are classes, or is not real.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise InputError(
            f'{name}: expected an array of shape (N, C), clips '
            f'by classes, found shape {values.shape}'
        )
    if 0 in values.shape:
        raise InputError(
            f'{name}: expected at least one clip and one class, found shape {values.shape}'
        )
    if classes is not None and values.shape[1] != len(classes):
        raise InputError(
            f'{name}: expected {len(classes)} columns, one each of '
            f'{", ".join(classes)}, found shape {values.shape}'
        )
    if values.dtype.kind not in 'buif':
        raise InputError(f'{name}: expected real numbers, found dtype {values.dtype}')
    return values.astype(np.float64)


def check_scale(scale: str, name: str = 'scale') -> str:
    """Check what scores are said to be, one of :data:`SCALES`."""
    if scale not in SCALES:
        raise InputError(f'{name}: expected one of {SCALES}, found {scale!r}')
    return scale


def check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Check the names of the classes, which become keys of the result.

    Raises:
        InputError: If there are none, one occurs twice, or one has the name of an average.
    """
    if isinstance(classes, str):
        raise InputError(f'classes: expected a sequence of names, found the one string {classes!r}')
    classes = tuple(classes)
    if not classes:
        raise InputError('classes: expected at least one name, found none')
    for name in classes:
        if not isinstance(name, str):
            raise InputError(f'classes: expected names, found {name!r}')
        if name in RESERVED:
            raise InputError(
                f'classes: {name!r} is the name of an average and cannot be that of a class'
            )
        if classes.count(name) > 1:
            raise InputError(
                f'classes: expected every name once, found {name!r} {classes.count(name)} times'
            )
    return classes


def refuse_where(
    bad: np.ndarray,
    values: np.ndarray,
    expected: str,
    name: str,
    classes: Sequence[str] | None = None,
    video_ids: Sequence[object] | None = None,
    hint: str = '',
) -> None:
    """Refuse (N, C) or (C,) in which a cell is bad; the error names the first, and ends in a hint.

    Classes and clips may have names or not.
    """
    if bad.any():
        row, col = first_bad(bad) if bad.ndim == 2 else (None, int(bad.argmax()))
        raise InputError(
            f'{name}, {place_of(row, col, classes, video_ids)}: expected {expected}, '
            f'found {values[bad][0]:g}{hint}'
        )


def check_cells(
    values: np.ndarray,
    kind: str,
    name: str,
    classes: Sequence[str] | None = None,
    video_ids: Sequence[object] | None = None,
) -> None:
    """Check the values of (N, C), or of one clip, (C,), whose shape was checked.

    See :func:`check_array` for the arguments.
    """
    about = name, classes, video_ids
    if kind == 'labels':
        refuse_where((values != 0) & (values != 1), values, '0 or 1', *about)
        return
    bad = ~np.isfinite(values)
    count = ''
    if bad.ndim == 2:
        count = f' ({bad.sum()} such in {bad.any(axis=1).sum()} of {len(bad)} clips)'
    refuse_where(bad, values, 'a finite number', *about, count)
    if kind == 'probabilities':
        hint = "; logits are declared by scores='logits'"
        outside = (values < 0) | (values > 1)
        refuse_where(outside, values, 'a probability in 0..1', *about, hint)


def check_array(
    values: ArrayLike,
    kind: str,
    classes: Sequence[str] | None = None,
    name: str | None = None,
) -> np.ndarray:
    """Check an array of labels or scores.

    Args:
        values (array-like): (N, C), of any real dtype.
        kind (str): ``'labels'``, 0 or 1; ``'probabilities'``, in 0..1; ``'scores'`` or
            ``'logits'``, finite numbers.
        classes (Sequence[str], optional): C names, for errors.
        name (str, optional): What to call the array in an error. Defaults to ``kind``.

    Returns:
        np.ndarray: (N, C), float64; bool for labels.

    Raises:
        InputError: For the reasons of :func:`check_matrix`, and if a value is not of its kind.
    """
    name = name or kind
    values = check_matrix(values, name, classes)
    check_cells(values, kind, name, classes)
    return values.astype(bool) if kind == 'labels' else values


def check_fraction(value: float, name: str) -> float:
    """Check that a value, such as a threshold, is above 0 and below 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise InputError(f'{name}: expected a number above 0 and below 1, found {value!r}')
    return float(value)


def check_count(count: object, name: str, least: int) -> None:
    """Check that a value is a whole number, and not less than the least."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < least:
        raise InputError(f'{name}: expected a whole number of {least} or more, found {count!r}')


def check_same_shape(scores: np.ndarray, labels: np.ndarray) -> None:
    """Check that scores and labels are of the same clips and classes."""
    if scores.shape != labels.shape:
        raise InputError(
            'expected scores and labels of one shape (N, C), '
            f'found {scores.shape} and {labels.shape}'
        )


def check_pair(
    scores: ArrayLike, labels: ArrayLike, kind: str = 'scores'
) -> tuple[np.ndarray, np.ndarray]:
    """Check scores of a kind and labels, both (N, C), and that they have the same shape."""
    scores, labels = check_array(scores, kind), check_array(labels, 'labels')
    check_same_shape(scores, labels)
    return scores, labels


def refuse_softmax(scores: np.ndarray) -> None:
    """Refuse (N, C) scores whose rows all sum to 1, as from a softmax.

    A softmax makes classes compete although they may occur together, so neither its scores nor its
    ranks are those of a multi-label recognizer. With one class, a softmax cannot be told apart and
    is not refused.
    """
    sums = scores.sum(axis=1)
    shares = (scores >= 0).all() and (np.abs(sums - 1) < _SUM_TOLERANCE).all()
    if scores.shape[1] > 1 and shares:
        raise InputError(
            'pred_score: expected one score a class, each on its own, found that the '
            f'{scores.shape[1]} scores of each of the {len(scores)} clips sum to 1, as from a '
            "softmax (average_clips='prob'); set cls_head=dict(average_clips='score') in the "
            "recognizer and scores='logits' here"
        )

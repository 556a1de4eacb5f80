"""Compute the ROC AUC of pairs of clips that are of one group.

A model that only tells series, children or studios apart scores 0.5 here, because a pair of one
group has nothing of these to tell it apart. N clips, C classes, G groups.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_pair
from .functional import _roc_auc, none_for_nan


@dataclass(frozen=True)
class WithinGroups:
    """Pairs of a positive and a negative clip of one group, and how many are in order.

    Attributes:
        wins (np.ndarray): (G, C), pairs in which the positive clip has the higher score; a tie
            counts half.
        pairs (np.ndarray): (G, C), all pairs.
    """

    wins: np.ndarray
    pairs: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """Return the share of pairs in order, (C,); NaN for a class without pairs."""
        return _share(self.wins.sum(axis=0), self.pairs.sum(axis=0))

    @property
    def micro(self) -> float:
        """Return the share of the pairs of all classes together; NaN if there are none."""
        return float(_share(self.wins.sum(), self.pairs.sum()))

    @property
    def left_out(self) -> np.ndarray:
        """Return ``classes`` and, as the last, ``micro`` without each group, (G, C + 1)."""
        wins = np.column_stack([self.wins, self.wins.sum(axis=1)])
        pairs = np.column_stack([self.pairs, self.pairs.sum(axis=1)])
        return _share(wins.sum(axis=0) - wins, pairs.sum(axis=0) - pairs)


def _share(wins: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return wins / np.where(pairs == 0, np.nan, pairs)


def number_groups(groups: Sequence[Hashable], num_clips: int) -> np.ndarray:
    """Give each of N clips the number of its group, as (N,) int counted from 0.

    Args:
        groups (Sequence[Hashable]): N groups, none of them None or NaN.
        num_clips (int): N.

    Returns:
        np.ndarray: (N,); groups are numbered in the order of their ``repr``.

    Raises:
        InputError: If there are not N groups, or a clip has none.
    """
    groups = list(groups)
    if len(groups) != num_clips:
        raise InputError(f'groups: expected one for each of {num_clips} clips, found {len(groups)}')
    for clip, group in enumerate(groups):
        if not isinstance(group, Hashable):
            raise InputError(f'groups, clip {clip}: expected a hashable value, found {group!r}')
        if group is None or group != group:
            raise InputError(f'groups, clip {clip}: expected its group, found {group!r}')
    # Not a set, whose order of equal reprs is not that of the next process.
    numbers = {name: k for k, name in enumerate(sorted(dict.fromkeys(groups), key=repr))}
    return np.array([numbers[group] for group in groups])


def within_groups(scores: ArrayLike, labels: ArrayLike, groups: Sequence[Hashable]) -> WithinGroups:
    """Count the pairs of a positive and a negative clip of one group that are in order.

    Args:
        scores (array-like): (N, C), finite, of any scale.
        labels (array-like): (N, C), 0 or 1.
        groups (Sequence[Hashable]): N groups.

    Returns:
        WithinGroups: Counts for each group and class.

    Raises:
        InputError: If the arguments are not as above.
    """
    scores, labels = check_pair(scores, labels)
    numbers = number_groups(groups, len(labels))
    wins, pairs = [], []
    for number in range(numbers.max() + 1):
        chosen = numbers == number
        positives = labels[chosen].sum(axis=0)
        pairs.append(positives * (chosen.sum() - positives))
        wins.append(np.nan_to_num(_roc_auc(scores[chosen], labels[chosen])) * pairs[-1])
    return WithinGroups(np.array(wins), np.array(pairs))


def within_metrics(
    scores: ArrayLike, labels: ArrayLike, groups: Sequence[Hashable], classes: Sequence[str]
) -> dict[str, float | None]:
    """Compute the ROC AUC within groups as entries of an evaluation's result.

    Arguments and errors are those of :func:`within_groups`.

    Returns:
        dict[str, float | None]: ``roc_auc_within/micro``, ``roc_auc_within/<class>``,
        ``roc_auc_within/pairs``; ``None`` if undefined.
    """
    found = within_groups(scores, labels, groups)
    values = {'roc_auc_within/micro': found.micro}
    values |= {
        f'roc_auc_within/{name}': float(x) for name, x in zip(classes, found.classes, strict=True)
    }
    values['roc_auc_within/pairs'] = float(found.pairs.sum())
    return none_for_nan(values)


def coarsest(groups: Mapping[str, Sequence[Hashable]]) -> str | None:
    """Choose the kind with the fewest groups, but at least two; None if there is none."""
    counts = {kind: len(set(names)) for kind, names in groups.items()}
    counts = {kind: count for kind, count in counts.items() if count > 1}
    return min(counts, key=counts.__getitem__) if counts else None

"""Score clips by label frequencies alone, without a look at them.

What these scores reach is what a model has to beat. N clips are scored, M clips are those of the
training split, C is the number of classes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError

from .array_checks import check_array
from .functional import roc_auc_micro
from .within_groups import coarsest

# How many clips the frequencies of the whole split weigh, beside those of the group.
STRENGTHS = (1, 2, 5, 10, 20, 40)
FREQUENCIES = 'label frequencies'


def label_frequencies(train_labels: ArrayLike, num_clips: int) -> np.ndarray:
    """Give every clip the label frequencies of the training split.

    The micro ROC AUC of these scores is what is reached without a model. Their macro ROC AUC is
    0.5.

    Args:
        train_labels (array-like): (M, C), 0 or 1.
        num_clips (int): N.

    Returns:
        np.ndarray: (N, C), in 0..1; all rows are equal.

    Raises:
        InputError: If the labels are not as above.
    """
    frequencies = check_array(train_labels, 'labels', name='train_labels').mean(axis=0)
    return np.tile(frequencies, (num_clips, 1))


def group_frequencies(
    train_labels: ArrayLike,
    train_groups: Sequence[Hashable],
    groups: Sequence[Hashable],
    strength: float,
) -> np.ndarray:
    """Give every clip the label frequencies of the training clips of its group.

    A class that k of the n training clips of a group have, and a share f of all training clips,
    gets ``(k + strength * f) / (n + strength)``. A group without training clips gets f. What these
    scores reach is what can be known of a clip from its episode, child or studio alone.

    Args:
        train_labels (array-like): (M, C), 0 or 1.
        train_groups (Sequence[Hashable]): M groups.
        groups (Sequence[Hashable]): N groups, of the clips that are scored.
        strength (float): How many clips the overall frequencies weigh, above 0, finite.

    Returns:
        np.ndarray: (N, C), in 0..1.

    Raises:
        InputError: If the arguments are not as above.
    """
    labels = check_array(train_labels, 'labels', name='train_labels').astype(np.float64)
    if len(train_groups) != len(labels):
        raise InputError(
            f'train_groups: expected one for each of {len(labels)} clips, found {len(train_groups)}'
        )
    if not 0 < strength < math.inf:
        raise InputError(f'strength: expected a finite number above 0, found {strength!r}')
    overall = labels.mean(axis=0)
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(train_groups):
        members.setdefault(group, []).append(index)
    shrunk = {
        group: (labels[rows].sum(axis=0) + strength * overall) / (len(rows) + strength)
        for group, rows in members.items()
    }
    return np.array([shrunk.get(group, overall) for group in groups]).reshape(-1, len(overall))


def choose_strength(
    train_labels: ArrayLike,
    train_groups: Sequence[Hashable],
    val_labels: ArrayLike,
    val_groups: Sequence[Hashable],
    strengths: Sequence[float] = STRENGTHS,
) -> float:
    """Choose the strength of :func:`group_frequencies` by the micro ROC AUC on val.

    Of equal ones, the first is chosen.

    Args:
        train_labels (array-like): (M, C), 0 or 1.
        train_groups (Sequence[Hashable]): M groups.
        val_labels (array-like): (N, C), 0 or 1.
        val_groups (Sequence[Hashable]): N groups.
        strengths (Sequence[float]): Which to try, at least one.

    Returns:
        float: The best of ``strengths``.

    Raises:
        InputError: If the arguments are not as above.
    """
    if not len(strengths):
        raise InputError('strengths: expected at least one, found none')
    labels = check_array(val_labels, 'labels', name='val_labels')
    reached = [
        roc_auc_micro(group_frequencies(train_labels, train_groups, val_groups, each), labels)
        for each in strengths
    ]
    return strengths[int(np.nanargmax(reached))] if not np.isnan(reached).all() else strengths[0]


@dataclass(frozen=True, eq=False)
class LabeledClips:
    """Labels and groups of the clips of a split.

    Attributes:
        labels (np.ndarray): (N, C), 0 or 1.
        groups (Mapping[str, Sequence[str]]): Kind, such as ``'series'`` -> N groups.
    """

    labels: np.ndarray
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Priors:
    """What is known of a clip without a look at it, from the labels of the training split.

    The first prior is :func:`label_frequencies`. The second, :func:`group_frequencies`, is there if
    train and val have groups; its strength is chosen on val. Of several kinds of groups, the one
    with the fewest groups is taken.

    Args:
        train (LabeledClips): The training split.
        val (LabeledClips, optional): The validation split.

    Attributes:
        kind (str | None): Kind of the groups of the second prior; None if there is none.
        strength (float | None): Its strength, see :func:`group_frequencies`.
    """

    def __init__(self, train: LabeledClips, val: LabeledClips | None = None) -> None:
        self._train = train
        kind = coarsest(train.groups) if val is not None else None
        self.kind = kind if val is not None and kind in val.groups else None
        self.strength: float | None = None
        if self.kind is not None and val is not None:
            of_train, of_val = train.groups[self.kind], val.groups[self.kind]
            self.strength = choose_strength(train.labels, of_train, val.labels, of_val)

    def scores(self, clips: LabeledClips) -> dict[str, np.ndarray]:
        """Score the clips of a split.

        Returns:
            dict[str, np.ndarray]: Name of the prior -> (N, C) in 0..1. The second is left out if
            no clip has a group that the training split has.
        """
        found = {FREQUENCIES: label_frequencies(self._train.labels, len(clips.labels))}
        if self.kind is not None and self.strength is not None and self.kind in clips.groups:
            known, groups = self._train.groups[self.kind], clips.groups[self.kind]
            if set(known) & set(groups):
                found[f'{FREQUENCIES} of the {self.kind}'] = group_frequencies(
                    self._train.labels, known, groups, self.strength
                )
        return found

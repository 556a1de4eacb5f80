"""Divide a data set into folds that share no group, for a group-disjoint evaluation."""

import os.path as osp
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from glob import escape, glob

import numpy as np

from emoreact_plugin.datasets.annotations import Annotation, labeled_clips
from emoreact_plugin.evaluation import coarsest
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.tables import csv_text, open_csv, text_table

SPLITS = ('train', 'val', 'test')
# How often the groups are dealt out anew; the most even result is taken.
TRIES = 50


@dataclass(frozen=True, eq=False)
class Folds:
    """Clips and the fold of each.

    Attributes:
        header (list[str]): The header of the annotation files.
        rows (list[list[str]]): Cells of the N clips, as they are in the files.
        labels (np.ndarray): (N, C) bool.
        classes (tuple[str, ...]): C names.
        groups (tuple[str, ...]): N groups.
        kind (str): What the groups are, such as ``'series'``.
        folds (np.ndarray): (N,) int, the fold in which each clip is tested.
    """

    header: list[str]
    rows: list[list[str]]
    labels: np.ndarray
    classes: tuple[str, ...]
    groups: tuple[str, ...]
    kind: str
    folds: np.ndarray

    @property
    def count(self) -> int:
        """Return the number of folds."""
        return int(self.folds.max()) + 1

    def split(self, fold: int) -> np.ndarray:
        """Return the split of each clip in a fold: (N,) of ``'train'``, ``'val'``, ``'test'``.

        The clips of the next fold are those of validation.
        """
        val = self.folds == (fold + 1) % self.count
        return np.where(self.folds == fold, 'test', np.where(val, 'val', 'train'))


def deal_groups(
    labels: np.ndarray, groups: Sequence[Hashable], count: int, seed: int = 0
) -> np.ndarray:
    """Deal whole groups out to folds, so that clips and labels are spread evenly.

    The groups are dealt from the largest to the smallest, each to the fold in which the counts of
    clips and labels, as shares of all, stay most even. Groups of one size are dealt in random
    order, and the most even of some tries is taken. This is the greedy method of Sechidis et al.
    (2011) for multi-label data, with groups in place of clips.

    Args:
        labels (np.ndarray): (N, C), 0 or 1.
        groups (Sequence[Hashable]): N groups.
        count (int): Number of folds, at least 3: of each, one is tested and another validated.
        seed (int): Seed of the random order.

    Returns:
        np.ndarray: (N,) int, the fold of each clip.

    Raises:
        InputError: If there are fewer than 3 folds, or fewer groups than folds.
    """
    names = list(dict.fromkeys(groups))
    if count < 3 or len(names) < count:
        raise InputError(
            f'folds: expected 3 or more, and no more than there are groups ({len(names)}), '
            f'found {count}'
        )
    numbers = {name: k for k, name in enumerate(names)}
    members = np.array([numbers[group] for group in groups])
    counted = np.column_stack([np.ones(len(labels)), labels]).astype(float)
    counted /= np.maximum(counted.sum(axis=0), 1)
    shares = np.zeros((len(names), counted.shape[1]))
    np.add.at(shares, members, counted)
    rng = np.random.default_rng(seed)
    best, least = None, np.inf
    for _ in range(TRIES):
        order = np.lexsort([rng.random(len(names)), -shares[:, 0]])
        fold_of = np.zeros(len(names), dtype=int)
        filled = np.zeros((count, shares.shape[1]))
        for group in order:
            after = filled + shares[group]
            # What the sum of squares grows by: the least where the fold lacks most of it.
            fold = int(np.argmin((after**2 - filled**2).sum(axis=1)))
            filled[fold] = after[fold]
            fold_of[group] = fold
        uneven = float(((filled - 1 / count) ** 2).sum())
        if uneven < least and len(np.unique(fold_of)) == count:
            best, least = fold_of, uneven
    if best is None:  # a few huge groups: one group each, then the rest
        best = np.arange(len(names)) % count
    return best[members]


def make_folds(
    files: Sequence[str],
    annotations: Sequence[Sequence[Annotation]],
    classes: Sequence[str],
    count: int,
    kind: str | None = None,
    seed: int = 0,
) -> Folds:
    """Divide the clips of annotation files into folds that share no group.

    Args:
        files (Sequence[str]): The annotation files, with one header.
        annotations (Sequence[Sequence[Annotation]]): What was read from each.
        classes (Sequence[str]): C names.
        count (int): Number of folds, at least 3.
        kind (str, optional): The kind of groups. Defaults to None: that with the fewest groups.
        seed (int): Seed of the order in which groups of one size are dealt out.

    Returns:
        Folds: The clips in the order of the files.

    Raises:
        InputError: If the files have different headers, a clip is in several files, or no groups
            of this kind are known.
    """
    header: list[str] = []
    rows: list[list[str]] = []
    for path in files:
        with open_csv(path) as reader:
            first, *others = [row for row in reader if row]
        if rows and first != header:
            raise InputError(f'{path}: expected the header of {files[0]}, found another')
        header = first
        rows += others
    every = [row for each in annotations for row in each]
    for clip, times in Counter(row.clip_id for row in every).items():
        if times > 1:
            raise InputError(f'{clip}: expected once, found in {times} annotation files')
    clips = labeled_clips(every)
    kind = kind or coarsest(clips.groups)
    if kind is None or kind not in clips.groups:
        raise InputError(
            f'{files[0]}: expected groups of the clips{f" ({kind})" if kind else ""}, found '
            f'{", ".join(clips.groups) or "none"}; name a column with --groups, or give '
            '--group-names'
        )
    groups = tuple(clips.groups[kind])
    return Folds(
        header,
        rows,
        clips.labels,
        tuple(classes),
        groups,
        kind,
        deal_groups(clips.labels, groups, count, seed),
    )


def write_folds(folds: Folds, out: str) -> list[str]:
    """Write ``fold0/train.csv``, ``val.csv``, ``test.csv`` and so on, rows as they were.

    Args:
        folds (Folds): The folds.
        out (str): The folder; created if it is missing.

    Returns:
        list[str]: The folders of the folds.

    Raises:
        InputError: If ``out`` has folds of another division.
    """
    named = {osp.join(out, f'fold{fold}') for fold in range(folds.count)}
    others = sorted(set(glob(osp.join(escape(out), 'fold*', ''))) - {f'{name}/' for name in named})
    if others:
        raise InputError(
            f'{out}: expected no folds of another division, found {", ".join(others)}; delete '
            'them, or choose another folder'
        )
    paths = []
    for fold in range(folds.count):
        paths.append(osp.join(out, f'fold{fold}'))
        of_clip = folds.split(fold)
        for split in SPLITS:
            rows = [row for row, each in zip(folds.rows, of_clip, strict=True) if each == split]
            write_text(osp.join(paths[-1], f'{split}.csv'), csv_text(folds.header, rows))
    return paths


def folds_table(folds: Folds) -> str:
    """Format how many clips, groups and positives each fold is tested on, as plain text."""
    rows = [('tested in', 'clips', folds.kind, *folds.classes)]
    for fold in range(folds.count):
        here = folds.folds == fold
        groups = {g for g, inside in zip(folds.groups, here, strict=True) if inside}
        positives = folds.labels[here].sum(axis=0)
        rows.append((f'fold{fold}', str(here.sum()), str(len(groups)), *map(str, positives)))
    return text_table(rows)

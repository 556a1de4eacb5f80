"""Fuse the logits of separately trained runs (late fusion after training)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import first_few

from . import functional as F
from .array_checks import check_array, check_pair, first_bad
from .dump import Dump, read_dump
from .within_groups import within_groups

# 231 candidates for three runs, 10626 for five.
AVERAGES = ('micro', 'macro', 'within')
STEP = 0.05
MAX_CANDIDATES = 20_000


def normalize_weights(weights: ArrayLike | None, num_runs: int) -> np.ndarray:
    """Scale weights so that their sum is 1.

    Args:
        weights (array-like, optional): One for each run, finite, not negative, not all 0;
            None for equal weights.
        num_runs (int): How many there have to be, S.

    Returns:
        np.ndarray: (S,) float64.

    Raises:
        InputError: If the weights are not as above.
    """
    values = np.asarray(np.ones(num_runs) if weights is None else weights, dtype=np.float64)
    if values.shape != (num_runs,):
        raise InputError(f'weights: expected {num_runs}, one a run, found {values.size}')
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise InputError(
            f'weights: expected finite numbers, not negative and not all 0, found {values.tolist()}'
        )
    values = values / values.max()  # else the sum may overflow
    return values / values.sum()


def fuse_logits(logits: Sequence[ArrayLike], weights: ArrayLike | None = None) -> np.ndarray:
    """Compute the weighted mean of the logits of S runs.

    :class:`~emoreact_plugin.models.ScoreFusion` fuses streams in the same way. Runs with larger
    logits count more than their weights say. Chosen weights make up for that, the plain mean does
    not; :func:`.standard_weights` brings all runs to one scale.

    Args:
        logits (Sequence[array-like]): (S, N, C), finite.
        weights (array-like, optional): S weights, see :func:`normalize_weights`. Defaults to
            None, equal weights.

    Returns:
        np.ndarray: (N, C) float64.

    Raises:
        InputError: If the arguments are not as above.
    """
    runs = _check_runs(logits)
    return _fuse_logits(runs, normalize_weights(weights, len(runs)))


def _check_runs(logits: Sequence[ArrayLike]) -> np.ndarray:
    runs = [check_array(x, 'scores', name=f'logits of run {i}') for i, x in enumerate(logits)]
    shapes = list(dict.fromkeys(run.shape for run in runs))
    if len(shapes) != 1:
        raise InputError(
            'logits: expected those of one or more runs, of one shape (N, C), found '
            f'{" and ".join(map(str, shapes)) or "none"}'
        )
    return np.stack(runs)


def _fuse_logits(logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.tensordot(weights, logits, axes=1)


def candidate_weights(num_runs: int, step: float = STEP) -> np.ndarray:
    """List equal weights, and all weights that are multiples of a step and sum to 1.

    Args:
        num_runs (int): S, at least 1.
        step (float): One divided by a whole number, such as 0.1 or 0.05.

    Returns:
        np.ndarray: (G, S) float64, those nearest to equal weights first.

    Raises:
        InputError: If the step is not as above, or so small that there are more than 20000
            candidates.
    """
    steps = round(1 / step) if 1e-6 < step <= 1 else 0
    if not steps or abs(steps * step - 1) > 1e-6:
        raise InputError(f'step: expected a whole part of 1, such as 0.1 or 0.05, found {step:g}')
    count = math.comb(steps + num_runs - 1, num_runs - 1)
    if count > MAX_CANDIDATES:
        raise InputError(
            f'step: expected at most {MAX_CANDIDATES} candidates, found {count} for {num_runs} '
            f'runs in steps of {step:g}; take a larger step, or give the weights'
        )
    # Every way to part a row of steps by S - 1 bars.
    places = steps + num_runs - 1
    bars = np.array(
        list(itertools.combinations(range(places), num_runs - 1)), dtype=np.int64
    ).reshape(count, num_runs - 1)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=-1)
    edges[:, -1] = places
    grid = (np.diff(edges, axis=1) - 1) / steps
    equal = np.full((1, num_runs), 1 / num_runs)
    distance = np.square(grid - equal).sum(axis=1).round(12)
    order = np.argsort(distance, kind='stable')
    return np.concatenate([equal, grid[order]])


def choose_weights(
    logits: Sequence[ArrayLike],
    labels: ArrayLike,
    average: str = 'micro',
    step: float = STEP,
    groups: Sequence[Hashable] | None = None,
) -> np.ndarray:
    """Choose the weights with the best ROC AUC of the fused logits.

    All of :func:`candidate_weights` are tried. Of equally good ones, those nearest to equal weights
    are taken. Use the val split: on the clips that the weights were chosen on, their ROC AUC is too
    optimistic.

    Args:
        logits (Sequence[array-like]): (S, N, C), finite.
        labels (array-like): (N, C), 0 or 1.
        average (str): The ROC AUC: ``'micro'``, ``'macro'``, or ``'within'``, that of pairs of
            clips of one group.
        step (float): See :func:`candidate_weights`.
        groups (Sequence[Hashable], optional): N groups, for ``'within'``.

    Returns:
        np.ndarray: (S,) float64, with sum 1.

    Raises:
        InputError: If the arguments are not as above, or the ROC AUC is undefined.
    """
    if average not in AVERAGES:
        raise InputError(f'average: expected one of {AVERAGES}, found {average!r}')
    if average == 'within' and groups is None:
        raise InputError('average within: expected the groups of the clips, found none')
    names = () if groups is None else groups
    runs = _check_runs(logits)
    candidates = candidate_weights(len(runs), step)
    _, labels = check_pair(runs[0], labels)

    def score(weights: np.ndarray) -> float:
        fused = _fuse_logits(runs, weights)
        if average == 'micro':
            return F._roc_auc_micro(fused, labels)
        if average == 'within':
            return within_groups(fused, labels, names).micro
        return float(F.macro(F._roc_auc(fused, labels)))

    first = score(candidates[0])
    if math.isnan(first):
        raise InputError(
            f'labels: ROC AUC {average} is undefined, as '
            f'{"every class is" if average == "macro" else "all labels are"} '
            f'the same in {"each group" if average == "within" else "all clips"}; expected 0 and 1'
        )
    scores = np.array([first] + [score(w) for w in candidates[1:]])
    # Means of classes that are equal may differ in the last digit.
    return candidates[np.flatnonzero(scores >= scores.max() - 1e-12)[0]]


def read_runs(paths: Sequence[str]) -> list[Dump]:
    """Read the dumps of several runs on one split, all with logits, see :func:`read_dumps`.

    Raises:
        InputError: Also for a file that has no logits.
    """
    joined = []
    for path, dump in zip(paths, read_dumps(paths), strict=True):
        try:
            joined.append(replace(dump, scores=dump.logits, scale='logits'))
        except ValueError as error:
            raise InputError(f'{path}: {error}') from error
    return joined


def read_dumps(paths: Sequence[str]) -> list[Dump]:
    """Read the dumps of several runs on one split.

    Args:
        paths (Sequence[str]): Files that :func:`read_dump` reads.

    Returns:
        list[Dump]: All with the clips in the order of the first file.

    Raises:
        FileNotFoundError, InputError: If a file cannot be read, or has other classes, clips or
            labels than the first.
    """
    dumps = [read_dump(path) for path in paths]
    first = dumps[0]
    joined = []
    for path, dump in zip(paths, dumps, strict=True):
        place = f'{path}: expected the %s of {paths[0]}'
        if dump.classes != first.classes:
            raise InputError(
                f'{place % "classes"}, {", ".join(first.classes)}, found {", ".join(dump.classes)}'
            )
        if set(dump.video_ids) != set(first.video_ids):
            raise InputError(
                f'{place % "clips"}, found {_difference(first.video_ids, dump.video_ids)}'
            )
        row_of = {name: row for row, name in enumerate(dump.video_ids)}
        dump = take_clips(dump, [row_of[name] for name in first.video_ids])
        bad = dump.labels != first.labels
        if bad.any():
            row, col = first_bad(bad)
            raise InputError(
                f'{place % "labels"}, found {int(bad.sum())} others; the first: '
                f'{first.video_ids[row]}, {first.classes[col]}: expected {first.labels[row, col]}, '
                f'found {dump.labels[row, col]}'
            )
        joined.append(dump)
    return joined


def take_clips(dump: Dump, rows: Sequence[int]) -> Dump:
    """Select some clips of a dump, in the given order."""
    return replace(
        dump,
        video_ids=tuple(dump.video_ids[row] for row in rows),
        labels=dump.labels[rows],
        scores=dump.scores[rows],
        stream_logits={k: v[rows] for k, v in dump.stream_logits.items()},
        found={k: v[rows] for k, v in dump.found.items()},
        groups={k: tuple(v[row] for row in rows) for k, v in dump.groups.items()},
    )


def _difference(expected: Sequence[str], found: Sequence[str]) -> str:
    parts = []
    for word, here, there in (('more', found, expected), ('missing', expected, found)):
        names = sorted(set(here) - set(there))
        if names:
            parts.append(f'{len(names)} {word} ({first_few(names)})')
    return ' and '.join(parts)


def check_splits(
    val: Sequence[Dump], test: Sequence[Dump], val_paths: Sequence[str], test_paths: Sequence[str]
) -> None:
    """Check that weights chosen on one split may be used on the other.

    Args:
        val (Sequence[Dump]): See :func:`read_runs`.
        test (Sequence[Dump]): Likewise, of the same runs.
        val_paths (Sequence[str]): Files of ``val``, for errors.
        test_paths (Sequence[str]): Files of ``test``, for errors.

    Raises:
        InputError: If the dumps of ``val`` say that they are of another split, share clips with
            ``test``, or have other classes than ``test``; or if the two are of different runs, or
            of the same runs in another order. (Two runs are told apart if their dumps note the
            checkpoint, or have different streams.)
    """
    if len(val) != len(test):
        raise InputError(
            'val and test: expected the same runs in the same '
            f'order, found {len(val)} and {len(test)} files'
        )
    for path, dump in zip(val_paths, val, strict=True):
        if dump.split not in ('', 'val'):
            raise InputError(
                f'{path}: expected predictions of the val split, to choose '
                f'the weights on, found those of {dump.split}'
            )
    both = sorted(set(val[0].video_ids) & set(test[0].video_ids))
    if both:
        raise InputError(
            f'{val_paths[0]} and {test_paths[0]}: expected two splits, found {len(both)} clips in '
            f'both ({first_few(both)})'
        )
    if val[0].classes != test[0].classes:
        raise InputError(
            f'{test_paths[0]}: expected the classes of {val_paths[0]}, '
            f'{", ".join(val[0].classes)}, found {", ".join(test[0].classes)}'
        )
    for a, b, path, other in zip(val, test, val_paths, test_paths, strict=True):
        known = a.run and b.run
        if known and a.run != b.run or (not known and set(a.stream_logits) != set(b.stream_logits)):
            raise InputError(
                f'{path} and {other}: expected one run, as val and test are the same runs in the '
                f'same order, found different {"checkpoints" if known else "streams"}'
            )


def fuse_dumps(runs: Mapping[str, Dump], weights: Sequence[float] | None = None) -> Dump:
    """Fuse the runs that :func:`read_runs` has brought into one order.

    Args:
        runs (Mapping[str, Dump]): Name -> dump.
        weights (Sequence[float], optional): See :func:`normalize_weights`.

    Returns:
        Dump: The fused logits. Its ``stream_logits`` are the logits of the runs, in place of the
        runs' own streams.
    """
    first = next(iter(runs.values()))
    shares = normalize_weights(weights, len(runs))
    run = ''
    if all(dump.run for dump in runs.values()):
        run = ' + '.join(
            f'{weight:g} ({dump.run})' for weight, dump in zip(shares, runs.values(), strict=True)
        )
    return Dump(
        video_ids=first.video_ids,
        classes=first.classes,
        labels=first.labels,
        scores=_fuse_logits(np.stack([dump.logits for dump in runs.values()]), shares),
        stream_logits={name: dump.logits for name, dump in runs.items()},
        groups=first.groups,
        split=first.split,
        run=run,
        skipped=first.skipped,
    )

"""Keep the predictions of a split in one file, a dump."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike, write_whole
from emoreact_plugin.utils.npz import is_zip, read_npz

from . import functional as F
from .array_checks import (
    check_cells,
    check_classes,
    check_matrix,
    check_scale,
    first_bad,
    place_of,
    refuse_where,
)
from .roc_auc_metric import STREAM_PREFIX

GROUP_PREFIX = 'groups/'
_FOUND = '_found'
_ARRAYS = (
    'video_ids',
    'classes',
    'labels',
    'probabilities',
    'scale',
    'logits',
    'split',
    'run',
    'skipped',
)

# Sigmoids of logits are kept in float32, which is exact to about 1e-7.
_SIGMOID_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Dump:
    """Predictions for N clips and C classes.

    Args:
        video_ids (tuple[str, ...]): N names, each once.
        classes (tuple[str, ...]): C names.
        labels (np.ndarray): (N, C) int8, 0 or 1.
        scores (np.ndarray): (N, C), the values that are ranked. A file holds them as float32 if
            that changes none, else as float64.
        scale (str): What the scores are, ``'logits'`` or ``'probabilities'``.
        stream_logits (Mapping[str, np.ndarray]): Stream -> (N, C), for recognizers that have
            streams; kept like the scores.
        found (Mapping[str, np.ndarray]): Stream -> (N,) float32 in 0..1, the share of the clip's
            frames in which the region of the stream was found.
        groups (Mapping[str, tuple[str, ...]]): Kind, such as ``'series'`` -> N groups.
        split (str): ``'train'``, ``'val'`` or ``'test'``; empty if unknown.
        run (str): An identifier of the trained network, such as the SHA-256 of its checkpoint;
            empty if unknown.
        skipped (tuple[str, ...]): Names of clips of the split that could not be loaded, and have no
            scores.
    """

    video_ids: tuple[str, ...]
    classes: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    scale: str = 'logits'
    stream_logits: Mapping[str, np.ndarray] = field(default_factory=dict)
    found: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str = ''
    run: str = ''
    skipped: tuple[str, ...] = ()

    @property
    def probabilities(self) -> np.ndarray:
        """Return the probabilities, (N, C) in 0..1."""
        return F.sigmoid(self.scores) if self.scale == 'logits' else self.scores

    @property
    def logits(self) -> np.ndarray:
        """Return the logits, (N, C), all finite.

        Raises:
            InputError: If a probability is 0 or 1, which has no logit. It is not replaced by a
                large number: that number would be invented, and would outweigh the logits that it
                is averaged with.
        """
        if self.scale == 'logits':
            return self.scores
        refuse_where(
            (self.scores == 0) | (self.scores == 1),
            self.scores,
            'above 0 and below 1, to take the logit',
            'probabilities',
            self.classes,
            self.video_ids,
            "; have the recognizer give logits (cls_head=dict(average_clips='score'), "
            "ROCAUCMetric(scores='logits'))",
        )
        scores = self.scores.astype(np.float64)
        return np.log(scores) - np.log1p(-scores)


def write_dump(path: PathLike, dump: Dump) -> Path:
    """Write predictions to an ``.npz`` file, see :func:`read_dump`.

    The file is written under another name in the same folder and then moved, so that a half-written
    file is never seen.

    Args:
        path (str | os.PathLike): The file. Its folder is created if it is missing.
        dump (Dump): What to write.

    Returns:
        Path: The file.

    Raises:
        InputError: If the name does not end in ``.npz``, or the dump is not as :class:`Dump` says.
            No file is written then.
    """
    path = check_name(path)
    dump = _checked(dump, path)
    arrays: dict[str, Any] = dict(
        video_ids=np.array(dump.video_ids),
        classes=np.array(dump.classes),
        labels=dump.labels,
        probabilities=dump.scores,
        scale=np.array(dump.scale),
        split=np.array(dump.split),
        run=np.array(dump.run),
    )
    if dump.scale == 'logits':
        arrays['logits'] = dump.scores
        arrays['probabilities'] = dump.probabilities.astype(np.float32)
    if dump.skipped:
        arrays['skipped'] = np.array(dump.skipped)
    for name, values in dump.stream_logits.items():
        arrays[STREAM_PREFIX + name] = values
    for name, values in dump.found.items():
        arrays[f'{name}_found'] = values
    for kind, names in dump.groups.items():
        arrays[GROUP_PREFIX + kind] = np.array(names)
    with write_whole(path) as temporary, open(temporary, 'wb') as file:
        np.savez(file, **arrays)
    return path


def read_dump(path: PathLike) -> Dump:
    """Read and check the predictions of a split.

    The file has these arrays: ``video_ids`` (N,) and ``classes`` (C,) of text, ``labels`` (N, C) of
    0 and 1, ``probabilities`` (N, C), and ``scale``, which is ``'logits'`` or ``'probabilities'``.
    If ``scale`` is ``'logits'``, it also has ``logits`` (N, C). It may have
    ``stream_logits/<stream>`` (N, C), ``<stream>_found`` (N,), ``groups/<kind>`` (N,) of text,
    ``split``, ``run`` and ``skipped`` (M,) of text, see :class:`Dump`. It holds no pickled objects.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        Dump: With the clips and classes in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is not as described above. The message says the file, the place,
            what was expected and what was found.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'{path}: no such file; expected one that tools/test.py --dump FILE.npz wrote'
        )
    content = _read_npz(path)
    scale = str(content.get('scale'))
    needed = {'video_ids', 'classes', 'labels', 'probabilities', 'scale'}
    if scale == 'logits':
        needed.add('logits')
    missing = sorted(needed - set(content))
    if missing:
        raise InputError(
            f'{path}: expected {", ".join(missing)}, found only {", ".join(content) or "nothing"}'
        )
    groups = [key for key in content if key.startswith(GROUP_PREFIX)]
    for key in ('video_ids', 'classes', *groups, *(('skipped',) if 'skipped' in content else ())):
        if content[key].dtype.kind != 'U' or content[key].ndim != 1:
            raise InputError(
                f'{path}: {key}: expected names, (N,) of text, found {content[key].dtype} '
                f'{content[key].shape}'
            )
    key = 'logits' if scale == 'logits' else 'probabilities'
    streams = {
        name[len(STREAM_PREFIX) :]: values
        for name, values in content.items()
        if name.startswith(STREAM_PREFIX)
    }
    dump = _checked(
        Dump(
            video_ids=tuple(content['video_ids'].tolist()),
            classes=tuple(content['classes'].tolist()),
            labels=content['labels'],
            scores=content[key],
            scale=scale,
            stream_logits=streams,
            found={
                name: content[f'{name}_found'] for name in streams if f'{name}_found' in content
            },
            groups={key[len(GROUP_PREFIX) :]: tuple(content[key].tolist()) for key in groups},
            split=str(content.get('split', '')),
            run=str(content.get('run', '')),
            skipped=tuple(content['skipped'].tolist()) if 'skipped' in content else (),
        ),
        path,
    )
    _check_probabilities(dump, content['probabilities'], path)
    return dump


def _read_npz(path: PathLike) -> dict[str, np.ndarray]:
    expected = 'expected an .npz file that tools/test.py --dump FILE.npz wrote'
    if not is_zip(path):
        raise InputError(f'{path}: {expected}, found another format')
    try:
        return read_npz(path, _is_of_a_dump)
    except InputError as error:
        raise InputError(f'{path}: {expected}, found: {error}') from error


def _is_of_a_dump(name: str) -> bool:
    return (
        name in _ARRAYS or name.startswith((STREAM_PREFIX, GROUP_PREFIX)) or name.endswith(_FOUND)
    )


def check_name(path: PathLike) -> Path:
    """Check the name of a dump's file, and return it as a path."""
    if not os.fspath(path).endswith('.npz'):
        raise InputError(f'{path}: expected a name that ends in .npz')
    if os.path.isdir(path):
        raise InputError(f'{path}: expected a file, found a folder')
    return Path(path)


def _checked(dump: Dump, path: PathLike) -> Dump:
    """Check a dump and return it with the dtypes of :class:`Dump`; errors name the file."""
    try:
        return _check_dump(dump)
    except ValueError as error:
        raise InputError(f'{path}: {error}') from error


def _check_dump(dump: Dump) -> Dump:
    classes = check_classes(dump.classes)
    ids = _check_names(dump.video_ids, 'video_ids')
    seen = set()
    for video_id in ids:
        if video_id in seen:
            raise InputError(
                'video_ids: expected every clip once, found '
                f'{video_id!r} {ids.count(video_id)} times'
            )
        seen.add(video_id)
    check_scale(dump.scale)

    def require(values: ArrayLike, name: str, kind: str = 'scores') -> np.ndarray:
        values = check_matrix(values, name, classes)
        if len(values) != len(ids):
            raise InputError(f'{name}: expected {len(ids)} rows, one a clip, found {len(values)}')
        check_cells(values, kind, name, classes, ids)
        with np.errstate(over='ignore'):  # infinite then, and not equal
            small = values.astype(np.float32)
        return small if (small == values).all() else values

    scores = require(dump.scores, dump.scale, dump.scale)
    labels = require(dump.labels, 'labels', 'labels')
    unnamed = [name for name in dump.found if name not in dump.stream_logits]
    if unnamed:
        raise InputError(
            f'{unnamed[0]}_found: expected shares of the streams of stream_logits, '
            f'{", ".join(dump.stream_logits) or "none"}'
        )
    return Dump(
        video_ids=ids,
        classes=classes,
        labels=labels.astype(np.int8),
        scores=scores,
        scale=dump.scale,
        stream_logits={
            name: require(values, STREAM_PREFIX + name)
            for name, values in dump.stream_logits.items()
        },
        found={
            name: _check_share(values, f'{name}_found', len(ids))
            for name, values in dump.found.items()
        },
        groups={
            kind: _check_groups(names, GROUP_PREFIX + kind, len(ids))
            for kind, names in dump.groups.items()
        },
        split=dump.split,
        run=dump.run,
        skipped=_check_skipped(dump.skipped, seen),
    )


def _check_skipped(names: Sequence[str], scored: set[str]) -> tuple[str, ...]:
    both = sorted(scored.intersection(names))
    if both:
        raise InputError(
            f'skipped: expected clips without scores, found {both[0]!r}, which has some'
        )
    return _check_names(names, 'skipped')


def _check_names(names: Sequence[str], key: str) -> tuple[str, ...]:
    for row, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise InputError(f'{key}, row {row}: expected a name, found {name!r}')
    return tuple(names)


def _check_groups(names: Sequence[str], key: str, count: int) -> tuple[str, ...]:
    names = _check_names(names, key)
    if len(names) != count:
        raise InputError(f'{key}: expected {count} names, one a clip, found {len(names)}')
    return names


def _check_share(values: ArrayLike, name: str, count: int) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != (count,) or values.dtype.kind not in 'buif':
        raise InputError(
            f'{name}: expected ({count},) numbers, one a clip, found {values.dtype} {values.shape}'
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(
            f'{name}: expected shares in 0..1, found {values.min():g} to {values.max():g}'
        )
    return values.astype(np.float32)


def _check_probabilities(dump: Dump, stored: np.ndarray, path: PathLike) -> None:
    """Refuse probabilities that are not the sigmoids of the logits.

    If they differ, one of the two belongs to another run.
    """
    expected = dump.probabilities
    if stored.dtype.kind != 'f' or stored.shape != expected.shape:
        raise InputError(
            f'{path}: probabilities: expected numbers {expected.shape}, found {stored.dtype} '
            f'{stored.shape}'
        )
    bad = ~(np.abs(stored - expected) <= _SIGMOID_TOLERANCE)
    if bad.any():
        row, col = first_bad(bad)
        raise InputError(
            f'{path}: probabilities, {place_of(row, col, dump.classes, dump.video_ids)}: '
            f'expected the sigmoid of the logit, {expected[row, col]:g}, found {stored[row, col]:g}'
        )

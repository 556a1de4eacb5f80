"""Show and keep the results of an evaluation: a text table and a JSON file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_json

PRIOR_NOTE = (
    '* What micro is without a model: every clip scored by how often each\n'
    '  label occurs in the training split. Macro and each emotion are 0.5\n'
    '  then, so judge a model by these.'
)


def _cell(value: float | None) -> str:
    if value is None or math.isnan(value):
        return '-'
    return f'{value:.3f}'


def format_table(
    results: Mapping[str, Mapping[str, float | None]],
    classes: Sequence[str],
    prior: Mapping[str, float | None] | None = None,
) -> str:
    """Lay out the scores of some splits side by side, as plain text.

    Args:
        results (Mapping[str, Mapping[str, float | None]]): Split -> what ``compute_metrics``
            returned. One column for each split, in this order.
        classes (Sequence[str]): Names of the classes, in the order of rows.
        prior (Mapping[str, float | None], optional): Split -> what ``prior_roc_auc_micro``
            returned. The row and its note are left out if no split has one.

    Returns:
        str: Lines of equal layout, with three digits, and ``-`` for a score that is undefined; no
        newline at the end.

    Raises:
        InputError: If there is no split.
        InputError: If a split lacks a score.
    """
    if not results:
        raise InputError('results: expected at least one split, found none')
    prior = prior or {}
    has_prior = any(_cell(prior.get(split)) != '-' for split in results)
    keys = [('  micro', 'roc_auc/micro'), ('  macro', 'roc_auc/macro')]
    keys += [(f'  {name}', f'roc_auc/{name}') for name in classes]
    keys += [('Average precision, macro', 'ap/macro'), ('F1, macro', 'f1/macro')]

    rows = [('ROC AUC', [str(split) for split in results])]
    for name, key in keys:
        cells = []
        for split, metrics in results.items():
            if key not in metrics:
                raise InputError(
                    f'{key} of split {split}: not in its results, which are {sorted(metrics)}'
                )
            cells.append(_cell(metrics[key]))
        rows.append((name, cells))
    if has_prior:
        cells = [_cell(prior.get(split)) for split in results]
        rows.insert(2, ('    label frequencies alone *', cells))

    first = max(len(name) for name, _ in rows)
    width = max(len(cell) for _, cells in rows for cell in cells)
    lines = [
        name.ljust(first) + ''.join(f'  {cell:>{width}}' for cell in cells) for name, cells in rows
    ]
    return '\n'.join(lines + ([PRIOR_NOTE] if has_prior else []))


def write_metrics(
    path,
    results: Mapping[str, Mapping[str, float | None]],
    prior: Mapping[str, float | None] | None,
    **extra,
) -> Path:
    """Write the scores of some splits to a JSON file.

    The file is ``{"results": {split: {name: score}}, "prior_roc_auc_micro": {split: score}, ...}``,
    with ``null`` for what is undefined. It is written under another name in the same folder and
    then moved, so that a half-written file is never seen.

    Args:
        path (str | os.PathLike): The file. Its folder is created if it is missing.
        results (Mapping[str, Mapping[str, float | None]]): Split -> what ``compute_metrics``
            returned.
        prior (Mapping[str, float | None], optional): Split -> what ``prior_roc_auc_micro``
            returned; NaN is written as ``null``.
        **extra: Further entries (such as the checkpoint): JSON types, paths or numbers.

    Returns:
        Path: The file.

    Raises:
        InputError: If another number is NaN or infinite, which JSON cannot represent, or a value
            has no JSON form. No file is written then.
    """
    path = Path(path)
    prior = {
        split: None if value is None or math.isnan(value) else value
        for split, value in (prior or {}).items()
    }
    write_json(path, dict(results=results, prior_roc_auc_micro=prior, **extra))
    return path

"""Show and keep the results of an evaluation: a text table and a JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike, write_json
from emoreact_plugin.utils.tables import score_cell, text_table

PRIOR_NOTE = (
    '* What micro is without a model: every clip scored by how often each\n  label occurs in the '
    'training split. Macro and each emotion are 0.5\n  then, so judge a model by these.'
)


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
    keys = {'  micro': 'roc_auc/micro', '  macro': 'roc_auc/macro'}
    keys |= {f'  {name}': f'roc_auc/{name}' for name in classes}
    keys |= {'Average precision, macro': 'ap/macro', 'F1, macro': 'f1/macro'}
    rows = [('ROC AUC', *map(str, results))]
    for name, key in keys.items():
        for split, metrics in results.items():
            if key not in metrics:
                raise InputError(
                    f'{key} of split {split}: not in its results, which are {sorted(metrics)}'
                )
        rows.append((name, *(score_cell(metrics[key]) for metrics in results.values())))
    priors = [score_cell((prior or {}).get(split)) for split in results]
    if set(priors) == {'-'}:
        return text_table(rows)
    rows.insert(2, ('    label frequencies alone *', *priors))
    return f'{text_table(rows)}\n{PRIOR_NOTE}'


def write_metrics(
    path: PathLike,
    results: Mapping[str, Mapping[str, float | None]],
    prior: Mapping[str, float | None] | None,
    **extra: Any,
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
            returned.
        **extra: Further entries (such as the checkpoint): JSON types, paths or numbers.

    Returns:
        Path: The file.

    Raises:
        TypeError: If something has no JSON form. No file is written then.
    """
    content = dict(results=results, prior_roc_auc_micro=prior or {}, **extra)
    write_json(path, content, indent=2)
    return Path(path)

"""Show and keep the results of an evaluation: a text table and a JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike, write_json
from emoreact_plugin.utils.tables import score_cell, text_table

PRIOR_NOTE = (
    '* Reached without a look at the clips: every clip is scored by how often\n'
    '  each label occurs in the training split'
)
_GROUP_NOTE = (
    ', or in the training clips of\n'
    '  its group (shrunk to the overall frequencies as is best on val)'
)
_AVERAGES = {'  micro': 'roc_auc/micro', '  macro': 'roc_auc/macro'}
_WITHIN = {
    '  within groups': 'roc_auc_within/micro',
    '    pairs of clips': 'roc_auc_within/pairs',
}
_MICRO = '/roc_auc/micro'  # of a stream
# F1 and calibration of what was chosen on val, where the split is another.
_OPTIONAL = {
    '  at thresholds of val': 'f1_tuned/macro',
    'Calibration error, macro': 'ece/macro',
    '  after temperature of val': 'ece_calibrated/macro',
}


def format_table(
    results: Mapping[str, Mapping[str, float | None]],
    classes: Sequence[str],
    priors: Mapping[str, Mapping[str, Mapping[str, float | None]]] | None = None,
) -> str:
    """Lay out the scores of some splits side by side, as plain text.

    Args:
        results (Mapping[str, Mapping[str, float | None]]): Split -> what ``ROCAUCMetric`` returned.
            One column for each split, in this order, then one for each stream alone, in the last
            split.
        classes (Sequence[str]): Names of the classes, in the order of rows.
        priors (Mapping[str, Mapping[str, Mapping]], optional): Split -> name of a prior -> its
            ``roc_auc/micro`` and ``roc_auc/macro``. These rows and their note are left out if no
            split has one.

    Returns:
        str: Lines of equal layout, with three digits, and ``-`` for a score that is undefined; no
        newline at the end. If clips were skipped, a row says how many were scored; if all clips
        score alike in some labels, a row says in how many.

    Raises:
        InputError: If there is no split.
        InputError: If a split lacks a score.
    """
    if not results:
        raise InputError('results: expected at least one split, found none')
    priors = priors or {}
    names = list(dict.fromkeys(name for split in results for name in priors.get(split, ())))
    last = list(results)[-1]
    streams = [k.removesuffix(_MICRO) for k in results[last] if k.endswith(_MICRO)]
    alone = [f'{name} alone, {last}' for name in streams]
    rows = [('ROC AUC', *map(str, results), *alone)]

    def row(title: str, values: list[float | None], key: str = '') -> None:
        values = values + [results[last].get(f'{name}/{key}') for name in streams]
        rows.append((title, *map(_count_cell if key.endswith('/pairs') else score_cell, values)))

    def add(title: str, key: str) -> None:
        for split, metrics in results.items():
            if key not in metrics:
                raise InputError(
                    f'{key} of split {split}: not in its results, which are {sorted(metrics)}'
                )
        row(title, [metrics[key] for metrics in results.values()], key)

    for title, key in _AVERAGES.items():
        add(title, key)
        for name in names:
            values = [priors.get(split, {}).get(name, {}).get(key) for split in results]
            row(f'    {name} *', values)
    if all('roc_auc_within/micro' in metrics for metrics in results.values()):
        for title, key in _WITHIN.items():
            add(title, key)
    for name in classes:
        add(f'  {name}', f'roc_auc/{name}')
    add('Average precision, macro', 'ap/macro')
    add('F1, macro', 'f1/macro')
    for title, key in _OPTIONAL.items():
        if any(metrics.get(key) is not None for metrics in results.values()):
            row(title, [metrics.get(key) for metrics in results.values()])
    if any('clips/skipped' in metrics for metrics in results.values()):
        cells = [_scored_cell(metrics) for metrics in results.values()]
        rows.append(('Clips scored', *cells, *[cells[-1]] * len(streams)))
    flags = [metrics.get('collapsed/labels') for metrics in results.values()]
    flags += [results[last].get(f'{name}/collapsed/labels') for name in streams]
    if any(flags):
        cells = [f'{flag or 0:.0f} of {len(classes)}' for flag in flags]
        rows.append(('Labels that all clips score alike', *cells))
    if not names:
        return text_table(rows)
    return f'{text_table(rows)}\n{PRIOR_NOTE}{_GROUP_NOTE if len(names) > 1 else ""}.'


def _scored_cell(metrics: Mapping[str, float | None]) -> str:
    scored, skipped = metrics.get('clips/scored'), metrics.get('clips/skipped')
    if scored is None or skipped is None:
        return 'all'
    return f'{scored:.0f} of {scored + skipped:.0f}'


def _count_cell(value: float | None) -> str:
    return '-' if value is None else f'{value:.0f}'


def write_metrics(
    path: PathLike,
    results: Mapping[str, Mapping[str, float | None]],
    priors: Mapping[str, Mapping[str, Mapping[str, float | None]]] | None,
    **extra: Any,
) -> Path:
    """Write the scores of some splits to a JSON file.

    The file is ``{"results": {split: {name: score}}, "priors": {split: {prior: {name: score}}},
    ...}``, with ``null`` for what is undefined. It is written under another name in the same folder
    and then moved, so that a half-written file is never seen.

    Args:
        path (str | os.PathLike): The file. Its folder is created if it is missing.
        results (Mapping[str, Mapping[str, float | None]]): Split -> what ``compute_metrics``
            returned.
        priors (Mapping[str, Mapping[str, Mapping]], optional): Split -> name of a prior -> its
            scores.
        **extra: Further entries (such as the checkpoint): JSON types, paths or numbers.

    Returns:
        Path: The file.

    Raises:
        TypeError: If something has no JSON form. No file is written then.
    """
    content = dict(results=results, priors=priors or {}, **extra)
    write_json(path, content, indent=2)
    return Path(path)

"""Write a results table as Markdown and CSV."""

import math
from collections.abc import Sequence
from dataclasses import astuple, fields

import numpy as np

from emoreact_plugin.evaluation.jackknife import MIN_SEEDS
from emoreact_plugin.utils.tables import markdown_table, report_csv, score_cell, span_cell
from emoreact_plugin.utils.text import number

from .comparisons import MIN_EFFECTIVE_GROUPS, OTHERS, WITHIN, Claim, Difference
from .rows import Row
from .table import Summary, Table

PUBLISHED_NOTE = (
    'Published: ROC AUC on EmoReact (Kegkeroglou et al., 2023). The paper does not say how it is '
    'averaged, and its networks started from AffectNet weights.'
)
_MAIN = ('micro', 'macro', WITHIN)


def to_markdown(table: Table, rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Write the whole report.

    Args:
        table (Table): Results.
        rows (Sequence[Row]): The rows of the table, in its order.
        notes (Sequence[str]): Which data, settings and start weights the results are from; one
            paragraph each.

    Returns:
        str: Markdown.
    """
    titles = {row.name: row.title for row in rows}
    parts = [*notes, _main_table(table, rows), _notes(table, rows), _emotions(table, titles)]
    if table.claims:
        parts += ['### What was to be shown', claims_table(table.claims)]
    if table.differences:
        parts += ['### Differences', _differences(table, titles)]
    return '\n\n'.join(parts) + '\n'


def _main_metrics(table: Table) -> list[str]:
    known = next(iter(table.rows.values())).runs
    return [metric for metric in _MAIN if metric in known]


def _main_table(table: Table, rows: Sequence[Row]) -> str:
    metrics = _main_metrics(table)
    published = any(row.published for row in rows)
    head = ['Row']
    for metric in metrics:
        head += ['within groups' if metric == WITHIN else metric, '95 % interval']
    lines = [
        [
            row.title,
            *_cells(table.rows[row.name], metrics),
            *([score_cell(row.published)] if published else []),
        ]
        for row in rows
    ]
    for name, summary in table.priors.items():
        lines.append([name, *_cells(summary, metrics), *[''] * published])
    return markdown_table(head + ['Published'] * published, lines)


def _cells(summary: Summary, metrics: Sequence[str]) -> list[str]:
    cells = []
    for metric in metrics:
        cells += [_mean_and_spread(summary.runs[metric]), span_cell(*summary.intervals[metric])]
    return cells


def _notes(table: Table, rows: Sequence[Row]) -> str:
    seeds = min(len(s.runs['micro']) for s in table.rows.values())
    spread = ' ± their standard deviation' if seeds > 1 else ''
    text = (
        f'ROC AUC of the test clips: mean over {number(seeds, "seed")}{spread}. The intervals are '
        f'of that mean, for other clips{" and other seeds" if seeds > 1 else ""}, by leaving out '
        f'each of {table.unit} in turn.'
    )
    if seeds == 1:
        text += ' One seed says nothing about others: the intervals are of these very trainings.'
    if table.priors:
        text += (
            ' Label frequencies: every clip is scored by how often each label occurs in the '
            'training split, or in the training clips of its group, without a look at the clip.'
        )
    if WITHIN in _main_metrics(table):
        text += (
            ' Within groups: only pairs of clips of one group are compared, so that telling the '
            'groups apart is worth nothing (0.5).'
        )
    if any(row.two_seeds for row in rows):
        text += ' Two seeds averaged: two networks a run, so as many scores as a fusion has.'
    if any(row.published for row in rows):
        text += ' ' + PUBLISHED_NOTE
    return text


def _emotions(table: Table, titles: dict[str, str]) -> str:
    known = next(iter(table.rows.values())).runs
    emotions = [name for name in known if name not in (*_MAIN, *OTHERS)]
    lines = [
        [titles.get(name, name)] + [_mean_and_spread(summary.runs[e]) for e in emotions]
        for name, summary in {**table.rows, **table.priors}.items()
    ]
    return markdown_table(['Row', *emotions], lines)


def claims_table(claims: Sequence[Claim]) -> str:
    """Format claims as a table in Markdown."""
    return markdown_table(
        ['Claim', 'Value', '95 % interval', 'Holds'],
        [
            [
                each.text,
                f'{each.value:+.3f}' if each.text.endswith('above 0') else f'{each.value:.3f}',
                span_cell(each.low, each.high),
                'yes' if each.holds else 'not shown',
            ]
            for each in claims
        ],
    )


def _differences(table: Table, titles: dict[str, str]) -> str:
    tables = []
    for against in (table.rows, table.priors):
        if found := [d for d in table.differences if d.second in against]:
            tables.append(_difference_table(found, titles))
    text = '\n\n'.join(tables)
    text += f'\n\nBy leaving out each of {table.unit} in turn, and by the spread over the seeds. '
    if any(not math.isnan(d.p_value) for d in table.differences):
        text += (
            "p: two-sided, Student's t. Holm's correction is over the tests of each table above. "
            'The intervals, and the claims that they decide, are not corrected. '
        )
    else:
        text += f'No p is given: the spread over seeds needs {MIN_SEEDS} seeds or more. '
    return text + (
        'Differences of each emotion are in emotion_differences.csv, corrected among themselves, '
        f'without p for an emotion that is spread over fewer than {MIN_EFFECTIVE_GROUPS} groups '
        '(effective number).'
    )


def _difference_table(found: Sequence[Difference], titles: dict[str, str]) -> str:
    lines = [
        [
            f'{titles.get(d.first, d.first)} − {titles.get(d.second, d.second)}',
            'within groups' if d.metric == WITHIN else d.metric,
            f'{d.value:+.3f}',
            span_cell(d.low, d.high),
            _p(d.p_value),
            _p(d.p_holm),
        ]
        for d in found
    ]
    return markdown_table(['Rows', 'ROC AUC', 'Difference', '95 % interval', 'p', 'p, Holm'], lines)


def _mean_and_spread(values: np.ndarray) -> str:
    if len(values) == 1:
        return score_cell(values[0])
    return f'{score_cell(values.mean())} ± {score_cell(values.std(ddof=1))}'


def _p(value: float) -> str:
    if math.isnan(value):
        return '-'
    return '< 0.001' if value < 0.001 else f'{value:.3f}'


def to_csv(table: Table, rows: Sequence[Row]) -> dict[str, str]:
    """Format the numbers of the report for other programs.

    Args:
        table (Table): Results.
        rows (Sequence[Row]): The rows of the table.

    Returns:
        dict[str, str]: Name of a file -> its text: ``table.csv`` (one line for each row and
        metric), ``claims.csv``, ``differences.csv``, ``emotion_differences.csv``. The last three
        are left out if they have no entries.
    """
    published = {row.name: row.published for row in rows}
    lines = []
    for name, summary in {**table.rows, **table.priors}.items():
        for metric, values in summary.runs.items():
            spread = values.std(ddof=1) if len(values) > 1 else math.nan
            limits = summary.intervals[metric]
            lines.append([name, metric, len(values), float(values.mean()), spread, *limits])
        if published.get(name) is not None:
            lines.append([name, 'published', '', published[name]])
    head = ['row', 'metric', 'seeds', 'mean', 'sd', 'low', 'high']
    files = {'table.csv': number_csv(head, lines)}
    for name in ('claims', 'differences', 'emotion_differences'):
        entries = getattr(table, name)
        if entries:
            columns = [field.name for field in fields(entries[0])]
            files[f'{name}.csv'] = number_csv(columns, [astuple(each) for each in entries])
    return files


def number_csv(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Format lines as CSV, numbers with six digits; NaN and missing cells are empty."""
    return report_csv(
        head,
        [[_csv_cell(each) for each in line] + [''] * (len(head) - len(line)) for line in lines],
    )


def _csv_cell(value: object) -> object:
    if isinstance(value, float):
        return '' if math.isnan(value) else f'{value:.6g}'
    return value

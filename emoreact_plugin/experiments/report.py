"""Write a results table as Markdown and CSV."""

import math
from collections.abc import Sequence
from dataclasses import astuple, fields

import numpy as np

from emoreact_plugin.utils.tables import csv_text, markdown_table, score_cell
from emoreact_plugin.utils.text import number

from .comparisons import AVERAGES, Claim
from .rows import Row
from .table import Table

# The fewest of which p is about what it says.
FEW_SEEDS = 5
PUBLISHED_NOTE = (
    'Published: ROC AUC on EmoReact (Kegkeroglou et al., 2023). The paper does not say how it is '
    'averaged, and its networks started from AffectNet weights.'
)


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


def _main_table(table: Table, rows: Sequence[Row]) -> str:
    levels = table.levels
    head = ['Row']
    for average in ('micro', 'macro'):
        head += [f'{average}', *(f'over {level}' for level in levels)]
    published = any(row.published for row in rows)
    if published:
        head.append('Published')
    lines = []
    for row in rows:
        summary = table.rows[row.name]
        cells = [row.title]
        for average in ('micro', 'macro'):
            cells.append(_mean_and_spread(summary.runs[average]))
            cells += [_span(summary.intervals[level][average]) for level in levels]
        if published:
            cells.append(score_cell(row.published))
        lines.append(cells)
    if table.prior is not None:
        blank = [''] * len(levels)
        lines.append(
            ['label frequencies alone', score_cell(table.prior), *blank, '0.500', *blank]
            + [''] * published
        )
    return markdown_table(head, lines)


def _notes(table: Table, rows: Sequence[Row]) -> str:
    runs = sorted({len(s.runs['micro']) for s in table.rows.values()})
    levels = table.levels
    spread = ' ± their standard deviation' if runs[0] > 1 else ''
    text = (
        f'ROC AUC of the test clips: mean over {number(runs[0], "seed")}{spread}; then 95 % '
        f'bootstrap intervals of that mean, drawing each {", each ".join(levels)}. Label '
        'frequencies alone: every clip scored by how often each label occurs in the training '
        'split, which is what micro is without a model. The intervals are of these very seeds '
        'and, where clips of a series or child are alike, the more optimistic the smaller the '
        'unit that is drawn.'
    )
    if any(row.two_seeds for row in rows):
        text += ' Two seeds averaged: two networks a run, so as many scores as a fusion has.'
    if any(row.published for row in rows):
        text += ' ' + PUBLISHED_NOTE
    return text


def _emotions(table: Table, titles: dict[str, str]) -> str:
    emotions = [m for m in next(iter(table.rows.values())).runs if m not in AVERAGES]
    lines = [
        [titles[name]] + [_mean_and_spread(summary.runs[e]) for e in emotions]
        for name, summary in table.rows.items()
    ]
    return markdown_table(['Row', *emotions], lines)


def claims_table(claims: Sequence[Claim]) -> str:
    """Format claims as a table in Markdown."""
    return markdown_table(
        ['Claim', 'Value', '95 % interval', 'Holds'],
        [
            [
                each.text,
                f'{each.value:+.3f}' if ' minus ' in each.text else f'{each.value:.3f}',
                _span((each.low, each.high)),
                'yes' if each.holds else 'not shown',
            ]
            for each in claims
        ],
    )


def _differences(table: Table, titles: dict[str, str]) -> str:
    lines = [
        [
            f'{titles[d.first]} − {titles[d.second]}',
            d.average,
            f'{d.value:+.3f}',
            _span((d.low, d.high)),
            _p(d.p_value),
            _p(d.p_holm),
        ]
        for d in table.differences
    ]
    text = markdown_table(['Rows', 'ROC AUC', 'Difference', '95 % interval', 'p', 'p, Holm'], lines)
    count = len(next(iter(next(iter(table.rows.values())).runs.values())))
    seeds = 'and seeds drawn anew' if count > 1 else 'of these very trainings (one seed each)'
    if 1 < count < FEW_SEEDS:
        seeds += (
            f' ({count} are few: where the spread over seeds is as '
            'large as that over clips, p is too small)'
        )
    return (
        text + '\n\nPaired bootstrap: the same resampled clips for both '
        f'rows, in groups where their names tell of any, {seeds}; '
        "p two-sided, Holm's correction over all pairs of an "
        'average. Macro is the one to judge by. Differences per emotion '
        '(DeLong, of clips taken as independent and of these very seeds) '
        'are in emotion_differences.csv.'
    )


def _mean_and_spread(values: np.ndarray) -> str:
    if len(values) == 1:
        return score_cell(values[0])
    return f'{score_cell(values.mean())} ± {score_cell(values.std(ddof=1))}'


def _span(limits: tuple[float, float]) -> str:
    return f'{score_cell(limits[0])} to {score_cell(limits[1])}'


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
    levels = table.levels
    head = ['row', 'metric', 'seeds', 'mean', 'sd']
    head += [f'{end}_{level}' for level in levels for end in ('low', 'high')]
    lines = []
    for name, summary in table.rows.items():
        for metric, values in summary.runs.items():
            spread = values.std(ddof=1) if len(values) > 1 else math.nan
            limits = [x for level in levels for x in summary.intervals[level][metric]]
            lines.append([name, metric, len(values), values.mean(), spread, *limits])
        if published[name] is not None:
            lines.append([name, 'published', '', published[name]])
    if table.prior is not None:
        lines.append(['label frequencies alone', 'micro', '', table.prior])
    files = {'table.csv': number_csv(head, lines)}
    for name in ('claims', 'differences', 'emotion_differences'):
        entries = getattr(table, name)
        if entries:
            columns = [field.name for field in fields(entries[0])]
            files[f'{name}.csv'] = number_csv(columns, [astuple(each) for each in entries])
    return files


def number_csv(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Format lines as CSV, numbers with six digits; NaN and missing cells are empty."""
    return csv_text(
        head,
        [[_csv_cell(each) for each in line] + [''] * (len(head) - len(line)) for line in lines],
    )


def _csv_cell(value: object) -> object:
    if isinstance(value, float):
        return '' if math.isnan(value) else f'{value:.6g}'
    return value

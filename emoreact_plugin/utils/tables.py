"""Lay out tables as plain text, Markdown and CSV, and read CSV files."""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .errors import InputError
from .files import PathLike
from .text import printable


def score_cell(value: float | None) -> str:
    """Format a score with three digits; one that is undefined, None or NaN, is ``-``."""
    return '-' if value is None or math.isnan(value) else f'{value:.3f}'


def span_cell(low: float, high: float) -> str:
    """Format the ends of an interval; one that is undefined is ``-``."""
    return '-' if math.isnan(low) else f'{score_cell(low)} to {score_cell(high)}'


def text_table(rows: Sequence[Sequence[str]], right: bool = True) -> str:
    """Lay out rows of equal length as plain text, with columns of equal width.

    Args:
        rows (Sequence[Sequence[str]]): At least one row; the first is the head.
        right (bool): Align all columns but the first at the right. Defaults to True.

    Returns:
        str: No newline at the end.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    align = str.rjust if right else str.ljust
    return '\n'.join(
        '  '.join([row[0].ljust(widths[0]), *map(align, row[1:], widths[1:])]).rstrip()
        for row in rows
    )


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out rows as a table in Markdown; no newline at the end."""
    head_line, *lines = (f'| {" | ".join(row)} |' for row in (head, *rows))
    return '\n'.join([head_line, '|---' * len(head) + '|', *lines])


def csv_text(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Format rows as CSV that a program reads; each line ends in a newline, None is empty."""
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows([head, *rows])
    return text.getvalue()


@contextmanager
def open_csv(path: PathLike) -> Iterator[Any]:
    """Open a CSV file in UTF-8, as a ``csv.reader`` of its rows.

    Raises:
        InputError: If it turns out to be none, while it is read in the block.
    """
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            yield csv.reader(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f'{path}: expected a CSV file in UTF-8 ({error})') from error


def report_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format rows as :func:`csv_text` does, for people who open the file as a spreadsheet.

    A text that begins like a formula gets a ``'`` in front, so that it stays a text. Characters
    that cannot be shown are written as escapes. Numbers stay as they are.
    """
    return csv_text([str(_cell(each)) for each in head], [map(_cell, row) for row in rows])


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    value = printable(value, keep='\n')
    formula = value.lstrip()[:1] in tuple('=+-@＝＋－＠') and not _PLAIN.fullmatch(value)
    return f"'{value}" if formula else value


# numbers, and the sign of a score that is undefined
_PLAIN = re.compile(r'[-+]?(\d+\.?\d*(e[-+]?\d+)?|)')

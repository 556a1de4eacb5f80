"""Read the lines of a text file, and the cells of a line."""

import csv
import os
from collections.abc import Callable, Sequence

import numpy as np

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike
from emoreact_plugin.utils.text import to_number

SEPARATORS = ',;\t'
# What C++ programs on Windows, R and Excel write for a number that is none.
_MISSING_CELLS = ('', '-nan(ind)', 'nan(ind)', '-nan(snan)', 'nan(snan)', 'na', '#n/a')


def read_lines(path: PathLike, kind: str) -> list[str]:
    """Read the lines of a text file in UTF-8.

    Args:
        path (str | PathLike): The file.
        kind (str): What it should be, for messages.

    Returns:
        list[str]: Without their ends.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: It is not text.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such {kind}')
    with open(path, 'rb') as file:
        data = file.read()
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = '\0'
    if '\0' in text:
        raise InputError(f'{path}: expected a text file ({kind}, UTF-8), found other bytes')
    lines = text.replace('\r\n', '\n').replace('\r', '\n').split('\n')
    return lines if lines[-1] else lines[:-1]


def splitter_of(lines: Sequence[str]) -> Callable[[str], list[str]]:
    """Find out how the lines of a table are split into cells.

    The separator is the comma, semicolon or tab that the first line has most of.
    Where it is no comma, a comma in a cell is a decimal one.

    Args:
        lines (Sequence[str]): The lines, the header first.

    Returns:
        Callable: Splits a line.
    """
    separator = max(SEPARATORS, key=lines[0].count)
    if separator == ',' and not any('"' in line for line in lines):
        return lambda line: line.split(',')

    def split(line: str) -> list[str]:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [''])
        return cells if separator == ',' else [cell.replace(',', '.') for cell in cells]

    return split


def parse_cells(place: str, names: Sequence[str], cells: Sequence[str]) -> list[float]:
    """Parse cells one by one, and take those that stand for a missing number as NaN.

    This is the slow way, for cells that ``float`` does not take.
    """
    values = []
    for name, cell in zip(names, cells, strict=True):
        cell = cell.strip()
        try:
            missing = cell.lower() in _MISSING_CELLS
            values.append(np.nan if missing else to_number(cell))
        except ValueError:
            raise InputError(
                f'{place}, column {name}: expected a number, found {cell[:40]!r}'
            ) from None
    return values

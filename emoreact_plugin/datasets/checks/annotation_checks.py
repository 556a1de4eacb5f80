"""Find all wrong lines of an annotation file, and write files with some of its lines."""

import csv
import os.path as osp
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from emoreact_plugin.datasets.annotations import USUAL_COLUMNS, Annotation, read_annotations
from emoreact_plugin.utils.errors import InputError

from .clip_checks import Problem

# Each wrong line means reading the file once more.
MAX_WRONG_LINES = 200
BINARY = {'0', '1', '0.0', '1.0'}


def read_lines(dataset) -> tuple[list[Annotation], list[Problem]]:
    """Read the annotations of a data set, even if some lines are wrong.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.

    Returns:
        tuple[list[Annotation], list[Problem]]: The lines that can be read,
        and what is wrong with the others, or with the file.
    """
    path = dataset.ann_file
    problems, wrong = [], set()
    while True:
        try:
            with lines_left(path, without=wrong) as part:
                rows = read_annotations(part, dataset.classes, dataset.columns, dataset.soft_labels)
            return rows, problems
        except (ValueError, OSError) as error:
            text = str(error).replace(part, path) if wrong else str(error)
        problems.append(Problem('error', 'annotations', text))
        match = re.match(re.escape(path) + r', line (\d+)', text)
        if match is None or int(match[1]) in wrong:
            return [], problems
        wrong.add(int(match[1]))
        if len(wrong) == MAX_WRONG_LINES:
            problems.append(
                Problem(
                    'error',
                    'annotations',
                    f'{path}: has {MAX_WRONG_LINES} wrong lines or more; what '
                    'comes after them was not looked at',
                )
            )
            return [], problems


@contextmanager
def lines_left(path: str, without: Collection[int] = ()) -> Iterator[str]:
    """Copy an annotation file with some of its lines left blank.

    The other lines keep their numbers. If no line is to be left out, the file
    itself is used.

    Args:
        path (str): The file. It has to be readable text if lines are to be
            left out.
        without (Collection[int]): The lines to leave out, counted from 1; for
            a row of several lines, the last one. The header stays in any case.

    Yields:
        str: Path of the copy, which exists within the block.
    """
    if not without:
        yield path
        return
    with open(path, newline='', encoding='utf-8-sig') as file:
        lines = list(file)
    for last, first in _rows(lines).items():
        if last in without and first > 1:
            lines[first - 1 : last] = ['\n'] * (last - first + 1)
    with tempfile.TemporaryDirectory() as folder:
        part = osp.join(folder, osp.basename(path))
        with open(part, 'w', newline='', encoding='utf-8') as file:
            file.writelines(lines)
        yield part


def _rows(lines: list[str]) -> dict[int, int]:
    """Map the last line of each row to its first line."""
    reader, rows, before = csv.reader(lines), {}, 0
    for _ in reader:
        rows[reader.line_num] = before + 1
        before = reader.line_num
    return rows


def label_columns(paths: Sequence[str]) -> tuple[str, ...]:
    """Find the columns that hold only 0 and 1 in at least one of some annotation files.

    One file is enough, so that a wrong cell in another file is found and does
    not hide its column.

    Args:
        paths (Sequence[str]): The files.

    Returns:
        tuple[str, ...]: Names of the columns, in the order of the first file
        that has them; never the unnamed index, ``video`` or ``Valence``.

    Raises:
        InputError: For a file that is not a CSV file in UTF-8, or if there is
            no such column.
    """
    names, found = {}, set()
    for path in paths:
        try:
            with open(path, newline='', encoding='utf-8-sig') as file:
                header, *rows = [row for row in csv.reader(file) if row] or [[]]
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f'{path}: expected a CSV file in UTF-8 ({error})') from error
        for k, name in enumerate(map(str.strip, header)):
            names[name] = None
            cells = {row[k].strip() for row in rows if k < len(row)}
            if cells and cells <= BINARY:
                found.add(name)
    found -= {'', *USUAL_COLUMNS.values()}
    if not found:
        raise InputError(
            f'{", ".join(paths)}: expected columns of 0 and 1, '
            'one a label, found none; name them with --classes'
        )
    return tuple(name for name in names if name in found)

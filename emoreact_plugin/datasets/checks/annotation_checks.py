"""Find the label columns of annotation files."""

from collections.abc import Sequence

from emoreact_plugin.datasets.annotations import USUAL_COLUMNS
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.tables import open_csv

BINARY = {'0', '1', '0.0', '1.0'}


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
    names: dict[str, None] = {}
    found: set[str] = set()
    for path in paths:
        with open_csv(path) as reader:
            header, *rows = [row for row in reader if row] or [[]]
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

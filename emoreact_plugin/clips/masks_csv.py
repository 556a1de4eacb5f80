"""Read and write ``masks.csv``, which lists the clips of a folder that have masks.

It also says in how many frames of a clip there was no face for a mask.
"""

import os.path as osp
from dataclasses import astuple, dataclass, fields

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.tables import csv_text, open_csv

FILE_NAME = 'masks.csv'


@dataclass(frozen=True)
class MaskedClip:
    """A row of ``masks.csv``: a clip and the mask that was drawn on it.

    Attributes:
        path (str): The clip's video or folder of frames, relative to the
            folder of the file, with ``/``.
        mask (str): Kind of the mask, and its colour if one was chosen.
        frames (int): Number of frames.
        unmasked_frames (int): Number of frames in which no mask was drawn.
    """

    path: str
    mask: str
    frames: int
    unmasked_frames: int


_COLUMNS = [field.name for field in fields(MaskedClip)]


def read_masks(folder: str) -> dict[str, MaskedClip]:
    """Read the ``masks.csv`` of a folder.

    Args:
        folder (str): A folder of videos or of folders of frames.

    Returns:
        dict[str, MaskedClip]: The rows by ``path``; empty if there is no file.

    Raises:
        InputError: If it is not such a file. The message names the file and,
            for a row, the line.
    """
    path = osp.join(folder, FILE_NAME)
    if not osp.exists(path):
        return {}
    records = {}
    with open_csv(path) as reader:
        header: list[str] = next(reader, [])
        if header != _COLUMNS:
            raise InputError(
                f'{path}: expected the columns {", ".join(_COLUMNS)}, found '
                f'{", ".join(header) or "none"}'
            )
        for row in reader:
            record = _record(row, f'{path}, line {reader.line_num}')
            records[record.path] = record
    return records


def _record(row: list[str], place: str) -> MaskedClip:
    try:
        path, mask, *counts = row
        frames, unmasked = map(int, counts)
        if min(frames, unmasked) < 0:
            raise ValueError
        return MaskedClip(path, mask, frames, unmasked)
    except ValueError:
        raise InputError(
            f'{place}: expected path, mask and two whole numbers, found {row}'
        ) from None


def write_masks(folder: str, records: dict[str, MaskedClip]) -> None:
    """Write the ``masks.csv`` of a folder, whole or not at all.

    Args:
        folder (str): The folder.
        records (dict[str, MaskedClip]): The rows by ``path``.
    """
    rows = [astuple(records[name]) for name in sorted(records)]
    write_text(osp.join(folder, FILE_NAME), csv_text(_COLUMNS, rows))

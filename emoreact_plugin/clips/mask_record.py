"""``masks.csv``: which clips of a folder had masks drawn on them, and in how
many frames there was no face for one.
"""

import csv
import os.path as osp
from typing import NamedTuple

from emoreact_plugin.utils.files import write_whole

FILE_NAME = 'masks.csv'


class MaskedClip(NamedTuple):
    """A row.

    Attributes:
        path (str): The clip's video or folder of frames, relative to the
            folder of the file, with ``/``.
        mask (str): Kind of the mask, and its colour where one was chosen.
        frames (int): Number of frames.
        unmasked_frames (int): In how many of them no mask was drawn.
    """

    path: str
    mask: str
    frames: int
    unmasked_frames: int


def read_masks(folder: str) -> dict[str, MaskedClip]:
    """Read the ``masks.csv`` of a folder.

    Args:
        folder (str): Of videos or of folders of frames.

    Returns:
        dict[str, MaskedClip]: By ``path``; empty where there is no file.

    Raises:
        ValueError: When it is none of these files; it names the file and the
            line.
    """
    path = osp.join(folder, FILE_NAME)
    if not osp.isfile(path):
        return {}
    records = {}
    try:
        with open(path, newline='', encoding='utf-8') as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if header != list(MaskedClip._fields):
                raise ValueError(
                    f'{path}: expected the columns '
                    f'{", ".join(MaskedClip._fields)}, found '
                    f'{", ".join(header) or "none"}'
                )
            for row in reader:
                record = _record(row, f'{path}, line {reader.line_num}')
                records[record.path] = record
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f'{path}: expected a CSV file in UTF-8 ({error})') from error
    return records


def _record(row: list, place: str) -> MaskedClip:
    try:
        path, mask, frames, unmasked = row
        return MaskedClip(path, mask, int(frames), int(unmasked))
    except ValueError:
        raise ValueError(
            f'{place}: expected path, mask and two whole numbers, found {row}'
        ) from None


def write_masks(folder: str, records: dict[str, MaskedClip]) -> None:
    """Write the ``masks.csv`` of a folder, whole or not at all.

    Args:
        folder (str): Where.
        records (dict[str, MaskedClip]): By ``path``.
    """
    path = osp.join(folder, FILE_NAME)
    with write_whole(path) as part, open(part, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(MaskedClip._fields)
        writer.writerows(records[name] for name in sorted(records))

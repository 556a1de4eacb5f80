"""The annotation CSV: which clips there are and what they show."""
import csv
import math
import ntpath
import os.path as osp
import posixpath
from typing import List, NamedTuple, Optional, Sequence

# The order of EmoReact's annotation files (Nojavanasghari et al., ICMI 2016).
EMOTIONS = ('Curiosity', 'Uncertainty', 'Excitement', 'Happiness', 'Surprise',
            'Disgust', 'Fear', 'Frustration')


class Annotation(NamedTuple):
    """One row.

    Attributes:
        video (str): The video's name, relative to the folder of videos.
        label (tuple[float, ...]): C values, 0 or 1.
        valence (float | None): 1..7 in EmoReact; None without the column.
    """
    video: str
    label: tuple
    valence: Optional[float]


def read_annotations(path: str,
                     classes: Sequence[str] = EMOTIONS) -> List[Annotation]:
    """Read an annotation CSV.

    Columns: ``video``, one 0/1 column for each class, and optionally
    ``Valence``; others, such as the unnamed index, are left alone.

    Args:
        path (str): The CSV.
        classes (Sequence[str]): Names of the C label columns, in the order
            that the labels get.

    Returns:
        list[Annotation]: At least one, in the order of the file. Rows without
        a positive label are samples like any other.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: For a missing or repeated column, no rows, a row of
            another length, a label other than 0 or 1, a valence that is no
            number, a video named twice, or a name that leaves the folder of
            videos; with file, line and what was found.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such annotation file. Is the '
                                'folder of the data set the right one?')
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            return _read_rows(path, csv.DictReader(file), classes)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f'{path}: expected a CSV file in UTF-8 ({error})'
                         ) from error


def _read_rows(path: str, reader: csv.DictReader,
               classes: Sequence[str]) -> List[Annotation]:
    columns = [(name or '').strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    for name in ('video', *classes):
        if name not in columns:
            found = ', '.join(c for c in columns if c) or 'none'
            raise ValueError(f"{path}: expected a column '{name}', found the "
                             f'columns {found}')
        if columns.count(name) > 1:
            raise ValueError(f"{path}: expected one column '{name}', found "
                             f'{columns.count(name)}')
    rows, seen = [], {}
    for row in reader:
        place = f'{path}, line {reader.line_num}'
        if None in row:
            raise ValueError(f'{place}: expected {len(columns)} cells as in '
                             f'the header, found {len(columns)} and '
                             f'{len(row[None])} more')
        video = (row['video'] or '').strip()
        check_name(video, place)
        # Without its ending, the name is the clip's id and that of its files.
        clip = posixpath.splitext(posixpath.normpath(video))[0]
        if clip in seen:
            raise ValueError(f"{place}: video '{video}' stands in line "
                             f'{seen[clip]} already')
        seen[clip] = reader.line_num
        label = tuple(
            parse_label(row[name], f"{place}, column '{name}'")
            for name in classes)
        valence = parse_valence(
            row['Valence'],
            f"{place}, column 'Valence'") if 'Valence' in row else None
        rows.append(Annotation(video, label, valence))
    if not rows:
        raise ValueError(f'{path}: expected at least one clip, found none')
    return rows


def parse_label(text: Optional[str], place: str) -> float:
    """The value of a label.

    Args:
        text (str, optional): What stands there; None in a row cut short.
        place (str): Where, for the error.

    Returns:
        float: 0 or 1.

    Raises:
        ValueError: For anything else.
    """
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if value not in (0, 1):
        raise ValueError(f'{place}: expected 0 or 1, found {text!r}')
    return value


def parse_valence(text: Optional[str], place: str) -> float:
    """The value of a valence; see :func:`parse_label`.

    Raises:
        ValueError: For anything but a finite number.
    """
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f'{place}: expected a number, found {text!r}')
    return value


def check_name(name: str, place: str) -> None:
    """Refuse a file name that could leave the folder it belongs to.

    Args:
        name (str): From an annotation file; may have folders in it.
        place (str): Where it stands, for the error.

    Raises:
        ValueError: For an empty or absolute name, one with a drive or
            ``..``, and one with a zero byte.
    """
    parts = name.replace('\\', '/').split('/')
    if (not name or '\0' in name or name.startswith(('/', '\\', '~'))
            or ntpath.splitdrive(name)[0] or '..' in parts):
        raise ValueError(f'{place}: expected a video name within the folder '
                         f'of videos, found {name!r}')

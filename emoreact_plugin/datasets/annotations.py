"""Read the annotation CSV, which lists the clips and what they show."""

import csv
import io
import os.path as osp
import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from emoreact_plugin.evaluation import LabeledClips
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.memory import without_gc
from emoreact_plugin.utils.text import first_few

from .cells import check_name, parse_label, parse_valence
from .groups import check_group, compile_group_names, groups_in_names

# The order of EmoReact's annotation files (Nojavanasghari et al., ICMI 2016).
EMOTIONS = (
    'Curiosity',
    'Uncertainty',
    'Excitement',
    'Happiness',
    'Surprise',
    'Disgust',
    'Fear',
    'Frustration',
)
# From here on a soft label counts as positive where it is scored.
SOFT_POSITIVE = 0.5


# What a column may be for. 'video' and 'valence' are found by their usual names
# unless others are given.
ROLES = ('video', 'label', 'start', 'end', 'person', 'groups', 'valence')
USUAL_COLUMNS = dict(video='video', valence='Valence')

# A person's name is a part of the names of files.
PERSON = re.compile(r'[A-Za-z0-9_-]+')
# The number of a frame; tables write some as '30.0'.
FRAME = re.compile(r'\d+(\.0*)?')

# Of how many files the rows are remembered: those of the splits.
MOST_FILES = 3


class Annotation(NamedTuple):
    """A row of the annotation file: a clip and its labels.

    Attributes:
        video (str): The video's name, relative to the folder of videos.
        label (tuple[float, ...]): C values, 0 or 1; soft ones in between.
        valence (float | None): 1..7 in EmoReact; None without the column.
        start (int): The clip's first frame in the video, counted from 0.
        end (int | None): The frame after its last; None for the video's end.
        person (str | None): Which of several people in the video it shows.
        line (int): Line in the file, counted from 1.
        groups (tuple[tuple[str, str], ...]): What clips that are alike have in
            common: kind and name of each group, such as ``('series', 'SUSHI')``.
    """

    video: str
    label: tuple[float, ...]
    valence: float | None = None
    start: int = 0
    end: int | None = None
    person: str | None = None
    line: int = 0
    groups: tuple[tuple[str, str], ...] = ()

    @property
    def clip_id(self) -> str:
        """Return the clip's id: the video's name without ending, then person and frames.

        Person and frames are left out if the file does not tell them: ``talk``,
        ``talk_p2``, ``talk_p2_f30-90``.
        """
        name = _without_ending(self.video)
        if self.person is not None:
            name += f'_p{self.person}'
        if self.start or self.end is not None:
            end = '' if self.end is None else self.end
            name += f'_f{self.start}-{end}'
        return name


# Thousands of clips may be parts of one video.
@lru_cache(maxsize=1024)
def _without_ending(video: str) -> str:
    return posixpath.splitext(posixpath.normpath(video))[0]


def frames_of(row: Annotation, total_frames: int, step: int, ann_file: str) -> slice:
    """Return which of a video's frames belong to a clip.

    Args:
        row (Annotation): The clip.
        total_frames (int): Number of frames of the video.
        step (int): Only every ``step``-th frame of the video is there.
        ann_file (str): The file that the row is from, for the error message.

    Returns:
        slice: Positions among the frames that are there.

    Raises:
        InputError: If the video does not have all frames of the clip, or none is there.
    """
    end = total_frames if row.end is None else row.end
    first, last = -(-row.start // step), -(-end // step)
    if not 0 <= row.start < end <= total_frames or first == last:
        every = f' (every {step}th)' if step > 1 else ''
        raise InputError(
            f'{ann_file}, line {row.line}: expected frames within the {total_frames} of '
            f'{row.video}{every}, found {row.start} to {end}'
        )
    return slice(first, last)


@without_gc()
def read_annotations(
    path: str,
    classes: Sequence[str] = EMOTIONS,
    columns: dict[str, str | Sequence[str]] | None = None,
    soft: bool = False,
    errors: list[InputError] | None = None,
    group_names: str | None = None,
) -> list[Annotation]:
    """Read an annotation CSV.

    Its columns are ``video``, one 0/1 column for each class, and optionally
    ``Valence``. Others, such as the unnamed index, are ignored.

    Args:
        path (str): The CSV.
        classes (Sequence[str]): Names of the C label columns, in the order that the labels get.
        columns (dict, optional): What a column is for -> its name:

            - ``video`` and ``valence``, if they have other names;
            - ``label``: holds the name of a row's one class, instead of a column for each class;
            - ``start``, ``end``: the clip is a part of the video, from frame
              ``start`` on (counted from 0; an empty cell is 0) up to and
              without frame ``end`` (an empty cell is the video's end);
            - ``person``: which of several people the row is about, of letters, digits, _ and -;
            - ``groups``: what clips that are alike have in common, such as
              the child, series or session. One column, or several in a list;
              their names are the kinds of groups.
        soft (bool): Labels may be anything from 0 to 1, such as the share of
            the annotators who saw it. Defaults to False.
        errors (list[InputError], optional): Gets the errors of single rows,
            which are then left out. Defaults to None: the first one is raised.
        group_names (str, optional): A regular expression that finds groups in
            the names of the clips (without folder and ending): each of its
            named groups is a kind. If a name does not match it, no clip gets
            groups from it, and a warning says so. Defaults to None.

    Returns:
        list[Annotation]: At least one, unless all are in ``errors``, in the
        order of the file. Rows without a positive label are samples like any
        other.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: For an unknown key in ``columns``, a missing or repeated
            column, no rows, a row of another length, a label other than 0 or
            1 (soft: out of 0..1) or one that is not a class, a valence or
            frame that is not a number, a clip that occurs twice, a name
            that leaves the folder of videos, or a clip without a group. The
            message gives the file, the line and what was found.
    """
    unknown = set(columns or {}) - set(ROLES)
    if unknown:
        raise InputError(
            f'columns: expected some of {", ".join(ROLES)}, found {", ".join(sorted(unknown))}'
        )
    pattern = compile_group_names(group_names)
    if not osp.isfile(path):
        place = '' if osp.isabs(path) else f' ({osp.abspath(path)})'
        raise FileNotFoundError(
            f'{path}: no such annotation file{place}. Is the folder of the data set the right one?'
        )
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            text = file.read()
        made_of = text, tuple(classes), repr(columns), soft
        before, rows = _remembered.get(path, (None, []))
        if before != made_of:
            reader = csv.reader(io.StringIO(text, newline=''))
            rows = _read_rows(path, reader, classes, dict(columns or {}), soft, errors)
            if not errors:
                _remember(path, made_of, rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f'{path}: expected a CSV file in UTF-8 ({error})') from error
    if pattern is None:
        return list(rows)
    names = [posixpath.splitext(posixpath.basename(row.video))[0] for row in rows]
    found = groups_in_names(names, pattern, path)
    return [
        row._replace(groups=row.groups + groups) if groups else row
        for row, groups in zip(rows, found, strict=True)
    ]


# Path -> all that its rows depend on, the text of the file among it, and the rows. Before a
# training, several parts of it read the same annotations, each on its own.
_remembered: dict[str, tuple[tuple, list[Annotation]]] = {}


def _remember(path: str, made_of: tuple, rows: list[Annotation]) -> None:
    forget_annotations(path)
    while len(_remembered) >= MOST_FILES:
        forget_annotations(next(iter(_remembered)))
    _remembered[path] = made_of, rows


def forget_annotations(path: str) -> None:
    """Free the memory that holds the rows of an annotation file for whoever reads it again."""
    _remembered.pop(path, None)


def _read_rows(
    path: str,
    reader: Any,
    classes: Sequence[str],
    columns: dict,
    soft: bool,
    errors: list[InputError] | None,
) -> list[Annotation]:
    header = [name.strip() for name in next(reader, [])]
    for role, name in USUAL_COLUMNS.items():
        if role == 'video' or name in header:
            columns.setdefault(role, name)
    labels = () if 'label' in columns else classes
    groups = columns.pop('groups', ())
    groups = (groups,) if isinstance(groups, str) else tuple(groups)
    at = _positions(path, header, (*columns.values(), *groups, *labels))
    role_at = {role: at[name] for role, name in columns.items()}
    rows: list[Annotation] = []
    seen: dict[str, int] = {}
    # Few of many clips have labels that none before them had.
    parsed: dict[tuple[str | None, ...], tuple[float, ...]] = {}
    for found in reader:
        if not found:  # an empty line
            continue
        place = f'{path}, line {reader.line_num}'
        try:
            more = len(found) - len(header)
            if more > 0:
                raise InputError(
                    f'{place}: expected {len(header)} cells as in the header, found '
                    f'{len(header)} and {more} more'
                )
            found += [None] * -more
            cells = {role: (found[i] or '').strip() for role, i in role_at.items()}
            check_name(cells['video'], place)
            texts = tuple([found[at[name]] for name in labels])
            if 'label' in cells:
                label = _one_hot(cells['label'], classes, columns['label'], place)
            elif texts in parsed:
                label = parsed[texts]
            else:
                label = parsed[texts] = tuple(
                    parse_label(text, f"{place}, column '{name}'", soft)
                    for name, text in zip(labels, texts, strict=True)
                )
            row = Annotation(
                cells['video'],
                label,
                _valence(cells.get('valence'), columns, place),
                *_part(cells, columns, place),
                _person(cells.get('person'), columns, place),
                reader.line_num,
                tuple([(name, check_group(found[at[name]], name, place)) for name in groups]),
            )
            _check_new(row, seen, columns, place)
        except InputError as error:
            if errors is None:
                raise
            errors.append(error)
        else:
            rows.append(row)
    if not rows and not errors:
        raise InputError(f'{path}: expected at least one clip, found none')
    return rows


def _positions(path: str, header: list[str], names: Sequence[str]) -> dict[str, int]:
    """Map the name of each column that is read to where it stands in a row."""
    for name in names:
        if name not in header:
            found = ', '.join(c for c in header if c) or 'none'
            if len(header) == 1 and {*';\t'} & {*found}:
                found += '. Separate them by commas'
            raise InputError(f"{path}: expected a column '{name}', found the columns {found}")
        if header.count(name) > 1:
            raise InputError(f"{path}: expected one column '{name}', found {header.count(name)}")
    return {name: header.index(name) for name in names}


def _check_new(row: Annotation, seen: dict[str, int], columns: dict[str, str], place: str) -> None:
    """Refuse a clip that stood in a line before; note its line otherwise."""
    # Without its ending, the name is the clip's id and that of its files.
    before = seen.setdefault(row.clip_id, row.line)
    if before == row.line:
        return
    text = f"{place}: video '{row.video}': its id '{row.clip_id}' is that of line {before}"
    if not {'start', 'end', 'person'} & set(columns):
        text += (
            '; if a row is a part of a video or one of several people, say by columns which '
            'columns are start, end and person'
        )
    raise InputError(text)


def rows_within(
    rows: Sequence[Annotation], indices: int | Sequence[int] | None, path: str
) -> list[Annotation]:
    """Return the rows that ``indices`` of a data set keeps, in MMEngine's sense.

    Args:
        rows (Sequence[Annotation]): All rows of an annotation file.
        indices (int | Sequence[int], optional): How many first rows, or last ones if negative, or
            positions. None keeps all.
        path (str): This file.

    Raises:
        InputError: For positions that no row has.
    """
    if indices is None or isinstance(indices, int):
        return list(rows[indices:] if (indices or 0) < 0 else rows[:indices])
    if beyond := [str(index) for index in indices if not -len(rows) <= index < len(rows)]:
        raise InputError(
            f'{path}: indices: expected positions of {len(rows)} clips, found {first_few(beyond)}'
        )
    return [rows[index] for index in indices]


def labeled_clips(rows: Sequence[Annotation]) -> LabeledClips:
    """Collect the labels of annotations, 0 or 1 as for scoring, and the groups of their clips.

    Only kinds of groups that all clips have are kept.
    """
    groups = [dict(row.groups) for row in rows]
    kinds = [kind for kind in groups[0] if all(kind in each for each in groups)]
    return LabeledClips(
        np.array([row.label for row in rows]) >= SOFT_POSITIVE,
        {kind: tuple(each[kind] for each in groups) for kind in kinds},
    )


def _one_hot(text: str, classes: Sequence[str], name: str, place: str) -> tuple:
    if text not in classes:
        raise InputError(
            f"{place}, column '{name}': expected one of {', '.join(classes)}, found {text!r}"
        )
    return tuple(float(each == text) for each in classes)


def _part(cells: dict[str, str], columns: dict[str, str], place: str) -> tuple[int, int | None]:
    """Parse the first frame of a clip, and the one after its last."""
    frames: dict[str, int] = {}
    for role in ('start', 'end'):
        text = cells.get(role)
        if not text:
            continue
        number = _frame_number(text)
        if number is None:
            raise InputError(
                f"{place}, column '{columns[role]}': expected the number of a frame, found {text!r}"
            )
        frames[role] = number
    start, end = frames.get('start', 0), frames.get('end')
    if end is not None and end <= start:
        raise InputError(
            f"{place}, column '{columns['end']}': expected a "
            f'frame after the first, {start}, found {end}'
        )
    return start, end


@lru_cache(maxsize=1024)
def _frame_number(text: str) -> int | None:
    return int(text.split('.')[0]) if FRAME.fullmatch(text) else None


def _valence(text: str | None, columns: dict[str, str], place: str) -> float | None:
    return None if text is None else parse_valence(text, f"{place}, column '{columns['valence']}'")


def _person(text: str | None, columns: dict[str, str], place: str) -> str | None:
    if text is not None and not PERSON.fullmatch(text):
        raise InputError(
            f"{place}, column '{columns['person']}': expected letters, "
            f'digits, _ and -, found {text!r}'
        )
    return text

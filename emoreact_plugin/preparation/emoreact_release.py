"""Turn EmoReact, as its authors release it, into a folder to train from."""

import os
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emoreact_plugin.clips.clip_files import expected_names
from emoreact_plugin.clips.masks_csv import read_masks
from emoreact_plugin.datasets.annotations import EMOTIONS, Annotation, read_annotations
from emoreact_plugin.datasets.cells import check_name, parse_label, parse_valence
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.tables import csv_text
from emoreact_plugin.video.folders import MASKED_SUFFIX, find_frame_dir

from .new_files import NewFile, NewText, write_new_files

# Split -> number of clips in the whole release.
COUNTS = dict(train=432, val=303, test=367)
# What the release's files and folders call a split; case does not matter.
SPLIT_NAMES = dict(train=('train',), val=('val', 'validation'), test=('test',))
# Folders of the videos of all splits, besides those of each.
VIDEO_FOLDERS = ('Data/AllVideos', 'AllVideos', 'videos')

Splits = dict[str, list[Annotation]]


@dataclass(frozen=True)
class ReleaseReport:
    """Result of :func:`prepare_release`.

    Attributes:
        counts (dict[str, int]): Split -> number of clips.
        files (int): How many files belong to the videos: landmarks, keypoints.
        before (int): How many of all files were there already.
        not_linked (str): Why links could not be made and the files were copied; empty if links were
            made, or copies were requested.
    """

    counts: dict[str, int]
    files: int
    before: int
    not_linked: str


def prepare_release(release: str, out: str, copy: bool = False) -> ReleaseReport:
    """Write the annotation CSVs, and a folder of links to the videos.

    ``out`` gets ``train.csv``, ``val.csv``, ``test.csv`` and ``videos/``. There, each video has its
    name and is next to its landmarks and keypoints, as ``EmoReactDataset`` finds them. What is
    there already and is the same is not changed, so that the work can be stopped and resumed.
    Nothing is written into ``release``.

    Args:
        release (str): The folder of the release, see :func:`read_labels` and :func:`find_files`.
        out (str): The output folder; created if it is missing.
        copy (bool): Copy the files instead of linking them. Defaults to False.

    Raises:
        FileNotFoundError, InputError: If anything is missing or wrong in the release; if the output
            folder is within it, or has other files of the same names, which are all named. Nothing
            is written then.
    """
    splits = read_labels(release)
    files = find_files(release, splits)
    videos = osp.join(out, 'videos')
    outputs: list[NewFile | NewText] = [
        NewFile(osp.join(videos, name), path, copy) for name, path in files.items()
    ]
    # Last, so that a data set that was broken off is not taken for whole.
    outputs += [
        NewText(osp.join(out, f'{split}.csv'), annotations_csv(rows))
        for split, rows in splits.items()
    ]
    for folder in sorted({osp.dirname(each.target) for each in outputs}):
        if Path(osp.realpath(folder)).is_relative_to(osp.realpath(release)):
            raise InputError(
                f'{folder}: expected an output folder outside of the release '
                f'({release}), to which nothing is written'
            )
    before, not_linked = write_new_files(outputs)
    clips = sum(map(len, splits.values()))
    return ReleaseReport(
        {split: len(rows) for split, rows in splits.items()}, len(files) - clips, before, not_linked
    )


def read_labels(release: str) -> Splits:
    """Read the names and labels of the clips of a release.

    For train, either ``Labels/Train_names.txt`` (one name per line, between single quotes) next to
    ``Labels/train_labels.text`` (eight times 0 or 1 and the valence), or an annotation CSV
    ``train.csv``, in the release or its ``Labels``. The same applies to val (also called
    validation) and test. Upper and lower case do not matter. If there are several of these, they
    have to agree.

    Args:
        release (str): Its folder.

    Returns:
        dict[str, list[Annotation]]: For train, val and test, in the order of the files.

    Raises:
        FileNotFoundError: If a split has none of these.
        InputError: For a line that is no name or does not have nine values, for different numbers
            of names and labels, for a name that leads out of its folder, or for a clip that is
            named twice, even in two splits.
    """
    if not osp.isdir(release):
        raise FileNotFoundError(f'{release}: no such folder')
    splits = {split: _read_split(release, split) for split in COUNTS}
    seen: dict[str, str] = {}
    for split, rows in splits.items():
        for row in rows:
            clip = osp.splitext(row.video)[0]
            if clip in seen:
                raise InputError(f"{release}: clip '{clip}' stands in {split} and in {seen[clip]}")
            seen[clip] = split
    return splits


def _read_split(release: str, split: str) -> list[Annotation]:
    labels = _find(release, ['Labels'])
    tables = [
        _find(folder, [f'{name}.csv' for name in SPLIT_NAMES[split]])
        for folder in (release, labels)
        if folder
    ]
    stated = {path: read_annotations(path) for path in tables if path}
    names, values = [
        labels
        and _find(
            labels,
            [
                f'{name}_{kind}.{ending}'
                for name in SPLIT_NAMES[split]
                for ending in ('txt', 'text')
            ],
        )
        for kind in ('names', 'labels')
    ]
    if names and values:
        stated = {values: read_lists(names, values), **stated}
    if not stated:
        raise FileNotFoundError(
            f'{release}: expected Labels/{split.title()}_names.txt beside '
            f'Labels/{split}_labels.text, or {split}.csv, found {names or values or "none of them"}'
        )
    (first, rows), *others = stated.items()
    for path, other in others:
        unlike = _contents(rows) ^ _contents(other)
        if unlike:
            raise InputError(
                f'{path}: expected the same as in {first}, found another row '
                f"of '{min(video for video, *_ in unlike)}'"
            )
    return rows


def _contents(rows: list[Annotation]) -> set:
    # In which line a row stands does not matter.
    return {(row.video, row.label, row.valence) for row in rows}


def read_lists(names_file: str, labels_file: str) -> list[Annotation]:
    """Read the two files of a split that belong together line by line.

    Args:
        names_file (str): Such as ``Labels/Train_names.txt``.
        labels_file (str): Such as ``Labels/train_labels.text``.

    Returns:
        list[Annotation]: In the order of the files.

    Raises:
        InputError: See :func:`read_labels`.
    """
    names, labels = _lines(names_file), _lines(labels_file)
    if len(names) != len(labels):
        raise InputError(
            f'{labels_file}: expected {len(names)} lines, as {names_file} has, found {len(labels)}'
        )
    rows = []
    seen: dict[str, int] = {}
    for line, (name, values) in enumerate(zip(names, labels, strict=True), 1):
        place = f'{names_file}, line {line}'
        if len(name) < 2 or name[0] != "'" or name[-1] != "'":
            raise InputError(f'{place}: expected a name between single quotes, found {name!r}')
        video = name[1:-1].strip()
        check_name(video, place)
        clip = osp.splitext(osp.normpath(video))[0]
        if clip in seen:
            raise InputError(
                f"{place}: video '{video}': its id '{clip}' is that of line {seen[clip]}"
            )
        seen[clip] = line
        rows.append(_annotation(video, values, f'{labels_file}, line {line}'))
    return rows


def _lines(path: str) -> list[str]:
    """Read the stripped lines of a file, without the blank ones at its end."""
    try:
        with open(path, encoding='utf-8-sig') as file:
            lines = file.read().rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: expected text in UTF-8 ({error})') from error
    if not lines:
        raise InputError(f'{path}: expected a line a clip, found none')
    return [line.strip() for line in lines]


def _annotation(video: str, line: str, place: str) -> Annotation:
    values = line.split(',')
    expected = len(EMOTIONS) + 1
    if len(values) != expected:
        raise InputError(
            f'{place}: expected {expected} values ({", ".join(EMOTIONS)}, Valence) with commas '
            f'between them, found {len(values)}: {line!r}'
        )
    label = tuple(
        parse_label(value.strip(), f'{place}, {name}')
        for name, value in zip(EMOTIONS, values, strict=False)
    )
    valence = parse_valence(values[-1].strip(), f'{place}, Valence')
    if not 1 <= valence <= 7:
        raise InputError(f'{place}, Valence: expected 1 to 7, found {values[-1].strip()!r}')
    return Annotation(video, label, valence)


def _find(folder: str, names: Sequence[str]) -> str | None:
    """Find the one entry of a folder that has one of these names, in upper or lower case.

    It is None if there is none.
    """
    wanted = {name.lower() for name in names}
    found = sorted(n for n in os.listdir(folder) if n.lower() in wanted)
    if len(found) > 1:
        raise InputError(f'{folder}: expected one of these, found {" and ".join(found)}')
    return osp.join(folder, found[0]) if found else None


def find_files(release: str, splits: Splits) -> dict[str, str]:
    """Find the videos of a release, and the files that belong to them.

    A video is in ``Data/Train``, ``Data/Validation`` (or ``Data/Val``) or ``Data/Test``, or, for
    any split, in one of :data:`VIDEO_FOLDERS`. A folder of its frames may be there in its place,
    under one of the names of :data:`~emoreact_plugin.video.folders.FRAME_DIRS`. Landmarks and
    keypoints, if there are any, are next to it, under one of the names that ``EmoReactDataset``
    knows.

    Args:
        release (str): Its folder.
        splits (dict[str, list[Annotation]]): Its clips.

    Returns:
        dict[str, str]: Names in the folder of videos, with ``/`` -> paths. Each video, or folder of
        its frames, is followed by its other files.

    Raises:
        FileNotFoundError: If clips are missing; the message names them all.
        InputError: If clips have masks already.
    """
    files: dict[str, str] = {}
    missing, masked = [], []
    common = [_folder(release, path) for path in VIDEO_FOLDERS]
    for split, rows in splits.items():
        data = _folder(release, 'Data')
        own = data and _find(data, SPLIT_NAMES[split])
        folders = [f for f in (own, *common) if f and osp.isdir(f)]
        records = {folder: read_masks(folder) for folder in folders}
        for row in rows:
            videos = [osp.join(folder, row.video) for folder in folders]
            frames = [find_frame_dir(row.video, folder) for folder in folders]
            clip = next(filter(osp.isfile, videos), None) or next(filter(osp.isdir, frames), None)
            if clip is None:
                missing.append(f'{split}: {row.video}')
                continue
            folder, name = osp.split(clip)
            if name in records[folder] or name.endswith(MASKED_SUFFIX):
                masked.append(clip)
            names = [name] + [
                name
                for kind in ('landmarks', 'keypoints')
                for name in expected_names(kind, row.video)
                if osp.isfile(osp.join(folder, name))
            ]
            files |= {n: osp.join(folder, n) for n in names}
    if missing:
        raise FileNotFoundError(
            f'{release}: {len(missing)} of {sum(map(len, splits.values()))} '
            'videos are neither in Data/Train, Data/Validation and Data/Test '
            f'nor in {" nor in ".join(VIDEO_FOLDERS)}:\n' + '\n'.join(missing)
        )
    if masked:
        count = len(masked)
        raise InputError(f'{masked[0]}: expected a clip without masks, found masks on {count}')
    return files


def _folder(release: str, path: str) -> str | None:
    folder: str | None = release
    for name in path.split('/'):
        folder = folder and _find(folder, [name])
    return folder


def annotations_csv(rows: Sequence[Annotation]) -> str:
    """Format rows with EmoReact's labels as an annotation CSV.

    :func:`~emoreact_plugin.datasets.annotations.read_annotations` reads it.
    """
    valence = all(row.valence is not None for row in rows)
    return csv_text(
        ['', 'video', *EMOTIONS] + ['Valence'] * valence,
        [
            [index, row.video, *map(int, row.label)] + [row.valence] * valence
            for index, row in enumerate(rows)
        ],
    )

"""Find the files of a data set that are missing, without opening any that are there."""

import os
import os.path as osp
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from emoreact_plugin.clips.clip_files import ClipFiles, expected_names
from emoreact_plugin.clips.crops import PreparedCrops, check_prepared, read_record
from emoreact_plugin.datasets.annotations import Annotation
from emoreact_plugin.datasets.pipeline_facts import max_gap_of, regions_of
from emoreact_plugin.datasets.summary import then_text
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import SHOWN, first_few, number
from emoreact_plugin.video.folders import FRAME_DIRS, VIDEO_ENDINGS
from emoreact_plugin.video.reading import probe_video

from .problems import Problem

if TYPE_CHECKING:
    from emoreact_plugin.datasets.emoreact_dataset import EmoReactDataset

SAID = {
    'missing clip': 'are not there',
    'no landmarks': 'have no landmarks',
    'no keypoints': 'have no keypoints',
}
REMEDY = (
    'Get what is missing or damaged again, or take its rows out of the annotation file; '
    'tools/check_dataset.py lists all that is wrong'
)
NEEDED = (
    'This input cannot be used without any: face needs landmarks, fullbody keypoints, body and '
    'fusion both; a mask needs landmarks. tools/extract_landmarks.py makes both'
)


def find_missing_clip(dataset: 'EmoReactDataset', path: str, clip_id: str) -> list[Problem]:
    """Check that the video, or the folder of frames or crops, of a clip is there.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        path (str): Path of the clip.
        clip_id (str): Its id.

    Returns:
        list[Problem]: One if it is missing, otherwise none.
    """
    if _is_there(dataset, path):
        return []
    text = f'{path}: is not there'
    if 'video' in dataset.data_prefix and osp.isdir(osp.dirname(path)):
        # Names without their endings, or with another one, are a usual mistake.
        stems = dict.fromkeys((path, osp.splitext(path)[0]))
        names = (stem + ending for stem in stems for ending in VIDEO_ENDINGS)
        if like := next(filter(osp.isfile, names), ''):
            text += f', but {osp.basename(like)} is'
    if 'frames' in dataset.data_prefix and dataset.frame_dir_tmpl is None:
        text += f', nor another folder of these names: {", ".join(FRAME_DIRS)}'
    if 'crops' in dataset.data_prefix:
        text += '; tools/extract_frames.py --as crops makes it'
    return [Problem('error', 'missing clip', text, clip=clip_id)]


def _is_there(dataset: 'EmoReactDataset', path: str) -> bool:
    return osp.isfile(path) if 'video' in dataset.data_prefix else osp.isdir(path)


def find_missing_files(
    dataset: 'EmoReactDataset',
    kind: str,
    clips: Sequence[tuple[Annotation, ClipFiles]],
    needed: bool,
) -> list[Problem]:
    """Find the clips that have no landmark file, or no keypoint file.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        kind (str): ``'landmarks'`` or ``'keypoints'``.
        clips (Sequence[tuple[Annotation, ClipFiles]]): Its clips.
        needed (bool): Whether the data set cannot be used if no clip has one.

    Returns:
        list[Problem]: One for each such clip; a single one for a data set without any.
    """
    without = [(row, files) for row, files in clips if getattr(files, kind) is None]
    if not without:
        return []
    prefix = dataset.data_prefix
    folder = prefix.get(kind) or prefix.get('video', prefix.get('frames'))

    def expected(files: ClipFiles) -> str:
        return ' or '.join(expected_names(kind, files.video, files.person))

    if len(without) == len(clips):
        level = 'error' if needed else 'warning'
        text = (
            f'none of {number(len(clips), "clip")} has {kind} in {folder}; expected '
            f'{expected(without[0][1])} for the first one. {NEEDED}'
        )
        return [Problem(level, f'no {kind}', text)]
    level = 'error' if needed and not dataset.allow_missing else 'warning'
    return [
        Problem(level, f'no {kind}', f'{folder}: expected {expected(files)}', clip=row.clip_id)
        for row, files in without
    ]


def crops_folder(dataset: 'EmoReactDataset', row: Annotation) -> str:
    """Return the folder of a clip's prepared crops.

    Raises:
        InputError: For annotations with a column for the person.
    """
    if row.person is not None:
        raise InputError(
            f'{dataset.ann_file}: expected no column for the person with '
            'prepared crops, which are of one person a video'
        )
    return osp.join(dataset.data_prefix['crops'], osp.splitext(row.video)[0])


def read_crops_record(dataset: 'EmoReactDataset', folder: str) -> PreparedCrops:
    """Read the record of a clip's prepared crops.

    Raises:
        FileNotFoundError: If there is none.
        InputError: If it is damaged, lacks a region that the pipeline uses, or has another
            ``max_gap``.
    """
    record = read_record(folder)
    regions = sorted(regions_of(dataset.pipeline))
    if regions:  # else nothing reads them
        check_prepared(folder, record, regions, max_gap_of(dataset.pipeline))
    return record


def require_clips(
    dataset: 'EmoReactDataset', paths: Sequence[str], rows: Sequence[Annotation]
) -> None:
    """Refuse a data set some of whose clips are not there.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        paths (Sequence[str]): Path of each clip.
        rows (Sequence[Annotation]): The clips.

    Raises:
        FileNotFoundError: For clips that are missing.
    """
    # Several clips may be parts of one video.
    missing = {path for path in set(paths) if not _is_there(dataset, path)}
    lost = [(path, row.clip_id) for path, row in zip(paths, rows, strict=True) if path in missing]
    if not lost:
        return
    (first,) = find_missing_clip(dataset, *lost[0])
    # Only the text of the first one is shown.
    problems = [replace(first, clip=clip_id) for _, clip_id in lost]
    remedy = _describe_folder(dataset) if len(problems) == len(rows) else REMEDY
    raise_first(dataset, problems, len(rows), remedy)


def require_files(
    dataset: 'EmoReactDataset',
    kind: str,
    clips: Sequence[tuple[Annotation, ClipFiles]],
    lost: list[str],
) -> list[Problem]:
    """Refuse a data set whose clips have no landmark file, or no keypoint file.

    Args:
        dataset (EmoReactDataset): The data set; it need not be initialised.
        kind (str): ``'landmarks'`` or ``'keypoints'``.
        clips (Sequence[tuple[Annotation, ClipFiles]]): Its clips.
        lost (list[str]): What becomes of frames without them, in words.

    Returns:
        list[Problem]: The clips without a file, if the data set goes on without it.

    Raises:
        FileNotFoundError: If no clip has one, and, if ``allow_missing`` is off, if some have none.
        InputError: If these files are missing because a video is damaged.
    """
    problems = find_missing_files(dataset, kind, clips, needed=True)
    damage = None
    if any(each.level == 'error' and each.clip for each in problems):
        # No landmarks can be extracted from a damaged video.
        without = [files for _, files in clips if getattr(files, kind) is None]
        damage = next(filter(None, map(_damage, without[:SHOWN])), None)
    remedy = (
        'tools/extract_landmarks.py makes both kinds; --allow-missing takes these clips all the '
        f'same{then_text(lost)}'
    )
    if damage:
        remedy = f'Some of these videos are damaged, the first: {damage}. {REMEDY}'
    raise_first(dataset, problems, len(clips), remedy, InputError if damage else FileNotFoundError)
    return problems


def _describe_folder(dataset: 'EmoReactDataset') -> str:
    """Say where all clips were looked for, what is there, and what names the folder."""
    source = next(name for name in ('video', 'frames', 'crops') if name in dataset.data_prefix)
    folder = dataset.data_prefix[source]
    there = sorted(os.listdir(folder)) if osp.isdir(folder) else None
    if there is None:
        found = 'is not there'
    else:
        found = f'has {number(len(there), "file")}'
        found += f': {first_few(there)}' if there else ''
    return (
        f'The folder that was looked in, {folder}, {found}. Give the right one by --data-root, or '
        f'by data_root and data_prefix=dict({source}=...) of the data set'
    )


def raise_first(
    dataset: 'EmoReactDataset',
    problems: Sequence[Problem],
    clips: int,
    remedy: str,
    error: type[Exception] = FileNotFoundError,
) -> None:
    """Raise the first error among the problems of a data set, if there is one.

    Args:
        dataset (EmoReactDataset): The data set.
        problems (Sequence[Problem]): All of them, of one kind.
        clips (int): Number of its clips.
        remedy (str): What to do about it.
        error (type[Exception]): The type to raise. Defaults to FileNotFoundError.
    """
    errors = [each for each in problems if each.level == 'error']
    if errors and not errors[0].clip:  # of all clips
        raise error(f'{dataset.ann_file}: {errors[0].text}')
    if errors:
        names = first_few([each.clip for each in errors])
        raise error(
            f'{dataset.ann_file}: {len(errors)} of {clips} clips {SAID[errors[0].kind]} '
            f'({names}). The first: {errors[0].text}. {remedy}'
        )


def _damage(files: ClipFiles) -> str | None:
    """Say why a video cannot be read; None if it can, and for a folder of frames."""
    if files.filename_tmpl is None:
        try:
            probe_video(files.source)
        except InputError as error:
            return str(error)
    return None

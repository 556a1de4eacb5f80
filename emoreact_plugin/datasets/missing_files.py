"""Find the files of a data set that are missing, and say what to do about it."""

import os.path as osp

from emoreact_plugin.clips.clip_files import ClipFiles, expected_names
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.video.folders import FRAME_DIRS
from emoreact_plugin.video.reading import probe_video

from .annotations import Annotation
from .pipeline_facts import draws_masks, lost_without
from .summary import then_text

# Number of clips that are named in a message.
SHOWN = 5
REMEDY = (
    'Get them again, or take their rows out of the annotation file; '
    'tools/check_dataset.py lists them all'
)


def check_clips(dataset, clips: list[ClipFiles]) -> list[str]:
    """Check that the clips are there, together with the files that they need.

    Args:
        dataset (EmoReactDataset): A data set of videos or frames; it need not
            be initialised.
        clips (list[ClipFiles]): Its clips.

    Returns:
        list[str]: A sentence for each kind of required file that is missing
        for some clips, if the data set goes on without it.

    Raises:
        FileNotFoundError: For clips that are missing, for required files that
            no clip has, and, if ``allow_missing`` is off, for required files
            that only some clips have.
        InputError: If these files are missing because a video is damaged.
    """
    exists = osp.isfile if 'video' in dataset.data_prefix else osp.isdir
    missing = [files.source for files in clips if not exists(files.source)]
    if missing:
        text = (
            f'{dataset.ann_file}: {len(missing)} of {len(clips)} clips '
            f'are not there. The first: {missing[0]}'
        )
        if 'frames' in dataset.data_prefix and dataset.frame_dir_tmpl is None:
            text += f', nor another folder of these names: {", ".join(FRAME_DIRS)}'
        raise FileNotFoundError(f'{text}. {REMEDY}')
    lost = lost_without(dataset.pipeline, dataset.required, draws_masks(dataset.pipeline))
    texts = (_check_kind(dataset, clips, kind, lost[kind]) for kind in dataset.required)
    return [text for text in texts if text]


def _check_kind(dataset, clips: list[ClipFiles], kind: str, lost: list[str]) -> str | None:
    """Check that the clips have their landmarks, or their keypoints.

    Args:
        dataset (EmoReactDataset): See :func:`check_clips`.
        clips (list[ClipFiles]): Its clips.
        kind (str): ``'landmarks'`` or ``'keypoints'``.
        lost (list[str]): What becomes of frames without them, in words.

    Returns:
        str | None: A sentence if some clips lack the file; None if none does.
    """
    without = [files for files in clips if getattr(files, kind) is None]
    if not without:
        return None
    prefix = dataset.data_prefix
    folder = prefix.get(kind) or prefix.get('video', prefix.get('frames'))
    names = ', '.join(files.video for files in without[:SHOWN])
    text = (
        f'{dataset.ann_file}: {len(without)} of {len(clips)} clips have '
        f'no {kind} in {folder}: {names}{", …" * (len(without) > SHOWN)}'
    )
    expected = ' or '.join(expected_names(kind, without[0].video, without[0].person))
    if len(without) == len(clips):
        raise FileNotFoundError(
            f'{text}. For the first one expected {expected}. This input cannot be used without '
            'any: face needs landmarks, fullbody keypoints, body and fusion both; a mask needs '
            'landmarks. tools/extract_landmarks.py makes both, a file <clip>.npz'
        )
    if not dataset.allow_missing:
        # No landmarks can be extracted from a damaged video.
        damage = next(filter(None, map(_damage, without[:SHOWN])), None)
        if damage:
            raise InputError(
                f'{text}. Some of these videos are damaged, the first: {damage}. {REMEDY}'
            )
        raise FileNotFoundError(
            f'{text}. For the first one expected {expected}. tools/extract_landmarks.py makes '
            f'both; --allow-missing takes these clips all the same{then_text(lost)}'
        )
    return f'{text}{then_text(lost)}'


def _damage(files: ClipFiles) -> str | None:
    """Tell why a video cannot be read.

    The result is None for a video that can be read, and for a folder of frames.
    """
    if files.filename_tmpl:
        return None
    try:
        probe_video(files.source)
    except ValueError as error:
        return str(error)
    return None


def crop_folders(dataset, rows: list[Annotation]) -> list[str]:
    """Return the folder of each clip's prepared crops.

    Args:
        dataset (EmoReactDataset): A data set of crops; it need not be
            initialised.
        rows (list[Annotation]): Its clips.

    Returns:
        list[str]: A folder for each row.

    Raises:
        FileNotFoundError: For folders that are missing.
        InputError: For annotations with a column for the person.
    """
    if rows[0].person is not None:
        raise InputError(
            f'{dataset.ann_file}: expected no column for the person with '
            'prepared crops, which are of one person a video'
        )
    folders = [osp.join(dataset.data_prefix['crops'], osp.splitext(row.video)[0]) for row in rows]
    missing = [folder for folder in folders if not osp.isdir(folder)]
    if missing:
        raise FileNotFoundError(
            f'{dataset.ann_file}: the crops of {len(missing)} of {len(folders)} clips are not '
            f'there. The first: {missing[0]}. tools/extract_frames.py --as crops makes them'
        )
    return folders

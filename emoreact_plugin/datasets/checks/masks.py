"""Find out whether the clips of a data set were masked beforehand: all of them, or none."""

import os
import os.path as osp
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emoreact_plugin.clips.clip_files import ClipFiles
from emoreact_plugin.clips.masks_csv import read_masks
from emoreact_plugin.datasets.pipeline_facts import draws_masks
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.folders import MASKED_SUFFIX

if TYPE_CHECKING:
    from emoreact_plugin.datasets.emoreact_dataset import EmoReactDataset


def clips_with_masks(dataset: 'EmoReactDataset', clips: Sequence[ClipFiles]) -> dict[str, bool]:
    """Find out by their names, and by masks.csv, which clips were masked beforehand.

    Returns:
        dict[str, bool]: Path of each clip -> whether it was.
    """
    listed = read_masks(dataset.data_prefix['video']) if 'video' in dataset.data_prefix else {}
    return {
        files.source: osp.normpath(files.source).endswith(MASKED_SUFFIX)
        if files.filename_tmpl
        else osp.normpath(files.video).replace(os.sep, '/') in listed
        for files in dict.fromkeys(clips)
    }


def check_masks(dataset: 'EmoReactDataset', masks: dict[str, bool]) -> bool:
    """Return whether the clips were masked beforehand; refuse a mixture and double masks.

    Args:
        dataset (EmoReactDataset): The data set of the clips.
        masks (dict[str, bool]): Path of each clip -> whether it was.

    Returns:
        bool: True for all, False for none.

    Raises:
        InputError: If only some were, or if the pipeline would draw masks on masked clips.
    """
    masked = [path for path, mask in masks.items() if mask]
    plain = [path for path, mask in masks.items() if not mask]
    if masked and plain:
        raise InputError(
            f'{dataset.ann_file}: expected all clips masked beforehand, or none, found '
            f'{len(masked)} masked (the first: {masked[0]}) and {len(plain)} not masked '
            f'(the first: {plain[0]})'
        )
    if masked and draws_masks(dataset.pipeline):
        raise InputError(
            f'{dataset.ann_file}: DrawFaceMask expects frames without masks, found '
            f'{number(len(masked), "clip")} masked beforehand (the first: {masked[0]}). Leave '
            'out --mask, or give clips without masks by data_prefix or frame_dir_tmpl'
        )
    return bool(masked)

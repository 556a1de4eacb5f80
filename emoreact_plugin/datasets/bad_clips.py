"""Name the clip in an error of its loading, and skip bad clips, up to a share of them."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.logging import print_log

from emoreact_plugin.evaluation.roc_auc_metric import SKIPPED
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.folders import check_frames, scan_frames
from emoreact_plugin.video.reading import probe_video


class BadClips:
    """Remember which clips of a split could not be loaded, and let others stand in for them.

    The next clip of the data set that can be loaded stands in for a bad one, whichever worker loads
    it. The sample says so under the key ``skipped``, and ``ROCAUCMetric`` leaves it out. A clip
    that was bad once is not tried again.

    Args:
        names (Sequence[str]): The names of the N clips.
        share (float): The share of bad clips that is allowed, 0..1.

    Attributes:
        marks (Tensor): (N, ) bool, True for bad clips. It is in shared memory, so that the workers
            of a data loader see the clips of each other.
    """

    def __init__(self, names: Sequence[str], share: float) -> None:
        self.all_names, self.share = list(names), share
        self.marks = torch.zeros(len(names), dtype=torch.bool).share_memory_()

    @property
    def names(self) -> list[str]:
        """Return the names of the bad clips, in the order of the data set."""
        return [self.all_names[i] for i in torch.nonzero(self.marks).flatten().tolist()]

    def load(self, idx: int, load: Callable[[int], Any]) -> Any:
        """Load a sample, or the one that stands in for it.

        Args:
            idx (int): Its number.
            load (Callable[[int], Any]): What loads sample ``idx``, and raises an ``InputError`` for
                a bad clip.

        Raises:
            InputError: As soon as more clips are bad than allowed, or if all are.
        """
        count = len(self.all_names)
        for other in ((idx + step) % count for step in range(count)):
            if self.marks[other]:
                continue
            try:
                sample = load(other)
            except InputError as error:
                self._add(other, error)
                continue
            if other != idx % count:
                _mark(sample, self.all_names[idx])
            return sample
        raise InputError(f'expected a clip that can be loaded, found none among {count}')

    def _add(self, idx: int, error: InputError) -> None:
        self.marks[idx] = True
        refuse_above(self.share, self.names, len(self.all_names), error)
        print_log(f'skipped: {error}', 'current', logging.WARNING)


def check_share(share: float) -> float:
    """Return the share of bad clips that is allowed; refuse anything but 0..1."""
    if not 0 <= share <= 1:
        raise InputError(f'skip_bad_clips: expected a share in 0..1, found {share}')
    return share


def refuse_above(share: float, names: Sequence[str], total: int, error: object = None) -> None:
    """Raise an ``InputError`` if more clips are bad than the share that is allowed.

    Args:
        share (float): 0..1.
        names (Sequence[str]): The bad clips.
        total (int): The number of all clips.
        error (object): The error of one of them. Defaults to None: the names are given instead.
    """
    if len(names) / total > share:
        which = f'one of them: {error}' if error else ', '.join(names)
        raise InputError(
            f'{len(names)} of {number(total, "clip")} cannot be loaded, expected a share of at '
            f'most {share:g} (skip_bad_clips); {which}'
        )


def skipped_line(names: Sequence[str], total: int) -> str:
    """Say how many clips were skipped, and which."""
    verb = 'was' if len(names) == 1 else 'were'
    return f'{len(names)} of {number(total, "clip")} {verb} skipped: {", ".join(names)}'


def named_error(error: Exception, info: dict) -> InputError | RuntimeError:
    """Return an error that names the clip and its file.

    Stock decoders raise errors of any kind, and do not say of which file: then the clip's files are
    read to see whether one of them is damaged.

    Args:
        error (Exception): What was raised while the clip was loaded.
        info (dict): What the clip's sample starts from.

    Returns:
        InputError | RuntimeError: The former for what a user can mend, the latter for a bug in a
        transform.
    """
    if not isinstance(error, (InputError, OSError)):
        error = _fault_of_files(info) or error
    place = next(info[key] for key in ('filename', 'frame_dir', 'crops_dir') if key in info)
    kind = InputError if isinstance(error, (InputError, OSError)) else RuntimeError
    return kind(f"clip '{info['video_id']}' ({place}): {type(error).__name__}: {error}")


def _fault_of_files(info: dict) -> InputError | OSError | None:
    """Return what is wrong with a clip's video or frames; None if nothing is found."""
    try:
        if 'filename' in info:
            probe_video(info['filename'])
        elif 'frame_dir' in info:
            frames = info['frame_dir'], info['filename_tmpl']
            check_frames(*frames, scan_frames(*frames))
    except (InputError, OSError) as error:
        return error
    return None


def _mark(sample: dict, name: str) -> None:
    packed = sample.get('data_samples')
    if packed is None:
        sample[SKIPPED] = name
    else:
        packed.set_metainfo({SKIPPED: name})

"""Hold the warnings and notes that are given with the scores, and judge by them."""

import os.path as osp
from collections.abc import Mapping, Sequence

from emoreact_plugin.sample_data.dataset import is_sample_data

NOTICE = (
    'Estimates of how annotators would label a clip. They do not say '
    'what somebody feels and are not for judging individuals.'
)
SAMPLE_DATA = (
    'this checkpoint was trained on drawn sample data: on other video its scores mean nothing'
)
STREAM_GAPS = (
    'trained with short gaps of the face filled; a stream cannot fill them, because it does not '
    'know the frames to come'
)
# Longer than any clip of EmoReact, seconds.
LONG = 21.0
# Of the frames: a region that is found in fewer makes scores unreliable.
ENOUGH = 0.5


def is_sample_video(path: str) -> bool:
    """Tell whether a video belongs to the drawn sample data."""
    return is_sample_data(osp.dirname(osp.dirname(osp.abspath(path))))


def is_reliable(
    warnings: Sequence[str], not_sought: Sequence[str], found: Mapping[str, float]
) -> bool:
    """Tell whether scores mean something, see ``ClipResult``.

    Args:
        warnings (Sequence[str]): The warnings that are given with them.
        not_sought (Sequence[str]): The regions that were not looked for.
        found (Mapping[str, float]): Region -> share of the frames in which it was found.
    """
    enough = all(share >= ENOUGH for share in found.values())
    return enough and not not_sought and SAMPLE_DATA not in warnings


def no_landmarks(regions: Sequence[str]) -> str:
    """Return the warning that whole frames are used in place of all regions.

    The numbers are those of a fusion that was trained on the drawn sample data and tested with and
    without landmarks.
    """
    return (
        f'no landmarks: the whole frame is used instead of {" and ".join(regions)}, which the '
        'model was not trained for; on the drawn sample data this takes macro ROC AUC from 0.832 '
        'to 0.502, and 0.5 is chance'
    )


def never_sought(region: str) -> str:
    """Return the warning that nobody looked for a region: no files of it, and no detector."""
    return (
        f'{region} not sought, because there is no file of it: the whole frame is used instead, '
        'which the model was not trained for'
    )


def seldom_found(region: str, share: float) -> str:
    """Return the warning that a region was found in too few frames of a clip."""
    if not share:
        return f'no {region} found in any frame: the whole frame is used instead'
    return (
        f'{region} found in {share:.0%} of the frames only: in the others the whole frame is used'
    )


def mostly_black(share: float) -> str:
    """Return the warning that the body's stream sees little of a close-up."""
    return f'the face covers most of the body crop in {share:.0%} of the frames: mostly black'


def about_masks(trained: bool | None, drawn: str | None) -> list[str]:
    """Return the note that training and inference differ in the masks, if they do.

    Args:
        trained (bool, optional): Whether faces had masks in training; None if that is not known.
        drawn (str, optional): The kind of mask that is drawn now; None if none is drawn.
    """
    if trained and drawn is None:
        return ['trained on faces with masks, and none are drawn here']
    if trained is False and drawn is not None:
        return ['trained without masks, but masks are drawn here']
    return []


def about_length(duration: float, sampled: int, total: int) -> list[str]:
    """Return the note that a clip is longer than those of EmoReact, if it is.

    Args:
        duration (float): Length of the clip, seconds.
        sampled (int): Number of frames that the clip's own score is computed from.
        total (int): Number of frames of the clip.
    """
    if duration <= LONG:
        return []
    return [
        f"the clip's own score is of {sampled} of its {total} frames in "
        f'{duration:.0f} s; look at the windows, or at their mean'
    ]

"""What has to be said beside the scores."""

import os.path as osp
from collections.abc import Sequence

from emoreact_plugin.sample_data.dataset import is_sample_data

NOTICE = (
    'Estimates of how annotators would label a clip. They do not say '
    'what somebody feels and are not for judging individuals.'
)
SAMPLE_DATA = (
    'this checkpoint was trained on drawn sample data: on other video its scores mean nothing'
)
# Longer than any clip of EmoReact, seconds.
LONG = 21.0
# Of the frames: a region that is found in fewer makes scores unreliable.
ENOUGH = 0.5


def is_sample_video(path: str) -> bool:
    """Whether a video is one of the drawn sample data."""
    return is_sample_data(osp.dirname(osp.dirname(osp.abspath(path))))


def no_landmarks(regions: Sequence[str]) -> str:
    """Said where whole frames stand in for all regions.

    The numbers are those of a fusion that was trained on the drawn sample
    data and tested with and without landmarks.
    """
    return (
        f'no landmarks: the whole frame is used instead of '
        f'{" and ".join(regions)}, which the model was not trained for; '
        'on the drawn sample data this takes macro ROC AUC from 0.834 to '
        '0.528, and 0.5 is chance'
    )


def seldom_found(region: str, share: float) -> str:
    """Said where a region was found in too few of a clip's frames."""
    if not share:
        return f'no {region} found in any frame: the whole frame is used instead'
    return (
        f'{region} found in {share:.0%} of the frames only: in the others the whole frame is used'
    )


def about_masks(trained: bool | None, drawn: str | None) -> list[str]:
    """Said where training and inference differ in the masks.

    Args:
        trained (bool, optional): Whether faces had masks in training; None
            where that is not known.
        drawn (str, optional): The kind of mask drawn now.
    """
    if trained and drawn is None:
        return ['trained on faces with masks, and none are drawn here']
    if trained is False and drawn is not None:
        return ['trained on faces without masks, and some are drawn here']
    return []


def about_length(duration: float, sampled: int, total: int) -> list[str]:
    """Said of a clip that is longer than those of EmoReact.

    Args:
        duration (float): Seconds.
        sampled (int): How many frames the clip's own score is of.
        total (int): How many it has.
    """
    if duration <= LONG:
        return []
    return [
        f"the clip's own score is of {sampled} of its {total} frames in "
        f'{duration:.0f} s; look at the windows, or at their mean'
    ]

"""Summarise how many frames of a data set show a face and a body.

It also tells what becomes of the frames that do not.
"""

from collections.abc import Sequence

import numpy as np

from emoreact_plugin.clips.coverage import Coverage
from emoreact_plugin.utils.text import number

from .pipeline_facts import LEFT_OUT, NO_MASK


def summarise(
    clips: Sequence[Coverage], lost: dict[str, list[str]], masked: bool, hides: bool = False
) -> str:
    """Describe a data set in one line.

    Args:
        clips (Sequence[Coverage]): The coverage of each clip.
        lost (dict[str, list[str]]): The result of :func:`lost_without`.
        masked (bool): Whether masks were drawn beforehand.
        hides (bool): Whether the face is blacked out in the body. Defaults to False.

    Returns:
        str: The number of clips and frames, and in how many of them something
        is missing.
    """
    frames = sum(len(clip.face) for clip in clips)
    text = f'{number(len(clips), "clip")}, {number(frames, "frame")}'
    if masked:
        text += ', masked beforehand'
    for kind, part in (('landmarks', 'face'), ('keypoints', 'body')):
        counts = [int(np.count_nonzero(~getattr(clip, part))) for clip in clips]
        if kind in lost and any(counts):
            text += (
                f'; no {part} in {number(sum(counts), "frame")} of '
                f'{number(int(np.count_nonzero(counts)), "clip")}{then_text(lost[kind])}'
            )
    counts = [int(np.count_nonzero(clip.box)) for clip in clips]
    unmasked = [text for text in lost.get('landmarks', ()) if text in (NO_MASK, LEFT_OUT)]
    if unmasked and any(counts):
        text += (
            f'; only the box of the face in {number(sum(counts), "frame")} of '
            f'{number(int(np.count_nonzero(counts)), "clip")}: {unmasked[0]}'
        )
    counts = [int(np.count_nonzero(clip.black)) for clip in clips]
    if hides and any(counts):
        text += (
            f'; the face covers most of the body crop in {number(sum(counts), "frame")} of '
            f'{number(int(np.count_nonzero(counts)), "clip")}: mostly black'
        )
    return text


def then_text(happens: list[str]) -> str:
    """Return the consequences after a colon, or an empty text if there are none."""
    return f': {", ".join(happens)}' if happens else ''

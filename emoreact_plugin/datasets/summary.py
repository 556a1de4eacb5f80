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
        without = _count([~getattr(clip, part) for clip in clips])
        if kind in lost and without:
            text += f'; no {part} in {without}{then_text(lost[kind])}'
    boxes = _count([clip.box for clip in clips])
    unmasked = [text for text in lost.get('landmarks', ()) if text in (NO_MASK, LEFT_OUT)]
    if unmasked and boxes:
        text += f'; only the box of the face in {boxes}: {unmasked[0]}'
    black = _count([clip.black for clip in clips])
    if hides and black:
        text += f'; the face covers most of the body crop in {black}: mostly black'
    return text


def _count(flags: list[np.ndarray]) -> str:
    """Say how many frames of how many clips have a flag; an empty text for none.

    Args:
        flags (list[np.ndarray]): (F, ) bool of each clip's F frames, F at least 1.
    """
    # All at once: a call for each clip takes longer than the counting.
    starts = np.cumsum([0, *map(len, flags[:-1])])
    counts = np.add.reduceat(np.concatenate(flags), starts, dtype=int)
    if not counts.any():
        return ''
    return f'{number(int(counts.sum()), "frame")} of {number(int((counts > 0).sum()), "clip")}'


def then_text(happens: list[str]) -> str:
    """Return the consequences after a colon, or an empty text if there are none."""
    return f': {", ".join(happens)}' if happens else ''

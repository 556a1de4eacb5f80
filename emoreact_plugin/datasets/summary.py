"""Summarise how many frames of a data set show a face and a body.

It also tells what becomes of the frames that do not.
"""

from collections.abc import Sequence

import numpy as np

from emoreact_plugin.clips.coverage import Coverage
from emoreact_plugin.utils.text import number

from .pipeline_facts import LEFT_OUT, NO_MASK


def summarise(
    clips: Sequence[tuple[Coverage, slice]],
    lost: dict[str, list[str]],
    masked: bool,
    hides: bool = False,
) -> str:
    """Describe a data set in one line.

    Args:
        clips (Sequence[tuple[Coverage, slice]]): For each clip, the coverage of its video, and
            which of the frames are the clip's.
        lost (dict[str, list[str]]): The result of :func:`lost_without`.
        masked (bool): Whether masks were drawn beforehand.
        hides (bool): Whether the face is blacked out in the body. Defaults to False.

    Returns:
        str: The number of clips and frames, and in how many of them something
        is missing.
    """
    lengths = np.array([part.stop - part.start for _, part in clips])
    text = f'{number(len(clips), "clip")}, {number(int(lengths.sum()), "frame")}'
    if masked:
        text += ', masked beforehand'
    # Thousands of clips may be parts of one video.
    videos = {id(video): video for video, _ in clips}
    whole = Coverage(*map(np.concatenate, zip(*videos.values(), strict=True)))
    offsets = np.cumsum([0, *(len(video.face) for video in videos.values())]).tolist()
    first = dict(zip(videos, offsets[:-1], strict=True))
    starts = np.array([first[id(video)] + part.start for video, part in clips])

    def count(flags: np.ndarray) -> str:
        before = np.concatenate([[0], np.cumsum(flags)])
        counts = before[starts + lengths] - before[starts]
        if not counts.any():
            return ''
        return f'{number(int(counts.sum()), "frame")} of {number(int((counts > 0).sum()), "clip")}'

    for kind, part in (('landmarks', 'face'), ('keypoints', 'body')):
        without = count(~getattr(whole, part))
        if kind in lost and without:
            text += f'; no {part} in {without}{then_text(lost[kind])}'
    boxes = count(whole.box)
    unmasked = [text for text in lost.get('landmarks', ()) if text in (NO_MASK, LEFT_OUT)]
    if unmasked and boxes:
        text += f'; only the box of the face in {boxes}: {unmasked[0]}'
    black = count(whole.black)
    if hides and black:
        text += f'; the face covers most of the body crop in {black}: mostly black'
    return text


def then_text(happens: list[str]) -> str:
    """Return the consequences after a colon, or an empty text if there are none."""
    return f': {", ".join(happens)}' if happens else ''

"""Summarise how many frames of a data set show a face and a body.

It also tells what becomes of the frames that do not.
"""

from collections.abc import Sequence

import numpy as np

from emoreact_plugin.clips.coverage import Coverage
from emoreact_plugin.utils.text import number

from .pipeline_facts import LEFT_OUT, NO_MASK

# What is counted of each clip: its frames, and those of them of which this is so.
COUNTED = ('frames', 'no face', 'no body', 'box', 'black')


def count_frames(clips: Sequence[tuple[Coverage, slice]]) -> np.ndarray:
    """Count the frames of clips, and those of them that lack something.

    Args:
        clips (Sequence[tuple[Coverage, slice]]): For each clip, the coverage of its video, and
            which of the frames are the clip's.

    Returns:
        np.ndarray: (N, 5) int64, in the order of :data:`COUNTED`.
    """
    lengths = np.array([part.stop - part.start for _, part in clips])
    # Thousands of clips may be parts of one video.
    videos = {id(video): video for video, _ in clips}
    whole = Coverage(*map(np.concatenate, zip(*videos.values(), strict=True)))
    offsets = np.cumsum([0, *(len(video.face) for video in videos.values())]).tolist()
    first = dict(zip(videos, offsets[:-1], strict=True))
    starts = np.array([first[id(video)] + part.start for video, part in clips])
    counts = [lengths]
    for flags in (~whole.face, ~whole.body, whole.box, whole.black):
        before = np.concatenate([[0], np.cumsum(flags)])
        counts.append(before[starts + lengths] - before[starts])
    return np.stack(counts, axis=1)


def summarize(
    counts: np.ndarray, lost: dict[str, list[str]], masked: bool, hides: bool = False
) -> str:
    """Describe a data set in one line.

    Args:
        counts (np.ndarray): (N, 5) int64, rows of :func:`count_frames`.
        lost (dict[str, list[str]]): The result of :func:`lost_without`.
        masked (bool): Whether masks were drawn beforehand.
        hides (bool): Whether the face is blacked out in the body. Defaults to False.

    Returns:
        str: The number of clips and frames, and in how many of them something
        is missing.
    """
    counted = dict(zip(COUNTED, counts.reshape(-1, len(COUNTED)).T, strict=True))

    def say(what: str) -> str:
        found = counted[what]
        if not found.any():
            return ''
        return f'{number(int(found.sum()), "frame")} of {number(int((found > 0).sum()), "clip")}'

    frames = int(counted['frames'].sum())
    text = f'{number(len(counts), "clip")}, {number(frames, "frame")}'
    if masked:
        text += ', masked beforehand'
    for kind, part in (('landmarks', 'face'), ('keypoints', 'body')):
        without = say(f'no {part}')
        if kind in lost and without:
            text += f'; no {part} in {without}{then_text(lost[kind])}'
    boxes = say('box')
    unmasked = [text for text in lost.get('landmarks', ()) if text in (NO_MASK, LEFT_OUT)]
    if unmasked and boxes:
        text += f'; only the box of the face in {boxes}: {unmasked[0]}'
    black = say('black')
    if hides and black:
        text += f'; the face covers most of the body crop in {black}: mostly black'
    return text


def then_text(happens: list[str]) -> str:
    """Return the consequences after a colon, or an empty text if there are none."""
    return f': {", ".join(happens)}' if happens else ''

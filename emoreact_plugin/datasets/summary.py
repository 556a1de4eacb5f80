"""Summarise how many frames of a data set show a face and a body.

It also tells what becomes of the frames that do not.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from emoreact_plugin.clips.coverage import Coverage
from emoreact_plugin.utils.text import number

NO_MASK = 'no mask drawn'


def steps_of(step: Callable) -> Iterator[Callable]:
    """Yield a transform and the transforms within it, as in a pipeline or a wrapper."""
    yield step
    inner = getattr(step, 'transforms', ())
    if isinstance(inner, dict):
        inner = inner.values()
    for each in [inner] if callable(inner) else inner:
        yield from steps_of(each)


def draws_masks(pipeline: Callable) -> bool:
    """Check whether a transform in a pipeline draws masks."""
    return any(getattr(step, 'draws_mask', False) for step in steps_of(pipeline))


def lost_without(pipeline: Callable, required: Sequence[str], masked: bool) -> dict[str, list[str]]:
    """Tell what becomes of a frame without landmarks or without keypoints.

    The result holds those of the two that are required or that the pipeline
    uses.

    Args:
        pipeline (Callable): A pipeline of transforms.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``.
        masked (bool): Whether masks are drawn, now or beforehand.

    Returns:
        dict[str, list[str]]: ``'landmarks'`` and/or ``'keypoints'`` -> the
        consequences of a frame without them, in words.
    """
    steps = list(steps_of(pipeline))
    regions = {name for step in steps for name in getattr(step, 'regions', ())}
    hidden = {name for step in steps for name in getattr(step, 'blackout', {}).values()}
    # What a region of one's own looks at, only `required` can tell.
    own = {kind for kind in required if regions - {'face', 'body', 'fullbody'}}
    lost = {kind: [] for kind in required}
    for kind, text, happens in (
        ('landmarks', 'whole frame used', 'face' in regions or 'landmarks' in own),
        ('landmarks', 'face not blacked out', 'face' in hidden),
        ('landmarks', NO_MASK, masked),
        ('keypoints', 'whole frame used', regions & {'body', 'fullbody'} or 'keypoints' in own),
    ):
        if happens:
            lost.setdefault(kind, []).append(text)
    return lost


def summarise(clips: Sequence[Coverage], lost: dict[str, list[str]], masked: bool) -> str:
    """Describe a data set in one line.

    Args:
        clips (Sequence[Coverage]): The coverage of each clip.
        lost (dict[str, list[str]]): The result of :func:`lost_without`.
        masked (bool): Whether masks were drawn beforehand.

    Returns:
        str: The number of clips and frames, and in how many of them something
        is missing.
    """
    frames = sum(len(clip.face) for clip in clips)
    text = f'{number(len(clips), "clip")}, {number(frames, "frame")}'
    if masked:
        text += ', masked beforehand'
    for kind, part in (('landmarks', 'face'), ('keypoints', 'body')):
        counts = [np.count_nonzero(~getattr(clip, part)) for clip in clips]
        if kind in lost and any(counts):
            text += (
                f'; no {part} in {number(sum(counts), "frame")} of '
                f'{number(np.count_nonzero(counts), "clip")}{then_text(lost[kind])}'
            )
    counts = [np.count_nonzero(clip.box) for clip in clips]
    if NO_MASK in lost.get('landmarks', ()) and any(counts):
        text += (
            f'; only the box of the face in {number(sum(counts), "frame")} of '
            f'{number(np.count_nonzero(counts), "clip")}: {NO_MASK}'
        )
    return text


def then_text(happens: list[str]) -> str:
    """Return the consequences after a colon, or an empty text if there are none."""
    return f': {", ".join(happens)}' if happens else ''

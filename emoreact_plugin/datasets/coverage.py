"""How much of a data set's frames shows a face and a body, and what becomes
of those that do not.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .clip_files import number
from .landmarks import PreparedClip

NO_MASK = 'no mask drawn'


class Coverage(NamedTuple):
    """In which frames of a clip something was found, each (F, ) bool.

    Attributes:
        face (np.ndarray): The face, or its box.
        body (np.ndarray): The body.
        box (np.ndarray): Only the box of the face.
    """

    face: np.ndarray
    body: np.ndarray
    box: np.ndarray

    def part(self, frames: slice) -> 'Coverage':
        """Of some of the frames."""
        return Coverage(*(each[frames] for each in self))


def coverage_of(clip: PreparedClip) -> Coverage:
    """Where at least half of the face's landmarks are there, and any of the
    body's keypoints.

    Args:
        clip (PreparedClip): Of F frames.

    Returns:
        Coverage
    """
    points = np.isfinite(clip.face_landmarks).all(axis=2).sum(axis=1)
    return Coverage(
        2 * points >= clip.face_landmarks.shape[1],
        np.isfinite(clip.body_keypoints).all(axis=2).any(axis=1),
        clip.face_is_box,
    )


def steps_of(step: Callable) -> Iterator[Callable]:
    """A transform, and those within it: of a pipeline, a wrapper."""
    yield step
    inner = getattr(step, 'transforms', ())
    if isinstance(inner, dict):
        inner = inner.values()
    for each in [inner] if callable(inner) else inner:
        yield from steps_of(each)


def draws_masks(pipeline: Callable) -> bool:
    """Whether a mask is drawn somewhere in a pipeline."""
    # Not at the top: the transforms import the readers of this package.
    from emoreact_plugin.transforms import DrawFaceMask

    return any(isinstance(step, DrawFaceMask) for step in steps_of(pipeline))


def lost_without(pipeline: Callable, required: Sequence[str], masked: bool) -> dict[str, list[str]]:
    """What becomes of a frame without landmarks or keypoints, for those of
    the two that are required or that the pipeline looks at.

    Args:
        pipeline (Callable): Of transforms.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``.
        masked (bool): Whether masks are drawn, now or beforehand.

    Returns:
        dict[str, list[str]]: Of the two -> consequences, in words.
    """
    from emoreact_plugin.transforms import CropRegions, LoadCrops

    crops = [step for step in steps_of(pipeline) if isinstance(step, (CropRegions, LoadCrops))]
    regions = {name for step in crops for name in step.regions}
    # What a region of one's own looks at, only `required` can tell.
    own = {kind for kind in required if regions - {'face', 'body', 'fullbody'}}
    lost = {kind: [] for kind in required}
    for kind, text, happens in (
        ('landmarks', 'whole frame used', 'face' in regions or 'landmarks' in own),
        (
            'landmarks',
            'face not blacked out',
            any('face' in step.blackout.values() for step in crops),
        ),
        ('landmarks', NO_MASK, masked),
        ('keypoints', 'whole frame used', regions & {'body', 'fullbody'} or 'keypoints' in own),
    ):
        if happens:
            lost.setdefault(kind, []).append(text)
    return lost


def summarise(clips: Sequence[Coverage], lost: dict[str, list[str]], masked: bool) -> str:
    """One line about a data set.

    Args:
        clips (Sequence[Coverage]): Of each clip.
        lost (dict[str, list[str]]): See :func:`lost_without`.
        masked (bool): Whether masks were drawn beforehand.

    Returns:
        str: Clips, frames, and in how many of them something is missing.
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
                f'{number(np.count_nonzero(counts), "clip")}'
                f'{then_text(lost[kind])}'
            )
    counts = [np.count_nonzero(clip.box) for clip in clips]
    if NO_MASK in lost.get('landmarks', ()) and any(counts):
        text += (
            f'; only the box of the face in '
            f'{number(sum(counts), "frame")} of '
            f'{number(np.count_nonzero(counts), "clip")}: {NO_MASK}'
        )
    return text


def then_text(happens: list[str]) -> str:
    """What follows, after a colon; nothing where nothing does."""
    return f': {", ".join(happens)}' if happens else ''

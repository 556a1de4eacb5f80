"""Find the problems that only show when all clips are looked at together.

These are clips that occur twice, clips that are unlike the others, and
labels that are missing.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from .duplicates import content_ids, find_same_content, find_same_name, find_same_video
from .problems import CheckedClip, Problem

# What this share of the clips has in common is what the others are compared with.
USUAL_SHARE = 0.9


def find_duplicates(clips: Sequence[CheckedClip], workers: int | None = None) -> list[Problem]:
    """Find clips that occur twice, and clips that share a video or a name.

    A clip that occurs in two splits is an error: what is measured then means
    nothing. All else is a warning.

    Args:
        clips (Sequence[CheckedClip]): The clips of all splits.
        workers (int, optional): Number of clips at a time.

    Returns:
        list[Problem]: One for each such clip.
    """
    ids = content_ids({clip.path: clip.num_bytes for clip in clips}, workers)
    found = []
    for clip, other in find_same_content(clips, ids):
        level = 'warning' if clip.split == other.split else 'error'
        text = f'{clip.place}: is the same as {other.place} of {other.split}'
        if clip.label != other.label:
            text += ', but has other labels'
        found.append(_of(clip, level, 'duplicate', text))
    for clip, other in find_same_video(clips, ids):
        found.append(
            _of(
                clip,
                'warning',
                'same video',
                f'{clip.place}: is of the same video as {other.place} of {other.split}, so its '
                'scores may be too good',
            )
        )
    for clip, other in find_same_name(clips, ids):
        found.append(
            _of(
                clip,
                'warning',
                'same name',
                f'{clip.path}: but for case and ending has the name of {other.path} of '
                f'{other.split}, and other content',
            )
        )
    return found


def _of(clip: CheckedClip, level: str, kind: str, text: str) -> Problem:
    return Problem(level, kind, text, clip.split, clip.clip_id)


def find_odd_sizes(clips: Sequence[CheckedClip]) -> list[Problem]:
    """Find clips of another frame size or frame rate than nine in ten clips have."""
    opened = [clip for clip in clips if clip.frames is not None]
    sizes = _unusual(opened, 'frame size', lambda clip: f'{clip.width}x{clip.height} pixels')
    rates = _unusual(
        # Folders of images have none.
        [clip for clip in opened if clip.fps or any(c.fps for c in opened)],
        'frame rate',
        lambda clip: f'{clip.fps:.5g} frames a second' if clip.fps else 'no stated frame rate',
    )
    return sizes + rates


def _unusual(
    clips: Sequence[CheckedClip], kind: str, describe: Callable[[CheckedClip], str]
) -> list[Problem]:
    counts = Counter(map(describe, clips))
    if not counts:
        return []
    usual, count = counts.most_common(1)[0]
    if count < USUAL_SHARE * len(clips):
        return []
    return [
        _of(
            clip,
            'note',
            kind,
            f'{clip.place}: {describe(clip)}; most have {usual}',
        )
        for clip in clips
        if describe(clip) != usual
    ]


def find_unlabeled(
    labels: dict[str, np.ndarray], classes: Sequence[str], clips: Sequence[CheckedClip]
) -> list[Problem]:
    """Find classes that a split says nothing about, and clips without a label.

    Args:
        labels (dict[str, np.ndarray]): Split -> (N, C), 0 or 1.
        classes (Sequence[str]): C names.
        clips (Sequence[CheckedClip]): The clips of all splits.

    Returns:
        list[Problem]: One for each class of a split and for each clip.
    """
    found = []
    for split, each in labels.items():
        for name, column in zip(classes, each.T if len(each) else (), strict=False):
            if column.all() or not column.any():
                what = 'a positive' if not column.any() else 'a negative'
                then = 'it cannot be learned'
                if split != 'train':
                    then = 'its ROC AUC is undefined there'
                text = f'{name}: no clip of {split} is {what}; {then}'
                found.append(Problem('warning', 'labels', text, split))
    for clip in clips:
        if not any(clip.label):
            found.append(
                _of(
                    clip,
                    'note',
                    'unlabeled',
                    f'{clip.place}: has no positive label',
                )
            )
    return found

"""Find the problems that only show when all clips are looked at together.

These are clips that occur twice, clips that are unlike the others, and
labels that are missing.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from .duplicates import content_ids, find_same_content, find_same_name, find_same_video
from .findings import CheckedClip, Finding

# What this share of the clips has in common is what the others are compared with.
USUAL_SHARE = 0.9


def duplicate_findings(clips: Sequence[CheckedClip], workers: int | None = None) -> list[Finding]:
    """Find clips that occur twice, and clips that share a video or a name.

    A clip that occurs in two splits is an error: what is measured then means
    nothing. All else is a warning.

    Args:
        clips (Sequence[CheckedClip]): The clips of all splits.
        workers (int, optional): Number of clips at a time.

    Returns:
        list[Finding]: One for each such clip.
    """
    ids = content_ids({clip.path: clip.num_bytes for clip in clips}, workers)
    found = []
    for clip, other in find_same_content(clips, ids):
        level = 'warning' if clip.split == other.split else 'error'
        text = f'{clip.place}: is the same as {other.place} of {other.split}'
        if clip.label != other.label:
            text += ', but has other labels'
        found.append(Finding(level, 'duplicate', clip.split, clip.clip_id, text))
    for clip, other in find_same_video(clips, ids):
        found.append(
            Finding(
                'warning',
                'same video',
                clip.split,
                clip.clip_id,
                f'{clip.place}: is of the same video as {other.place} of '
                f'{other.split}, so its scores may be too good',
            )
        )
    for clip, other in find_same_name(clips, ids):
        found.append(
            Finding(
                'warning',
                'same name',
                clip.split,
                clip.clip_id,
                f'{clip.path}: but for case and ending has the name of '
                f'{other.path} of {other.split}, and other content',
            )
        )
    return found


def odd_findings(clips: Sequence[CheckedClip]) -> list[Finding]:
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
) -> list[Finding]:
    counts = Counter(map(describe, clips))
    if not counts:
        return []
    usual, count = counts.most_common(1)[0]
    if count < USUAL_SHARE * len(clips):
        return []
    return [
        Finding(
            'note',
            kind,
            clip.split,
            clip.clip_id,
            f'{clip.place}: {describe(clip)}; most have {usual}',
        )
        for clip in clips
        if describe(clip) != usual
    ]


def label_findings(
    labels: dict[str, np.ndarray], classes: Sequence[str], clips: Sequence[CheckedClip]
) -> list[Finding]:
    """Find classes that a split says nothing about, and clips without a label.

    Args:
        labels (dict[str, np.ndarray]): Split -> (N, C), 0 or 1.
        classes (Sequence[str]): C names.
        clips (Sequence[CheckedClip]): The clips of all splits.

    Returns:
        list[Finding]: One for each class of a split and for each clip.
    """
    found = []
    for split, each in labels.items():
        for name, column in zip(classes, each.T if len(each) else (), strict=False):
            if column.all() or not column.any():
                what = 'a positive' if not column.any() else 'a negative'
                found.append(
                    Finding(
                        'warning',
                        'labels',
                        split,
                        '',
                        f'{name}: no clip of {split} is {what}; its ROC AUC is undefined there'
                        if split != 'train'
                        else f'{name}: no clip of {split} is {what}; it cannot be learned',
                    )
                )
    for clip in clips:
        if not any(clip.label):
            found.append(
                Finding(
                    'note',
                    'unlabelled',
                    clip.split,
                    clip.clip_id,
                    f'{clip.place}: has no positive label',
                )
            )
    return found

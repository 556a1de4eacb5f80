"""What a check of a data set gives."""

from typing import NamedTuple

import numpy as np

LEVELS = ('error', 'warning', 'note')
# In the order of the report.
KINDS = (
    'annotations',
    'missing clip',
    'unreadable clip',
    'no landmarks',
    'no keypoints',
    'landmark file',
    'keypoint file',
    'data set',
    'duplicate',
    'same video',
    'same name',
    'cut off',
    'short',
    'no face',
    'no body',
    'labels',
    'unlabelled',
    'frame size',
    'frame rate',
)


class Finding(NamedTuple):
    """Something that is not as it should be.

    Attributes:
        level (str): ``'error'``: training stops, or its results mean
            nothing; ``'warning'``: it goes on with less; ``'note'``.
        kind (str): Of :data:`KINDS`.
        split (str): Such as ``'train'``.
        clip (str): Its id; empty where it is about the split.
        text (str): File, place, what was expected and what was found.
    """

    level: str
    kind: str
    split: str
    clip: str
    text: str


class Clip(NamedTuple):
    """A row of the annotations and what its files are like.

    Attributes:
        split, clip_id, video (str): Which clip it is.
        path (str): The video, or the folder of frames or crops.
        label (tuple[int, ...]): C values, 0 or 1.
        start (int), end (int | None), person (str | None): See
            :class:`~emoreact_plugin.datasets.annotations.Annotation`.
        frames (int | None): How many; None where they cannot be read.
        width, height (int | None): Of a frame, in pixels.
        fps (float | None): Frames a second; None where unknown.
        no_face, no_body (float | None): Share of the frames without; None
            without a file, and where it cannot be read.
        num_bytes (int): Of the whole video or folder; 0 where missing.
    """

    split: str
    clip_id: str
    video: str
    path: str
    label: tuple
    start: int
    end: int | None
    person: str | None
    frames: int | None
    width: int | None
    height: int | None
    fps: float | None
    no_face: float | None
    no_body: float | None
    num_bytes: int

    @property
    def place(self) -> str:
        """Its path, and which part of the video, and person in it, it is."""
        place = self.path
        if self.start or self.end is not None:
            end = 'the end' if self.end is None else self.end
            place += f', frames {self.start} to {end}'
        return place if self.person is None else (f'{place}, person {self.person}')


class Report(NamedTuple):
    """What was found.

    Attributes:
        classes (tuple[str, ...]): C names.
        clips (list[Clip]): Those whose line in the annotations is readable.
        labels (dict[str, np.ndarray]): Split -> (N, C) int, 0 or 1.
        prior (dict[str, float | None]): Split -> micro ROC AUC of the
            training split's label frequencies; None where undefined.
        findings (list[Finding]): Errors first.
    """

    classes: tuple[str, ...]
    clips: list[Clip]
    labels: dict[str, np.ndarray]
    prior: dict[str, float | None]
    findings: list[Finding]


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """By level, then by kind, otherwise as they are."""
    return sorted(findings, key=lambda f: (LEVELS.index(f.level), KINDS.index(f.kind)))

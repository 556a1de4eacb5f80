"""Hold what a check of a data set finds."""

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
    """Something in a data set that is not as it should be.

    Attributes:
        level (str): ``'error'``: training stops, or its results mean
            nothing; ``'warning'``: it goes on with less; ``'note'``.
        kind (str): One of :data:`KINDS`.
        split (str): The split, such as ``'train'``.
        clip (str): The clip's id; empty if the finding is about the split.
        text (str): File, place, what was expected and what was found.
    """

    level: str
    kind: str
    split: str
    clip: str
    text: str


class CheckedClip(NamedTuple):
    """A row of the annotations, and what the files of its clip are like.

    Attributes:
        split, clip_id, video (str): Which clip it is.
        path (str): The video, or the folder of frames or crops.
        label (tuple[int, ...]): C values, 0 or 1.
        start (int), end (int | None), person (str | None): See
            :class:`~emoreact_plugin.datasets.annotations.Annotation`.
        frames (int | None): Number of frames; None if they cannot be read.
        width, height (int | None): Size of a frame in pixels.
        fps (float | None): Frames a second; None if unknown.
        no_face, no_body (float | None): Share of the frames without a face
            or a body; None without a file, and if it cannot be read.
        num_bytes (int): Size of the whole video or folder; 0 if missing.
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
        """Return the clip's path, and which part of the video and which person it shows."""
        place = self.path
        if self.start or self.end is not None:
            end = 'the end' if self.end is None else self.end
            place += f', frames {self.start} to {end}'
        return place if self.person is None else (f'{place}, person {self.person}')


class CheckReport(NamedTuple):
    """The result of a check of a data set.

    Attributes:
        classes (tuple[str, ...]): C names.
        clips (list[CheckedClip]): The clips whose line in the annotations is readable.
        labels (dict[str, np.ndarray]): Split -> (N, C) int, 0 or 1.
        prior (dict[str, float | None]): Split -> micro ROC AUC of the
            training split's label frequencies; None if undefined.
        findings (list[Finding]): Errors first.
    """

    classes: tuple[str, ...]
    clips: list[CheckedClip]
    labels: dict[str, np.ndarray]
    prior: dict[str, float | None]
    findings: list[Finding]


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """Sort findings by level, then by kind, and leave the rest of their order."""
    return sorted(findings, key=lambda f: (LEVELS.index(f.level), KINDS.index(f.kind)))

"""Hold the problems that a check of a data set finds."""

from dataclasses import dataclass

import numpy as np

LEVELS = ('error', 'warning', 'note')
# Kind of a problem -> its title, in the order of the report.
KINDS = {
    'annotations': 'wrong lines of annotation files',
    'missing clip': 'clips that are not there',
    'unreadable clip': 'clips that cannot be read',
    'no landmarks': 'without face landmarks',
    'no keypoints': 'without body keypoints',
    'landmark file': 'landmark files',
    'keypoint file': 'keypoint files',
    'data set': 'the data set as a whole',
    'duplicate': 'there twice',
    'same video': 'of one video as clips of another split',
    'shared groups': 'groups that are in several splits',
    'same name': 'names that are hardly different',
    'cut off': 'cut off',
    'short': 'too short',
    'no face': 'without a face in more than half of the frames',
    'no body': 'without a body in more than half of the frames',
    'black body': 'with a mostly black body crop in more than half of the frames',
    'labels': 'labels that say nothing',
    'unlabeled': 'without a positive label',
    'frame size': 'of another frame size',
    'frame rate': 'of another frame rate',
}


@dataclass(frozen=True)
class Problem:
    """Something in a data set that is not as it should be.

    Attributes:
        level (str): ``'error'``: training stops, or its results mean
            nothing; ``'warning'``: it goes on with less; ``'note'``.
        kind (str): One of :data:`KINDS`.
        text (str): File, place, what was expected and what was found.
        split (str): The split, such as ``'train'``; empty until it is known.
        clip (str): The clip's id; empty for a problem of the whole split.
    """

    level: str
    kind: str
    text: str
    split: str = ''
    clip: str = ''


@dataclass(frozen=True)
class CheckedClip:
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
        black_body (float | None): Share of the frames whose ``body`` crop is
            mostly black, because the face covers more than half of it; None
            if that is not known, or no ``body`` is used.
        num_bytes (int): Size of the whole video or folder; 0 if missing.
    """

    split: str
    clip_id: str
    video: str
    path: str
    label: tuple[int, ...]
    start: int
    end: int | None
    person: str | None
    frames: int | None
    width: int | None
    height: int | None
    fps: float | None
    no_face: float | None
    no_body: float | None
    black_body: float | None
    num_bytes: int

    @property
    def place(self) -> str:
        """Return the clip's path, and which part of the video and which person it shows."""
        place = self.path
        if self.start or self.end is not None:
            end = 'the end' if self.end is None else self.end
            place += f', frames {self.start} to {end}'
        return place if self.person is None else (f'{place}, person {self.person}')


@dataclass(frozen=True)
class CheckReport:
    """The result of a check of a data set.

    Attributes:
        classes (tuple[str, ...]): C names.
        clips (list[CheckedClip]): The clips whose line in the annotations is readable.
        labels (dict[str, np.ndarray]): Split -> (N, C) int, 0 or 1.
        priors (dict[str, dict[str, dict[str, float | None]]]): Split -> name
            of a prior -> ``micro`` and ``macro`` ROC AUC that the labels of
            the training split reach; None if undefined.
        problems (list[Problem]): Errors first.
    """

    classes: tuple[str, ...]
    clips: list[CheckedClip]
    labels: dict[str, np.ndarray]
    priors: dict[str, dict[str, dict[str, float | None]]]
    problems: list[Problem]


def sort_problems(problems: list[Problem]) -> list[Problem]:
    """Sort problems by level, then by kind, and leave the rest of their order."""
    return sorted(problems, key=lambda p: (LEVELS.index(p.level), list(KINDS).index(p.kind)))

"""What inference gives: plain values, files of them, and a view of them in a
notebook.
"""

import csv
import io
import json
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.text import number

from .html import clip_html, results_html

Probabilities = dict[str, float]


@dataclass
class WindowResult:
    """The scores of a window.

    Attributes:
        start_s, end_s (float): Seconds from the first frame of the clip on.
        probabilities (dict[str, float]): Emotion -> 0..1.
        labels (list[str]): The emotions whose probability reaches the
            threshold.
        streams (dict[str, dict[str, float]]): Stream -> its own
            probabilities; empty for a recognizer without streams.
        found (dict[str, float]): Region -> the share of the window's frames
            in which it was found.
        short (bool): Whether the clip is shorter than a window.
        reliable (bool): Whether each region was found in half of the frames
            or more.
    """

    start_s: float
    end_s: float
    probabilities: Probabilities
    labels: list[str]
    streams: dict[str, Probabilities] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)
    short: bool = False
    reliable: bool = True

    @property
    def centre_s(self) -> float:
        """The middle of the window, seconds."""
        return (self.start_s + self.end_s) / 2

    def to_dict(self) -> dict:
        """Plain values."""
        return dict(vars(self))


@dataclass
class ClipResult:
    """The scores of a clip.

    Where there is an ``error`` everything else is empty, but for a clip that
    was scored and could not be drawn, whose scores are whole.

    Attributes:
        video (str): Its path.
        name (str): Relative to the folder that was named.
        probabilities (dict[str, float]): Emotion -> 0..1, of the whole clip,
            sampled as in testing: what ``tools/test.py`` gives.
        mean_probabilities (dict[str, float]): The mean over the windows.
        labels (list[str]): The emotions whose probability in the whole clip
            reaches the threshold.
        streams (dict[str, dict[str, float]]): Stream -> its own
            probabilities of the whole clip.
        windows (list[WindowResult]): Over time, at least one.
        total_frames (int): Frames of the clip.
        duration_s (float): Seconds.
        landmarks (str): Where they are from: ``'files'``, ``'extracted'``,
            ``'none'``, or ``'not needed'`` where the model looks at whole
            frames anyway.
        frames_without (dict[str, int]): Region -> number of frames in which
            it was not found.
        warnings (list[str]): What has to be known about these scores.
        reliable (bool): False where they mean little: without landmarks, with
            a region in fewer than half of the frames, or with a checkpoint of
            drawn data on other video.
        error (str | None): Why there are no scores, or no annotated video.
        annotated (str | None): Path of the annotated video.
    """

    video: str
    name: str
    probabilities: Probabilities = field(default_factory=dict)
    mean_probabilities: Probabilities = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    streams: dict[str, Probabilities] = field(default_factory=dict)
    windows: list[WindowResult] = field(default_factory=list)
    total_frames: int = 0
    duration_s: float = 0.0
    landmarks: str = ''
    frames_without: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    reliable: bool = True
    error: str | None = None
    annotated: str | None = None

    def to_dict(self) -> dict:
        """Plain values, as in the JSON file."""
        return dict(vars(self), windows=[each.to_dict() for each in self.windows])

    def row(self) -> dict:
        """Plain values in one row, as in ``clips.csv``: the emotions by their
        names, those of a stream as ``<stream>/<Emotion>``.
        """
        return dict(
            video=self.video,
            error=self.error,
            **self.probabilities,
            labels=';'.join(self.labels),
            **_columns('mean', self.mean_probabilities),
            **_of_streams(self.streams),
            frames=self.total_frames or None,
            duration_s=self.duration_s or None,
            landmarks=self.landmarks or None,
            **{
                f'{region}_share': 1 - count / self.total_frames
                for region, count in self.frames_without.items()
            },
            reliable=self.reliable if self.windows else None,
            warnings='; '.join(self.warnings),
            annotated=self.annotated,
        )

    def window_rows(self) -> list[dict]:
        """A row of plain values a window, as in ``windows.csv``."""
        return [
            dict(
                video=self.video,
                start_s=each.start_s,
                end_s=each.end_s,
                **each.probabilities,
                labels=';'.join(each.labels),
                **_of_streams(each.streams),
                **{f'{region}_share': share for region, share in each.found.items()},
                short=each.short,
                reliable=each.reliable,
            )
            for each in self.windows
        ]

    def _repr_html_(self) -> str:
        return clip_html(self)


class Results(Sequence):
    """The results of some clips, in the order in which they were given.

    Args:
        clips (list[ClipResult]): The clips.
        about (dict): What was asked for, see ``EmotionInferencer.about``.
        stopped (str, optional): What ended the run before all was done.
            Defaults to None: nothing did.
        left_out (Sequence[str]): Paths of the videos that it did not come to.

    Attributes:
        clips (list[ClipResult])
        about (dict)
        stopped (str | None)
        left_out (list[str])
    """

    def __init__(
        self,
        clips: list[ClipResult],
        about: dict,
        stopped: str | None = None,
        left_out: Sequence = (),
    ) -> None:
        self.clips = list(clips)
        self.about = about
        self.stopped, self.left_out = stopped, list(left_out)

    def __getitem__(self, index):
        return self.clips[index]

    def __len__(self) -> int:
        return len(self.clips)

    def __repr__(self) -> str:
        return f'Results({number(len(self), "clip")}, {len(self.errors)} failed)'

    @property
    def errors(self) -> list[ClipResult]:
        """The clips that failed."""
        return [each for each in self.clips if each.error is not None]

    def to_dict(self) -> dict:
        """Plain values, as in the JSON file."""
        return dict(
            self.about,
            stopped=self.stopped,
            clips_done=len(self.clips),
            clips_in_all=len(self.clips) + len(self.left_out),
            left_out=self.left_out,
            clips=[each.to_dict() for each in self.clips],
        )

    def rows(self) -> list[dict]:
        """A row of plain values a clip, those left out with an error that
        says so: ``pandas.DataFrame`` takes them.
        """
        return [each.row() for each in self.clips] + [
            dict(video=path, error=f'left out: {self.stopped}') for path in self.left_out
        ]

    def window_rows(self) -> list[dict]:
        """A row of plain values a window, of all clips."""
        return [row for each in self.clips for row in each.window_rows()]

    def write_json(self, path: str) -> None:
        """Write everything to a JSON file; what is not known is ``null``."""
        text = json.dumps(_plain(self.to_dict()), indent=1, ensure_ascii=False, allow_nan=False)
        write_text(path, text + '\n')

    def write_csv(self, folder: str) -> None:
        """Write ``clips.csv``, a row a clip, those that failed or were left
        out with the error, and ``windows.csv``, a row a window, into a
        folder; it is made if need be.
        """
        write_text(osp.join(folder, 'clips.csv'), _table(self.rows()))
        write_text(osp.join(folder, 'windows.csv'), _table(self.window_rows()))

    def _repr_html_(self) -> str:
        return results_html(self.clips, self.about)


def probabilities_of(classes: Sequence, values) -> Probabilities:
    """Emotion -> probability, of an array (C, )."""
    return dict(zip(classes, map(float, values), strict=True))


def labels_of(probabilities: Probabilities, threshold: float) -> list[str]:
    """The emotions whose probability reaches the threshold."""
    return [name for name, p in probabilities.items() if p >= threshold]


def mean_of(windows: list[WindowResult]) -> Probabilities:
    """The mean over windows; empty for none."""
    names = windows[0].probabilities if windows else ()
    return {
        name: sum(each.probabilities[name] for each in windows) / len(windows) for name in names
    }


def _columns(prefix: str, values: Probabilities) -> dict[str, float]:
    return {f'{prefix}/{name}': value for name, value in values.items()}


def _of_streams(streams: dict[str, Probabilities]) -> dict[str, float]:
    return {
        key: value
        for stream, values in streams.items()
        for key, value in _columns(stream, values).items()
    }


def _plain(value: Any) -> Any:
    """JSON knows no NaN and no infinity."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not abs(value) < float('inf'):
        return None
    return value


def _table(rows: list[dict]) -> str:
    """CSV with the columns of all rows; those of a clip that failed are too
    few to tell them.
    """
    longest = max(rows, key=len, default={'video': None})
    columns = list(dict.fromkeys([*longest, *(key for row in rows for key in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

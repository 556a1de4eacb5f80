"""Hold the results of inference, write them to files and show them in a notebook."""

import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

from emoreact_plugin.evaluation import collapse_text, collapsed_labels
from emoreact_plugin.utils.errors import MissingPackageError
from emoreact_plugin.utils.files import write_json, write_text
from emoreact_plugin.utils.tables import report_csv
from emoreact_plugin.utils.text import number

from .html import clip_html, results_html

if TYPE_CHECKING:
    from pandas import DataFrame

Probabilities = dict[str, float]


@dataclass(repr=False)
class WindowResult:
    """The scores of a window of a clip.

    Attributes:
        start_s, end_s (float): Start and end, in seconds from the first frame of the clip.
        probabilities (dict[str, float]): Emotion -> probability, 0..1.
        labels (list[str]): The emotions whose probability reaches the threshold.
        streams (dict[str, dict[str, float]]): Stream -> its own probabilities; empty for a
            recognizer without streams.
        found (dict[str, float]): Region -> share of the window's frames in which it was found, of
            the regions that were looked for.
        short (bool): Whether the clip is shorter than a window.
        reliable (bool): False if the scores mean little, see ``ClipResult``.
    """

    start_s: float
    end_s: float
    probabilities: Probabilities
    labels: list[str]
    streams: dict[str, Probabilities] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)
    short: bool = False
    reliable: bool = True

    def __repr__(self) -> str:
        span = f'{self.start_s:.1f} to {self.end_s:.1f} s'
        return f'{type(self).__name__}({span}: {highest(self.probabilities)})'

    @property
    def center_s(self) -> float:
        """Return the middle of the window, in seconds."""
        return (self.start_s + self.end_s) / 2

    def to_dict(self) -> dict:
        """Return the result as plain values."""
        return dict(vars(self))


@dataclass(repr=False)
class ClipResult:
    """The scores of a clip.

    If there is an ``error``, there are no scores. The exception is a clip that was scored but could
    not be drawn: its scores are complete.

    Attributes:
        video (str): Path of the video.
        name (str): Path relative to the folder that was given, or the file name of a video that was
            given itself.
        probabilities (dict[str, float]): Emotion -> probability, 0..1, of the whole clip, sampled
            as in testing: the same as from ``tools/test.py``.
        mean_probabilities (dict[str, float]): Emotion -> mean probability over the windows.
        labels (list[str]): The emotions whose probability in the whole clip reaches the threshold.
        streams (dict[str, dict[str, float]]): Stream -> its own probabilities of the whole clip.
        windows (list[WindowResult]): The windows in the order of time, at least one.
        total_frames (int): Number of frames of the clip.
        duration_s (float): Length of the clip, seconds.
        landmarks (str): Where the landmarks come from: ``'files'``, ``'extracted'``,
            ``'files+extracted'`` if the files lacked some, ``'none'``, or ``'not needed'`` if the
            model looks at whole frames anyway.
        frames_without (dict[str, int]): Region -> number of frames in which it was not found, of
            the regions that were looked for.
        black_body (int | None): Number of frames whose ``body`` crop is mostly black, because the
            face, which is blacked out, covers more than half of it; None for a model without such a
            crop.
        not_sought (list[str]): The regions that were not looked for: there is no file of them, and
            no detector is installed or wanted.
        person (str | None): Number or name of the person, if all people are scored.
        people (dict | None): How many people were ``seen``, the numbers of whom was ``taken``, from
            left to right, and the ``choice``; None for landmarks from files.
        warnings (list[str]): What has to be known about these scores.
        reliable (bool): False if the scores mean little: with a region that was not looked for, or
            found in fewer than half of the frames, or with a checkpoint of drawn data on other
            video.
        error (str | None): Why there are no scores, or no annotated video.
        annotated (str | None): Path of the annotated video.
        annotated_name_shortened (bool): Whether the name of the annotated video would have been
            too long, so that it has only the start of the video's name, and a hash of it.
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
    annotated_name_shortened: bool = False
    not_sought: list[str] = field(default_factory=list)
    person: str | None = None
    people: dict | None = None
    black_body: int | None = None

    def __repr__(self) -> str:
        if not self.windows:
            return f'ClipResult({self.name!r}: {self.error or "no scores"})'
        labels = ', '.join(self.labels) or 'no label'
        scores = highest(self.probabilities or self.mean_probabilities)
        return (
            f'ClipResult({self.name!r}: {labels} ({scores}), {self.duration_s:.1f} s, '
            f'{number(len(self.windows), "window")}{"" if self.reliable else ", not reliable"})'
        )

    def to_dict(self) -> dict:
        """Return the result as plain values, as in the JSON file."""
        return dict(vars(self), windows=[each.to_dict() for each in self.windows])

    def row(self) -> dict:
        """Return the result as one row of plain values, as in ``clips.csv``.

        The emotions are under their names, those of a stream under ``<stream>/<Emotion>``, and the
        means over the windows under ``mean/<Emotion>``.
        """
        return dict(
            video=self.video,
            error=self.error,
            **self.probabilities,
            labels=';'.join(self.labels),
            **_columns({'mean': self.mean_probabilities, **self.streams}),
            frames=self.total_frames or None,
            duration_s=self.duration_s or None,
            landmarks=self.landmarks or None,
            person=self.person,
            people_seen=self.people and self.people['seen'],
            person_taken=self.people and ';'.join(map(str, self.people['taken'])),
            **{
                f'{region}_share': 1 - count / self.total_frames
                for region, count in self.frames_without.items()
            },
            black_body_share=self.black_body and self.black_body / self.total_frames,
            not_sought=';'.join(self.not_sought),
            reliable=self.reliable if self.windows else None,
            warnings='; '.join(self.warnings),
            annotated=self.annotated,
        )

    def window_rows(self) -> list[dict]:
        """Return one row of plain values per window, as in ``windows.csv``."""
        return [
            dict(
                video=self.video,
                start_s=each.start_s,
                end_s=each.end_s,
                **each.probabilities,
                labels=';'.join(each.labels),
                **_columns(each.streams),
                **{f'{region}_share': share for region, share in each.found.items()},
                person=self.person,
                short=each.short,
                reliable=each.reliable,
                clip_reliable=self.reliable,
                warnings='; '.join(self.warnings),
            )
            for each in self.windows
        ]

    def _repr_html_(self) -> str:
        return clip_html(self)


class Results(Sequence[ClipResult]):
    """The results of some clips, in the order in which the clips were given.

    Args:
        clips (list[ClipResult]): The results of the clips.
        about (dict): What was asked for, see ``EmotionInferencer.about``.
        stopped (str, optional): What ended the run before all clips were done. Defaults to None:
            the run was not stopped.
        left_out (Sequence[str]): Paths of the videos that the run did not get to.

    All of these are attributes, too.
    """

    def __init__(
        self,
        clips: list[ClipResult],
        about: dict,
        stopped: str | None = None,
        left_out: Sequence[str] = (),
    ) -> None:
        self.clips = list(clips)
        self.about = about
        self.stopped, self.left_out = stopped, list(left_out)

    @overload
    def __getitem__(self, index: int) -> ClipResult: ...

    @overload
    def __getitem__(self, index: slice) -> list[ClipResult]: ...

    def __getitem__(self, index: int | slice) -> ClipResult | list[ClipResult]:
        return self.clips[index]

    def __len__(self) -> int:
        return len(self.clips)

    def __repr__(self) -> str:
        return f'Results({number(len(self), "clip")}, {len(self.errors)} failed)'

    @property
    def errors(self) -> list[ClipResult]:
        """Return the clips that failed."""
        return [each for each in self.clips if each.error is not None]

    @property
    def collapsed(self) -> str | None:
        """Say that all clips, or all windows of the only clip, score alike; None if they do not."""
        scored = [each for each in self if each.error is None]
        spans: Sequence[ClipResult | WindowResult] = scored
        if len(scored) == 1:
            spans = scored[0].windows
        rows = [list(each.probabilities.values()) for each in spans]
        if len(rows) < 2:
            return None
        classes = list(spans[0].probabilities)
        # A few windows may well be alike in some labels.
        if len(collapsed_labels(rows, classes, 'probabilities')) < len(classes):
            return None
        if len(scored) > 1:
            return collapse_text(classes, len(classes), f'{len(rows)} clips')
        text = collapse_text(classes, len(classes), f'{len(rows)} windows')
        return f'{text}. Or the video does not change'

    def to_dict(self) -> dict:
        """Return all results as plain values, as in the JSON file."""
        return dict(
            self.about,
            collapsed=self.collapsed,
            stopped=self.stopped,
            clips_done=len(self.clips),
            clips_in_all=len(self.clips) + len(self.left_out),
            left_out=self.left_out,
            clips=[each.to_dict() for each in self.clips],
        )

    def rows(self) -> list[dict]:
        """Return one row of plain values per clip, which ``pandas.DataFrame`` accepts.

        The rows of videos that were left out have an error that says so.
        """
        return [each.row() for each in self.clips] + [
            dict(video=path, error=f'left out: {self.stopped}') for path in self.left_out
        ]

    def window_rows(self) -> list[dict]:
        """Return one row of plain values per window of all clips."""
        return [row for each in self.clips for row in each.window_rows()]

    def to_pandas(self, windows: bool = False) -> 'DataFrame':
        """Return a table with a row per clip, or per window: what the CSV files hold.

        Args:
            windows (bool): A row per window. Defaults to False.

        Raises:
            MissingPackageError: If pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise MissingPackageError(
                f'to_pandas needs pandas: pip install pandas ({error}); rows() and window_rows() '
                'return the same as lists'
            ) from error
        return DataFrame(self.window_rows() if windows else self.rows())

    def write_json(self, path: str) -> None:
        """Write everything to a JSON file, with ``null`` for what is not known."""
        write_json(path, self.to_dict(), ensure_ascii=False)

    def write_csv(self, folder: str) -> None:
        """Write ``clips.csv`` and ``windows.csv`` into a folder, which is created if needed.

        ``clips.csv`` has a row per clip; clips that failed or were left out have their error in it.
        ``windows.csv`` has a row per window.
        """
        write_text(osp.join(folder, 'clips.csv'), _table(self.rows()))
        write_text(osp.join(folder, 'windows.csv'), _table(self.window_rows()))

    def _repr_html_(self) -> str:
        return results_html(self.clips, self.about)


def labels_above(probabilities: Probabilities, thresholds: Mapping[str, float]) -> list[str]:
    """Return the emotions whose probability reaches their threshold."""
    return [name for name, p in probabilities.items() if p >= thresholds[name]]


def mean_of(windows: list[WindowResult]) -> Probabilities:
    """Average the probabilities over windows; without windows, the result is empty."""
    names = windows[0].probabilities if windows else ()
    return {
        name: sum(each.probabilities[name] for each in windows) / len(windows) for name in names
    }


def highest(probabilities: Probabilities) -> str:
    """Name the three highest probabilities."""
    names = sorted(probabilities, key=lambda name: -probabilities[name])
    text = ', '.join(f'{name} {probabilities[name]:.2f}' for name in names[:3])
    return text + (', ...' if len(names) > 3 else '')


def _columns(streams: dict[str, Probabilities]) -> dict[str, float]:
    return {
        f'{stream}/{name}': value
        for stream, values in streams.items()
        for name, value in values.items()
    }


def _table(rows: list[dict]) -> str:
    """Write rows as CSV text, with the columns of all rows.

    The longest row gives the order of the columns, since a clip that failed has only some of them.
    """
    longest = max(rows, key=len, default={'video': None})
    columns = list(dict.fromkeys([*longest, *(key for row in rows for key in row)]))
    return report_csv(columns, [[row.get(column) for column in columns] for row in rows])

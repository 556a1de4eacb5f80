"""Score emotions while the frames still arrive."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.clips.regions import Box
from emoreact_plugin.inference.results import ClipResult, labels_above, mean_of
from emoreact_plugin.inference.warning_texts import is_reliable
from emoreact_plugin.inference.windows import TOLERANCE, check_window
from emoreact_plugin.preparation.mediapipe.networks import has_landmark_models
from emoreact_plugin.preparation.mediapipe.people import ALL
from emoreact_plugin.utils.errors import InputError

from ..scorers.base import check_logits
from .camera import Camera
from .stream_result import StreamResult

if TYPE_CHECKING:
    from emoreact_plugin.inference.inferencer import EmotionInferencer

Frame = np.ndarray | tuple[float, np.ndarray]
# So many frames tell the frame rate where none is stated.
LAST = 50
MOST_AT_START = 32


Boxes = dict[str, Box | None]


@dataclass(frozen=True, eq=False)
class _Kept:
    """A frame that a window may need: seconds, pixels, landmarks, and region -> box."""

    time: float
    frame: np.ndarray
    landmarks: Landmarks
    boxes: Boxes


class _Window:
    """A window in progress: the times that it samples, and the frames for them so far."""

    def __init__(self, start: float, sample: dict, period: float) -> None:
        self.start, self.sample = start, sample
        inds = sample['frame_inds']
        self.times = {int(k): start + k * period for k in np.unique(inds)}
        self.frames: dict[int, _Kept] = {}

    def offer(self, kept: _Kept, before: _Kept | None, ahead: float = TOLERANCE) -> None:
        """Take the frame, or the one before it, for each sampled time that has come.

        Of the two frames, the nearer one is taken. A time has come if it lies at most ``ahead``
        seconds after the frame.
        """
        for k in [k for k, t in self.times.items() if t <= kept.time + ahead]:
            t = self.times.pop(k)
            nearer = kept
            if before is not None and abs(before.time - t) < abs(kept.time - t):
                nearer = before
            self.frames[k] = nearer


class _Start:
    """Frames from the start of a stream, in case that it ends before its first window does.

    There are up to 32, at equal distances: when there are as many, every second one is left out,
    and of those that come as well.
    """

    def __init__(self) -> None:
        self.frames: list[_Kept] = []
        self._count, self._every = 0, 1

    def add(self, kept: _Kept) -> None:
        if self._count % self._every == 0:
            self.frames.append(kept)
        self._count += 1
        if len(self.frames) == MOST_AT_START:
            self.frames, self._every = self.frames[::2], 2 * self._every

    def window(self, sample: dict, period: float) -> _Window:
        """Return a window with the frame that is nearest to each sampled time."""
        window = _Window(0.0, sample, period)
        for k, t in window.times.items():
            window.frames[k] = min(self.frames, key=lambda kept: abs(kept.time - t))
        return window


class EmotionStream:
    """Score a sliding window over frames as they arrive; iterate over it for the results.

    A window is sampled like a clip that has as many frames as the window at the frame rate. For
    each of the sampled frames, the frame nearest in time is taken. Only the frames that a window
    needs are kept. There is a result whenever a window is complete: the first one after
    ``window_seconds``. A window during which no frame came has none. A stream that ends before has
    one result, of all its frames, marked ``short``.

    Landmarks are looked for in every frame if the inferencer has ``landmarks='extract'``, or
    ``'auto'`` with mediapipe installed. Otherwise whole frames are used.

    From a camera, only the newest frame is taken, and only the newest complete window is scored.
    Frames that have become stale are dropped and counted. From frames that are given, nothing is
    dropped, unless ``realtime`` is set.

    Args:
        inferencer (EmotionInferencer): The inferencer that scores.
        frames (int | Iterable): Index of a camera; or frames (H, W, 3) uint8, RGB, or pairs
            ``(seconds, frame)``.
        fps (float, optional): Frames per second. Defaults to None: what the camera states. It is
            needed for frames without seconds, and with ``realtime``.
        realtime (bool): Leave out frames that arrive more than two frame periods later than they
            were taken, as measured by ``clock``. Defaults to False.
        clock (Callable): Function that returns the time, seconds.
        window_seconds (float, optional): Length of the window. Defaults to None: the inferencer's.
        stride_seconds (float, optional): Seconds from one window to the next. Defaults to None: the
            inferencer's.

    Attributes:
        fps (float | None): Frames per second, if that is known.
        landmarks (str): Where the landmarks come from, see ``ClipResult``.
        dropped (int): Number of frames left out so far.
        warnings (list[str]): What has to be known about the scores.

    Raises:
        InputError: When the camera cannot be opened, and for frames without a frame rate.

    Examples:
        >>> with inferencer.stream(0) as stream:
        ...     for result in stream:
        ...         print(result.end_s, result.labels, result.latency_ms)
    """

    def __init__(
        self,
        inferencer: 'EmotionInferencer',
        frames: int | Iterable[Frame],
        fps: float | None = None,
        realtime: bool = False,
        clock: Callable[[], float] = time.perf_counter,
        window_seconds: float | None = None,
        stride_seconds: float | None = None,
    ) -> None:
        self.window_seconds, self.stride_seconds = (
            own if given is None else given
            for given, own in (
                (window_seconds, inferencer.window_seconds),
                (stride_seconds, inferencer.stride_seconds),
            )
        )
        check_window(self.window_seconds, self.stride_seconds)
        if fps is not None and not 0 < fps < float('inf'):
            raise InputError(f'fps: expected frames a second, more than 0, found {fps}')
        if isinstance(frames, (str, bytes)):
            raise InputError(
                f"stream: expected frames, or the number of a camera, found '{frames}'; call the "
                'inferencer itself with a file'
            )
        if inferencer.landmarks not in ('auto', 'extract', 'none'):
            raise InputError(
                "landmarks: expected 'auto', 'extract' or 'none' for a "
                f"stream, which has no files, found '{inferencer.landmarks}'"
            )
        if inferencer.opener.choice == ALL:
            raise InputError("person: expected one person for a stream, found 'all'")
        self.inferencer, self._clock = inferencer, clock
        use = inferencer.landmarks == 'extract' or (
            inferencer.landmarks == 'auto' and has_landmark_models()
        )
        self._detector = inferencer.opener.detector() if inferencer.regions and use else None
        self._frames = Camera(frames, clock) if isinstance(frames, int) else frames
        self._camera = self._frames if isinstance(self._frames, Camera) else None
        self.fps = fps or (self._camera.fps if self._camera else None)
        self._realtime = realtime or self._camera is not None
        if realtime and self.fps is None:
            raise InputError('stream: expected fps=... with realtime')
        self._late = 0
        self.landmarks = 'not needed' if not inferencer.regions else 'extracted' if use else 'none'
        self.not_sought = list(inferencer.regions) if self.landmarks == 'none' else []
        self.warnings = inferencer.warnings_of(None, self.landmarks)
        self._history: deque[tuple[float, Boxes]] = deque()
        self._times: deque[float] = deque(maxlen=LAST)
        self._windows: deque[_Window] = deque()
        self._planned = 0

    def __enter__(self) -> 'EmotionStream':
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the camera."""
        if self._camera is not None:
            self._camera.close()

    @property
    def dropped(self) -> int:
        """Return the number of frames left out so far."""
        return self._late + (self._camera.dropped if self._camera else 0)

    def __iter__(self) -> Iterator[StreamResult]:
        if self._detector is not None:
            self._detector.reset()
        first, before = None, None
        start: _Start | None = _Start()
        for stamp, frame in self._stamped():
            arrival = stamp if self._camera else self._clock()
            if first is None:
                first = stamp, arrival
            late = (arrival - first[1]) - (stamp - first[0])
            if self._realtime and not self._camera and late * (self.fps or 0) > 2:
                self._late += 1
                continue
            kept, spent = self._look(stamp - first[0], frame)
            ready = self._take(kept, before)
            before = kept
            if ready:
                start = None
            elif start is not None:
                start.add(kept)
            if self._realtime:
                ready = ready[-1:]
            for window in ready:
                yield self._score(window, kept, arrival, spent)
        if start is not None and before is not None:
            period = self._period(before)
            end = before.time + period
            sample = self.inferencer.pipeline.sample(
                max(int(end / period + TOLERANCE), 1), 'stream'
            )
            window = start.window(sample, period)
            yield self._score(window, before, arrival, spent, end)

    def _stamped(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the frames with their times, seconds."""
        for count, item in enumerate(self._frames):
            if isinstance(item, tuple):
                stamp, frame = item
            elif self.fps is None:
                raise InputError(
                    'stream: expected fps=..., or pairs (seconds, frame), to '
                    'know when a frame was taken, found frames alone'
                )
            else:
                stamp, frame = count / self.fps, item
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise InputError(
                    'stream: expected frames (H, W, 3) of uint8, '
                    f'found {frame.shape} of {frame.dtype}'
                )
            yield float(stamp), frame

    def _look(self, stamp: float, frame: np.ndarray) -> tuple[_Kept, float]:
        """Find the landmarks of a frame; return both, and the milliseconds that it took."""
        start = self._clock()
        landmarks = Landmarks.none(1)
        if self._detector is not None:
            face, is_box, body = self._detector(frame)
            landmarks = Landmarks(face[None], body[None], np.array([is_box]), np.array([True]))
        spent = 0.0 if self._detector is None else 1000 * (self._clock() - start)
        boxes = landmarks.boxes(self.inferencer.regions, frame.shape[1::-1])
        return _Kept(stamp, frame, landmarks, {name: box[0] for name, box in boxes.items()}), spent

    def _take(self, kept: _Kept, before: _Kept | None) -> list[_Window]:
        """Give a frame to the windows that need it, and return those that it completes.

        The oldest window comes first.
        """
        inferencer, period = self.inferencer, self._period(kept)
        seconds, stride = self.window_seconds, self.stride_seconds
        # Those that were over before this frame have none of their own.
        over = (kept.time + min(period, seconds) / 2 - seconds) / stride
        self._planned = max(self._planned, int(np.floor(over)) + 1)
        while self._planned * stride <= kept.time + period / 2:
            count = max(int(seconds / period + TOLERANCE), 1)
            self._windows.append(
                _Window(self._planned * stride, inferencer.pipeline.sample(count, 'stream'), period)
            )
            self._planned += 1
        self._history.append((kept.time, kept.boxes))
        needed = min((each.start for each in self._windows), default=np.inf)
        while self._history and self._history[0][0] < needed - period / 2:
            self._history.popleft()
        ready = []
        for window in self._windows:
            window.offer(kept, before)
        while self._windows and (
            self._windows[0].start + seconds - period <= kept.time + period / 2
        ):
            ready.append(self._windows.popleft())
            # Times that come after its newest frame, by a little.
            ready[-1].offer(kept, before, np.inf)
        return ready

    def _period(self, kept: _Kept) -> float:
        """Return the seconds from frame to frame.

        If no frame rate is known, they are taken from the times of the last frames.
        """
        if self.fps is not None:
            return 1 / self.fps
        self._times.append(kept.time)
        gaps = np.diff(self._times)
        return float(np.median(gaps)) if len(gaps) else 1 / 25

    def _score(
        self, window: _Window, newest: _Kept, arrival: float, spent: float, end: float | None = None
    ) -> StreamResult:
        """Score a window; ``end`` is that of a short one, seconds."""
        inferencer = self.inferencer
        kept = [window.frames[int(k)] for k in window.sample['frame_inds']]
        landmarks = Landmarks(
            *(np.concatenate(each) for each in zip(*(one.landmarks for one in kept), strict=True))
        )
        packed = inferencer.pipeline.pack(window.sample, [each.frame for each in kept], landmarks)
        scores = inferencer.scorer([packed])
        check_logits(scores.logits[0], f'{window.start:.2f} s')
        fused = inferencer.probabilities(scores.logits[0])
        short = end is not None
        end = window.start + self.window_seconds if end is None else end
        shares = self._shares(window.start, end, kept)
        return StreamResult(
            window.start,
            end,
            fused,
            labels_above(fused, inferencer.thresholds),
            {name: inferencer.probabilities(each[0]) for name, each in scores.streams.items()},
            shares,
            short,
            is_reliable(self.warnings, self.not_sought, shares),
            latency_ms=1000 * (self._clock() - arrival),
            landmarks_ms=spent,
            dropped=self.dropped,
            frame=newest.frame,
            boxes=newest.boxes,
            warnings=self.warnings,
        )

    def _shares(self, start: float, end: float, sampled: list[_Kept]) -> dict[str, float]:
        """Return for each region the share of the window's frames in which it was found.

        For a window in which no frame came, the sampled frames count instead.
        """
        boxes = [
            each for stamp, each in self._history if start - TOLERANCE <= stamp < end - TOLERANCE
        ]
        boxes = boxes or [each.boxes for each in sampled]
        return {
            region: float(np.mean([each[region] is not None for each in boxes]))
            for region in self.inferencer.regions
            if region not in self.not_sought
        }

    def as_clip(self, results: list[StreamResult]) -> ClipResult:
        """Return the results of a stream as those of a clip, to write them to files.

        The clip has no score of its own, only the mean of its windows.
        """
        windows = [each.as_window() for each in results]
        name = 'camera' if self._camera else 'stream'
        return ClipResult(
            name,
            name,
            mean_probabilities=mean_of(windows),
            windows=windows,
            duration_s=windows[-1].end_s if windows else 0.0,
            landmarks=self.landmarks,
            warnings=self.warnings,
            reliable=is_reliable(self.warnings, self.not_sought, {})
            and all(each.reliable for each in windows),
            not_sought=self.not_sought,
        )

"""Collect the scores of one clip while they come in."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.clips.coverage import coverage_of
from emoreact_plugin.clips.landmarks import Boxes
from emoreact_plugin.preparation.mediapipe.people import ALL, said_of
from emoreact_plugin.utils.errors import InputError

from .opening import Whom
from .pipeline import ClipPipeline
from .results import ClipResult, Probabilities, WindowResult, labels_above, mean_of
from .scorers.base import check_logits
from .sources import Source
from .warning_texts import (
    ENOUGH,
    about_length,
    is_reliable,
    mostly_black,
    never_sought,
    seldom_found,
)
from .windows import Window, duration_of, plan_windows

if TYPE_CHECKING:
    from .inferencer import EmotionInferencer


class ClipJob:
    """Take one clip from its file to its result.

    Args:
        source (Source): The video.
        inferencer (EmotionInferencer): The inferencer that scores it.
        whom (Whom, optional): The person in it. Defaults to None: the one that is chosen.
        is_last (bool): Whether no other person of this video follows. Defaults to True.

    Attributes:
        result (ClipResult): The result, which is complete once :meth:`is_done` is true.
        clip (Clip | None): The clip; None until its spans are asked for, and after it has failed.
        boxes (dict[str, list]): Region -> one box per frame, None where the region was not found.
        times (np.ndarray): (T, ) seconds: when each frame is shown.
        video_id (str): ID of the clip in the pipeline; the look of its mask depends on it.
    """

    def __init__(
        self,
        source: Source,
        inferencer: 'EmotionInferencer',
        whom: Whom | None = None,
        is_last: bool = True,
    ) -> None:
        self.source, self.whom, self.is_last = source, whom, is_last
        self.inferencer = inferencer
        self.result = self._new_result()
        self.clip: Clip | None = None
        self.boxes: Boxes = {}
        self.times = np.zeros(0)
        self.video_id = ''
        self.windows: list[Window] = []
        self._scores: dict[int, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
        self._expected: int | None = None

    def _new_result(self) -> ClipResult:
        source, person = self.source, None if self.whom is None else self.whom.name
        # Files that were asked for by name are known by it.
        if person is not None and self.inferencer.opener.choice == ALL:
            return ClipResult(source.path, f'{source.name}, person {person}', person=person)
        return ClipResult(source.path, source.name)

    def spans(self) -> Iterator[tuple[int, dict]]:
        """Yield the number and the packed sample of each span of the clip that has to be scored.

        The spans are the whole clip and its windows, see :func:`pack_spans`. A clip that fails
        yields no more of them and gets an error in its result.
        """
        if self.is_done():
            return
        count = 0
        try:
            clip = self._open()
            for span in pack_spans(clip, self.inferencer.pipeline, self.windows):
                count += 1
                yield span
        except Exception as error:  # the other clips go on
            self.fail(error)
        self._expected = count
        self._finish()

    def _open(self) -> Clip:
        inferencer, result = self.inferencer, self.result
        opened = inferencer.open(self.source, self.whom)
        self.clip = clip = opened.clip
        landmarks, not_sought = opened.landmarks, opened.not_sought
        self.times = clip.times()
        duration = duration_of(self.times, clip.fps)
        self.windows = plan_windows(
            self.times, duration, inferencer.window_seconds, inferencer.stride_seconds
        )
        self.boxes = clip.landmarks.boxes(inferencer.regions, clip.size)
        result.total_frames, result.duration_s = clip.total_frames, duration
        result.landmarks, result.not_sought = landmarks, not_sought
        result.people = opened.people
        if result.people is not None and result.people['seen'] > 1 and result.person is None:
            inferencer.tell(f'{result.name}: {said_of(result.people)}')
        result.frames_without = {
            region: sum(box is None for box in each)
            for region, each in self.boxes.items()
            if region not in not_sought
        }
        result.warnings = inferencer.warnings_of(self.source.path, landmarks)
        sample = inferencer.pipeline.sample(clip.total_frames, clip.name)
        self.video_id = sample['video_id']
        result.warnings += about_length(duration, len(set(sample['frame_inds'])), clip.total_frames)
        shares = self._shares(0, clip.total_frames)
        if landmarks != 'none':
            result.warnings += [never_sought(region) for region in not_sought]
        result.warnings += [
            seldom_found(region, share) for region, share in shares.items() if share < ENOUGH
        ]
        if inferencer.pipeline.hides_face:
            black = coverage_of(clip.landmarks, clip.size).black
            result.black_body = int(black.sum())
            if black.mean() > ENOUGH:
                result.warnings.append(mostly_black(black.mean()))
        result.reliable = self._is_reliable(shares)
        return clip

    def add(self, span: int, logits: np.ndarray, streams: dict[str, np.ndarray]) -> None:
        """Add the logits (C, ) of a span: the fused ones and those of each stream."""
        try:
            check_logits(logits, self.source.path)
        except InputError as error:
            self.fail(error)
        self._scores[span] = (logits, streams)
        self._finish()

    def fail(self, error: Exception) -> None:
        """Record an error, and discard what was already scored of the clip."""
        self.result = self._new_result()
        self.result.reliable = False
        self.result.error = str(error) or type(error).__name__
        self.clip, self.boxes = None, {}

    def is_done(self) -> bool:
        """Tell whether all spans are scored, or the clip has failed."""
        return self.result.error is not None or len(self._scores) == self._expected

    def _finish(self) -> None:
        if not self.is_done() or self.result.error is not None:
            return
        result, thresholds = self.result, self.inferencer.thresholds
        result.probabilities, result.streams = self._probabilities(0)
        result.labels = labels_above(result.probabilities, thresholds)
        for k, window in enumerate(self.windows, 1):
            # A window that is the whole clip is not scored again.
            fused, streams = self._probabilities(k if k in self._scores else 0)
            found = self._shares(window.first, window.stop)
            result.windows.append(
                WindowResult(
                    window.start_s,
                    window.end_s,
                    fused,
                    labels_above(fused, thresholds),
                    streams,
                    found,
                    window.short,
                    self._is_reliable(found),
                )
            )
        result.mean_probabilities = mean_of(result.windows)

    def _shares(self, first: int, stop: int) -> dict[str, float]:
        """Return the share of some frames with each region that was looked for."""
        return {
            region: float(np.mean([box is not None for box in each[first:stop]]))
            for region, each in self.boxes.items()
            if region not in self.result.not_sought
        }

    def _is_reliable(self, shares: dict[str, float]) -> bool:
        return is_reliable(self.result.warnings, self.result.not_sought, shares)

    def _probabilities(self, span: int) -> tuple[Probabilities, dict[str, Probabilities]]:
        logits, streams = self._scores[span]
        of = self.inferencer.probabilities
        return of(logits), {name: of(each) for name, each in streams.items()}


def pack_spans(
    clip: Clip, pipeline: ClipPipeline, windows: list[Window]
) -> Iterator[tuple[int, dict]]:
    """Decode a clip once, and pack the whole of it and its windows.

    Only frames that are sampled are kept, and only until the spans that need them are packed.

    Args:
        clip (Clip): The clip.
        pipeline (ClipPipeline): The pipeline of the model.
        windows (list[Window]): The windows of the clip.

    Yields:
        tuple[int, dict]: Number and packed sample of a span, as soon as it has all its frames.
        Number 0 is the whole clip, number k is window k - 1. A window that is the whole clip is
        left out.

    Raises:
        InputError: When a frame cannot be decoded.
    """
    spans = [(0, clip.total_frames)] + [(w.first, w.stop) for w in windows]
    samples, inds = {}, {}
    for span, (first, stop) in enumerate(spans):
        if span and (first, stop) == spans[0]:
            continue
        samples[span] = pipeline.sample(stop - first, clip.name)
        inds[span] = first + samples[span]['frame_inds']
    uses = Counter(k for each in inds.values() for k in np.unique(each))
    waiting = sorted(inds, key=lambda span: inds[span].max(), reverse=True)
    frames: dict[int, np.ndarray] = {}
    for index, frame in clip.select(uses):
        frames[index] = frame
        while waiting and inds[waiting[-1]].max() <= index:
            span = waiting.pop()
            own = inds[span]
            yield (
                span,
                pipeline.pack(samples[span], [frames[k] for k in own], clip.landmarks.of(own)),
            )
            for k in np.unique(own):
                uses[k] -= 1
                if not uses[k]:
                    del frames[k]

"""Collect the scores of one clip while they come in."""

from collections.abc import Iterator

import numpy as np

from emoreact_plugin.clips.boxes import Boxes, boxes_of, shares_found
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.evaluation.functional import sigmoid

from .cautions import ENOUGH, SAMPLE_DATA, about_length, seldom_found
from .parts import packed_parts
from .results import ClipResult, WindowResult, labels_of, mean_of, probabilities_of
from .sources import Source
from .windows import Window, duration_of, plan_windows


class ClipJob:
    """Take one clip from its file to its result.

    Args:
        source (Source): The video.
        owner (EmotionInferencer): The inferencer that scores it.

    Attributes:
        result (ClipResult): The result, which is complete once :meth:`is_done` is true.
        clip (Clip | None): The clip; None until its parts are asked for, and after it has failed.
        boxes (dict[str, list]): Region -> one box per frame, None where the region was not found.
        times (np.ndarray): (T, ) seconds: when each frame is shown.
        video_id (str): ID of the clip in the pipeline; the look of its mask depends on it.
    """

    def __init__(self, source: Source, owner) -> None:
        self.source = source
        self.owner = owner
        self.result = ClipResult(source.path, source.name)
        self.clip: Clip | None = None
        self.boxes: Boxes = {}
        self.times = np.zeros(0)
        self.video_id = ''
        self.windows: list[Window] = []
        self._scores: dict[int, tuple] = {}
        self._expected: int | None = None

    def parts(self) -> Iterator[tuple[int, dict]]:
        """Yield the number and the packed sample of each part of the clip that has to be scored.

        A clip that fails yields no more parts and gets an error in its result.
        """
        count = 0
        try:
            self._open()
            for part in packed_parts(self.clip, self.owner.pipeline, self.windows, self.clip.name):
                count += 1
                yield part
        except Exception as error:  # the other clips go on
            self.fail(error)
        self._expected = count
        self._finish()

    def _open(self) -> None:
        owner = self.owner
        self.clip, landmarks = owner.open(self.source)
        clip, result = self.clip, self.result
        self.times = clip.times()
        duration = duration_of(self.times, clip.fps)
        self.windows = plan_windows(
            self.times, duration, owner.window_seconds, owner.stride_seconds
        )
        self.boxes = boxes_of(clip.landmarks, owner.regions, clip.size)
        result.total_frames, result.duration_s = clip.total_frames, duration
        result.landmarks = landmarks
        result.frames_without = {
            region: sum(box is None for box in each) for region, each in self.boxes.items()
        }
        result.warnings = owner.cautions_of(self.source.path, landmarks)
        sample = owner.pipeline.sample(clip.total_frames, clip.name)
        self.video_id = sample['video_id']
        result.warnings += about_length(duration, len(set(sample['frame_inds'])), clip.total_frames)
        shares = shares_found(self.boxes, 0, clip.total_frames)
        if landmarks != 'none':
            result.warnings += [
                seldom_found(region, share) for region, share in shares.items() if share < ENOUGH
            ]
        result.reliable = SAMPLE_DATA not in result.warnings and all(
            share >= ENOUGH for share in shares.values()
        )

    def add(self, part: int, logits: np.ndarray, streams: dict[str, np.ndarray]) -> None:
        """Add the logits (C, ) of a part: the fused ones and those of each stream."""
        self._scores[part] = (logits, streams)
        self._finish()

    def fail(self, error: Exception) -> None:
        """Record an error, and discard what was already scored of the clip."""
        self.result = ClipResult(
            self.source.path,
            self.source.name,
            reliable=False,
            error=str(error) or type(error).__name__,
        )
        self.clip, self.boxes = None, {}

    def is_done(self) -> bool:
        """Tell whether all parts are scored, or the clip has failed."""
        return self.result.error is not None or len(self._scores) == self._expected

    def _finish(self) -> None:
        if not self.is_done() or self.result.error is not None:
            return
        result, threshold = self.result, self.owner.threshold
        result.probabilities, result.streams = self._probabilities(0)
        result.labels = labels_of(result.probabilities, threshold)
        for k, window in enumerate(self.windows, 1):
            # A window that is the whole clip is not scored again.
            fused, streams = self._probabilities(k if k in self._scores else 0)
            found = shares_found(self.boxes, window.first, window.stop)
            result.windows.append(
                WindowResult(
                    window.start_s,
                    window.end_s,
                    fused,
                    labels_of(fused, threshold),
                    streams,
                    found,
                    window.short,
                    all(share >= ENOUGH for share in found.values()),
                )
            )
        result.mean_probabilities = mean_of(result.windows)

    def _probabilities(self, part: int) -> tuple:
        logits, streams = self._scores[part]
        classes = self.owner.classes
        # Here, since an ONNX file gives logits only.
        return probabilities_of(classes, sigmoid(logits)), {
            name: probabilities_of(classes, sigmoid(each)) for name, each in streams.items()
        }

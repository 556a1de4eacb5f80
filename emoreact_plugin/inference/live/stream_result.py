"""Hold the scores of the newest window of a stream."""

from dataclasses import dataclass, field, replace

import numpy as np

from emoreact_plugin.clips.regions import Box
from emoreact_plugin.inference.results import Probabilities, WindowResult


@dataclass
class StreamResult:
    """The scores of the newest window of a stream.

    Attributes:
        start_s, end_s (float): Start and end, in seconds from the first frame of the stream.
        probabilities (dict[str, float]): Emotion -> probability, 0..1.
        labels (list[str]): The emotions whose probability reaches the threshold.
        streams (dict[str, dict[str, float]]): Stream -> its own probabilities.
        found (dict[str, float]): Region -> share of the window's frames in which it was found.
        latency_ms (float): Milliseconds from the arrival of the newest frame to this result.
        landmarks_ms (float): The part of the latency in which landmarks were looked for. The rest
            is the latency without landmarks.
        dropped (int): Number of frames that were left out so far, because newer ones were already
            there.
        frame (np.ndarray | None): The newest frame, (H, W, 3) uint8, RGB; None if it was left out.
        boxes (dict[str, tuple | None]): Region -> its box in the newest frame.
        warnings (list[str]): What has to be known about these scores.
        reliable (bool): False if the scores mean little, see ``ClipResult``.
        short (bool): Whether the stream ended before the first window was complete.
    """

    start_s: float
    end_s: float
    probabilities: Probabilities
    labels: list[str]
    streams: dict[str, Probabilities]
    found: dict[str, float]
    latency_ms: float
    landmarks_ms: float
    dropped: int
    frame: np.ndarray | None
    boxes: dict[str, Box | None]
    warnings: list[str] = field(default_factory=list)
    reliable: bool = True
    short: bool = False

    @property
    def face_share(self) -> float | None:
        """Return the share of the window's frames with a face.

        It is None if the model needs no face.
        """
        return self.found.get('face')

    def without_frame(self) -> 'StreamResult':
        """Return a copy without the picture, which can be kept."""
        return replace(self, frame=None)

    def as_window(self) -> WindowResult:
        """Return the scores as those of a window of a clip."""
        return WindowResult(
            self.start_s,
            self.end_s,
            self.probabilities,
            self.labels,
            self.streams,
            self.found,
            self.short,
            self.reliable,
        )

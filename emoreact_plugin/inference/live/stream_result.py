"""Hold the scores of the newest window of a stream."""

from dataclasses import dataclass, fields, replace

import numpy as np

from emoreact_plugin.clips.regions import Box
from emoreact_plugin.inference.results import WindowResult


@dataclass(repr=False, kw_only=True)
class StreamResult(WindowResult):
    """The scores of the newest window of a stream, with what a ``WindowResult`` has.

    ``short`` says that the stream ended before the first window was complete.

    Attributes:
        latency_ms (float): Milliseconds from the arrival of the newest frame to this result.
        landmarks_ms (float): The part of the latency in which landmarks were looked for. The rest
            is the latency without landmarks.
        dropped (int): Number of frames that were left out so far, because newer ones were already
            there.
        frame (np.ndarray | None): The newest frame, (H, W, 3) uint8, RGB; None if it was left out.
        boxes (dict[str, tuple | None]): Region -> its box in the newest frame.
        warnings (list[str]): What has to be known about these scores.
    """

    latency_ms: float
    landmarks_ms: float
    dropped: int
    frame: np.ndarray | None
    boxes: dict[str, Box | None]
    warnings: list[str]

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
        return WindowResult(*(getattr(self, each.name) for each in fields(WindowResult)))

"""Define how clips are scored, whatever runs the network."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config

from emoreact_plugin.evaluation import Calibration
from emoreact_plugin.utils.errors import InputError


class Scores(NamedTuple):
    """Logits of N clips and C classes.

    Attributes:
        logits (np.ndarray): (N, C) float32, fused.
        streams (dict[str, np.ndarray]): Stream -> (N, C) float32 logits; empty for a recognizer
            without streams.
    """

    logits: np.ndarray
    streams: dict[str, np.ndarray]


def check_logits(logits: np.ndarray, source: str) -> None:
    """Refuse the logits of a clip that are not finite.

    Args:
        logits (np.ndarray): (C,).
        source (str): The clip, for the error.

    Raises:
        InputError: If one is NaN or infinite.
    """
    if not np.isfinite(logits).all():
        raise InputError(
            f'{source}: expected finite logits, found {logits.tolist()}; the checkpoint may be at '
            'fault'
        )


class Scorer(ABC):
    """Score packed clips, see ``ClipPipeline.pack``.

    Attributes:
        cfg (Config): The configuration of the recognizer.
        dataset_meta (dict): What is known about its training data.
        classes (tuple[str, ...]): C names.
        thresholds (np.ndarray): (C,), probability of each class from which it is a label.
        calibration (Calibration | None): What was chosen on val, if the checkpoint has it: the
            thresholds are of it then, and probabilities are calibrated.
    """

    cfg: Config
    dataset_meta: dict
    classes: tuple[str, ...]
    thresholds: np.ndarray
    calibration: Calibration | None = None

    @abstractmethod
    def __call__(self, clips: list[dict]) -> Scores:
        """Score a batch of N packed clips."""

    def _set_thresholds(self, threshold: float, meta: Any, source: str) -> None:
        """Take the thresholds of the calibration in a checkpoint, else the one of the model."""
        self.thresholds = np.full(len(self.classes), threshold)
        if meta:
            self.calibration = Calibration.of_meta(meta, self.classes, source)
            self.thresholds = np.array([self.calibration.thresholds[c] for c in self.classes])

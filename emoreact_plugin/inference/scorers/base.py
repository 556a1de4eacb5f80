"""Define how clips are scored, whatever runs the network."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from mmengine.config import Config


class Scores(NamedTuple):
    """Logits of N clips and C classes.

    Attributes:
        logits (np.ndarray): (N, C) float32, fused.
        streams (dict[str, np.ndarray]): Stream -> (N, C) float32 logits; empty for a recognizer
            without streams.
    """

    logits: np.ndarray
    streams: dict[str, np.ndarray]


class Scorer(ABC):
    """Score packed clips, see ``ClipPipeline.pack``.

    Attributes:
        cfg (Config): The configuration of the recognizer.
        dataset_meta (dict): What is known about its training data.
        classes (tuple[str, ...]): C names.
        threshold (float): Probability from which a label is predicted.
    """

    cfg: Config
    dataset_meta: dict
    classes: tuple[str, ...]
    threshold: float

    @abstractmethod
    def __call__(self, clips: list[dict]) -> Scores:
        """Score a batch of N packed clips."""

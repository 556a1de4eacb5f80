"""Run training and testing: Runner, hooks, flags, and both as functions."""

from .console import ConsoleHook
from .epoch_scores import EpochScoresHook
from .exact_resume import ExactResumeHook
from .final_test import FinalTestHook
from .runner import EmoReactRunner
from .skipped_clips import SkippedClipsHook
from .splits_check import SplitsCheckHook
from .tensorboard import ROCAUCChartHook, TensorboardTrainingBackend

__all__ = [
    'ConsoleHook',
    'EmoReactRunner',
    'EpochScoresHook',
    'ExactResumeHook',
    'FinalTestHook',
    'ROCAUCChartHook',
    'SkippedClipsHook',
    'SplitsCheckHook',
    'TensorboardTrainingBackend',
]

"""Run training and testing: Runner, hooks, flags, and both as functions."""

from .console import ConsoleHook
from .epoch_scores import EpochScoresHook
from .exact_resume import ExactResumeHook
from .final_test import FinalTestHook
from .finite import FiniteHook
from .runner import EmoReactRunner
from .safe_checkpoints import SafeCheckpointHook
from .skipped_clips import SkippedClipsHook
from .splits_check import SplitsCheckHook
from .tensorboard import ROCAUCChartHook, TensorboardTrainingBackend
from .work_dir import WorkDirHook

__all__ = [
    'ConsoleHook',
    'EmoReactRunner',
    'EpochScoresHook',
    'ExactResumeHook',
    'FinalTestHook',
    'FiniteHook',
    'ROCAUCChartHook',
    'SafeCheckpointHook',
    'SkippedClipsHook',
    'SplitsCheckHook',
    'TensorboardTrainingBackend',
    'WorkDirHook',
]

"""Run training and testing: Runner, hooks, flags, and both as functions."""

from .exact_resume import ExactResumeHook
from .tensorboard import ROCAUCChartHook, TensorboardTrainingBackend

__all__ = ['ExactResumeHook', 'ROCAUCChartHook', 'TensorboardTrainingBackend']

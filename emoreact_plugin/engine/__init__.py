"""Runner, hooks, flags, and training and testing as functions."""

from .exact_resume import ExactResumeHook
from .tensorboard import ROCAUCChartHook, TensorboardTrainingBackend

__all__ = ['ExactResumeHook', 'ROCAUCChartHook', 'TensorboardTrainingBackend']

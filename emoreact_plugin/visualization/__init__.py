from .plots import plot_rows, save_figure, save_figures, to_image
from .roc_plots import MAX_RUNS, plot_roc_bars, plot_roc_curves
from .tensorboard import (
    ROCAUCChartHook,
    TensorboardTrainingBackend,
    add_tensorboard,
    without_tensorboard,
)

__all__ = [
    'MAX_RUNS',
    'ROCAUCChartHook',
    'TensorboardTrainingBackend',
    'add_tensorboard',
    'plot_roc_bars',
    'plot_roc_curves',
    'plot_rows',
    'save_figure',
    'save_figures',
    'to_image',
    'without_tensorboard',
]

"""Draw figures and sheets from arrays."""

from .plots import plot_rows, save_figure, save_figures, to_image
from .roc_plots import MAX_RUNS, plot_roc_bars, plot_roc_curves

__all__ = [
    'MAX_RUNS',
    'plot_roc_bars',
    'plot_roc_curves',
    'plot_rows',
    'save_figure',
    'save_figures',
    'to_image',
]

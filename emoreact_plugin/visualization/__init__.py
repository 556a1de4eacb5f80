from .plots import plot_rows, save_figure

__all__ = ['plot_rows', 'save_figure']

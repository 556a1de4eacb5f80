"""Draw figures for papers that are readable at column width and by the colour-blind."""

import os.path as osp
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emoreact_plugin.utils.files import write_whole

from .text import STYLE

# Okabe and Ito (2008), Color Universal Design.
BLUE, ORANGE, GREEN, BLACK = '#0072B2', '#E69F00', '#009E73', '#000000'
SKY, VERMILLION, PURPLE = '#56B4E9', '#D55E00', '#CC79A7'
GRAY = '#999999'
FIGURE_ENDINGS = ('.png', '.svg')
COLUMN_WIDTH = 3.5  # inches, of a two-column page


def plot_rows(
    titles: Sequence[str],
    runs: dict[str, Sequence[np.ndarray]],
    intervals: dict[str, Sequence[tuple[float, float]]],
    published: Sequence[float | None] = (),
    priors: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Draw the ROC AUC of some rows: mean, interval and every run.

    Args:
        titles (Sequence[str]): R names, drawn from the top.
        runs (dict[str, Sequence[np.ndarray]]): Average (``'macro'``, ``'micro'``), each of which is
            a panel -> for each row the ROC AUC of its runs (S, ).
        intervals (dict[str, Sequence[tuple[float, float]]]): Average -> low and high for each row.
        published (Sequence[float | None]): Published value of each row. It is drawn in every panel,
            because its averaging is not stated.
        priors (Mapping[str, Mapping[str, float]], optional): Name of a prior -> average -> its ROC
            AUC; at most two.

    Returns:
        Figure: The figure.
    """
    published = list(published) or [None] * len(titles)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2 * COLUMN_WIDTH, 0.9 + 0.26 * len(titles)), layout='constrained')
        panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
        for axes, (average, values) in zip(panels, runs.items(), strict=True):
            _panel(axes, average, values, intervals[average], published)
            for (name, reached), style in zip((priors or {}).items(), (':', '-'), strict=False):
                axes.axvline(
                    reached[average], color=BLACK, linestyle=style, linewidth=0.8, label=name
                )
            axes.set_yticks(range(len(titles)), titles)
        panels[0].set_ylim(len(titles) - 0.4, -0.5)  # the first at the top
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=3, frameon=False)
    return figure


def to_image(figure: Figure, dpi: int = 150) -> np.ndarray:
    """Render a figure as pixels, (H, W, 3) uint8, RGB."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_figures(figure: Figure, stem: str, endings: Sequence[str] = FIGURE_ENDINGS) -> list[str]:
    """Write a figure in several formats, by default PNG and SVG, and return the paths."""
    paths = [f'{stem}{ending}' for ending in endings]
    for path in paths:
        save_figure(figure, path)
    return paths


def save_figure(figure: Figure, path: str) -> None:
    """Write a figure to a file that is never seen half written.

    Args:
        figure (Figure): The figure of matplotlib.
        path (str): Path of the file, whose ending gives the format: png, svg or pdf.
    """
    # Text of an SVG stays text, for whoever edits it.
    with write_whole(path) as temporary, matplotlib.rc_context({'svg.fonttype': 'none'}):
        figure.savefig(temporary, dpi=200, format=osp.splitext(path)[1][1:])


def _panel(
    axes: Axes,
    average: str,
    values: Sequence[np.ndarray],
    intervals: Sequence[tuple[float, float]],
    published: Sequence[float | None],
) -> None:
    places = np.arange(len(values))
    means = np.array([np.mean(v) for v in values])
    low, high = np.array(intervals, dtype=float).T
    axes.hlines(
        places, low, high, color=BLUE, linewidth=2.2, alpha=0.35, label='95 % interval of the mean'
    )
    axes.plot(means, places, 'o', color=BLUE, markersize=4, label='mean over seeds')
    axes.plot(
        np.concatenate(values),
        np.repeat(places + 0.24, [len(v) for v in values]),
        '|',
        color=BLUE,
        markersize=4,
        markeredgewidth=0.8,
        label='a seed',
    )
    there = [(p, k) for k, p in enumerate(published) if p is not None]
    if there:
        axes.plot(
            *zip(*there, strict=True),
            'D',
            color=ORANGE,
            markersize=4,
            markeredgecolor=BLACK,
            markeredgewidth=0.5,
            label='published, averaging not stated',
        )
    axes.set_xlabel(f'ROC AUC, {average}')
    clean_axes(axes)


def clean_axes(
    axes: Axes, grid: Literal['x', 'y'] = 'x', without: Sequence[str] = ('top', 'right')
) -> None:
    """Draw thin grid lines along one axis, below the data, and leave out some sides of the frame.

    Args:
        axes (Axes): Of matplotlib.
        grid (str): ``'x'`` or ``'y'``.
        without (Sequence[str]): The sides to leave out.
    """
    axes.grid(axis=grid, linewidth=0.4, alpha=0.5)
    axes.spines[list(without)].set_visible(False)
    axes.set_axisbelow(True)


def write_counts(
    axes: Axes, widths: Iterable[float], places: Iterable[float], counts: Iterable[float], size: int
) -> None:
    """Write a count to the right of each horizontal bar.

    Args:
        axes (Axes): Of matplotlib.
        widths (Iterable[float]): Where each bar ends.
        places (Iterable[float]): Where the middle of each bar is.
        counts (Iterable[float]): A whole number for each bar.
        size (int): Size of the font.
    """
    for width, place, count in zip(widths, places, counts, strict=True):
        axes.annotate(
            str(int(count)),
            (width, place),
            (1.5, 0),
            textcoords='offset points',
            va='center',
            fontsize=size,
        )

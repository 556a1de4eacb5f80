"""Show a data set at a glance, in one figure."""

from collections.abc import Sequence

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .plots import BLACK, BLUE, COLUMN_WIDTH, GREEN, ORANGE, clean_axes, write_counts
from .text import STYLE

# One for each of three splits, which are told apart by grey as well.
COLORS = (BLUE, ORANGE, GREEN)
BINS, SHARE_BINS = 25, 10


def plot_dataset(
    classes: Sequence[str],
    labels: dict[str, np.ndarray],
    lengths: dict[str, Sequence[float]],
    no_face: dict[str, Sequence[float]],
    unit: str = 's',
) -> Figure:
    """Draw label counts, co-occurrence, lengths and faces.

    Args:
        classes (Sequence[str]): C names.
        labels (dict[str, np.ndarray]): Split -> (N, C), 0 or 1.
        lengths (dict[str, Sequence[float]]): Split -> length of each clip.
        no_face (dict[str, Sequence[float]]): Split -> share of the frames of each clip that show no
            face, 0..1.
        unit (str): Unit of the lengths. Defaults to ``'s'``.

    Returns:
        Figure: A figure with four panels.
    """
    with matplotlib.rc_context(STYLE):
        height = 1.2 + 0.19 * len(classes)
        figure = Figure(figsize=(2 * COLUMN_WIDTH, height + 1.9), layout='constrained')
        panels = figure.subplots(2, 2, height_ratios=(height, 1.9))
        _counts(panels[0, 0], classes, labels)
        _pairs(figure, panels[0, 1], classes, labels)
        _lengths(panels[1, 0], lengths, f'length of a clip ({unit})')
        _shares(panels[1, 1], no_face, 'frames of a clip without a face')
        handles, names = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc='outside upper center', ncols=len(names), frameon=False)
    return figure


def _counts(axes: Axes, classes: Sequence[str], labels: dict[str, np.ndarray]) -> None:
    """Draw side by side each split's share of clips per label, with their number."""
    thick = 0.8 / max(len(labels), 1)
    for k, (split, each) in enumerate(labels.items()):
        places = np.arange(len(classes)) + (k + 0.5) * thick - 0.4
        shares = each.mean(axis=0) if len(each) else np.zeros(len(classes))
        axes.barh(
            places,
            shares,
            thick,
            color=COLORS[k % len(COLORS)],
            label=f'{split}, {len(each)} clips',
        )
        write_counts(axes, shares, places, each.sum(axis=0), 5)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_ylim(len(classes) - 0.5, -0.5)  # the first at the top
    axes.margins(x=0.08)
    axes.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, 0))
    axes.set_xlabel('clips with the label (beside it: how many)')
    clean_axes(axes)


def _pairs(
    figure: Figure, axes: Axes, classes: Sequence[str], labels: dict[str, np.ndarray]
) -> None:
    """Draw the share of the clips with the row's label that also have the column's label."""
    every = np.concatenate(list(labels.values())).astype(float)
    counts = every.T @ every
    totals = np.diag(counts)[:, None]
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    image = axes.imshow(shares, cmap='Blues', vmin=0, vmax=1, aspect='auto')
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column,
            row,
            str(int(count)),
            ha='center',
            va='center',
            fontsize=5,
            color='white' if shares[row, column] > 0.6 else BLACK,
        )
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha='right', rotation_mode='anchor')
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel('clips with both labels')
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
    bar.ax.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
    bar.set_label("of the row's clips")


def _lengths(axes: Axes, values: dict[str, Sequence[float]], title: str) -> None:
    """Draw a histogram with the splits stacked on top of each other."""
    every = [v for each in values.values() for v in each]
    if every:
        low, high = min(every), max(every)
        # Lengths that are equal, or nearly, fill one narrow bar in the middle.
        more = max(0, 0.1 * (high or 1) - (high - low)) / 2
        edges = np.linspace(low - more, high + more, BINS + 1).tolist()
        axes.hist(list(values.values()), edges, stacked=True, color=_colors(values))
    else:
        _not_known(axes)
    axes.set_xlabel(title)
    axes.set_ylabel('clips')
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
    clean_axes(axes, 'y')


def _shares(axes: Axes, values: dict[str, Sequence[float]], title: str) -> None:
    """Draw a histogram from 0 to 1 with the splits side by side in each step, and one of none.

    Its height is logarithmic, because the few clips at its right are the ones that matter.
    """
    if any(len(each) for each in values.values()):
        step = 1 / SHARE_BINS
        edges = [-step, *np.linspace(0, 1, SHARE_BINS + 1)]
        shares = [np.clip(each, 0, 1) for each in values.values()]
        shown = [np.where(each == 0, -step / 2, each) for each in shares]
        axes.hist(shown, edges, color=_colors(values))
        axes.set_yscale('log')
        axes.set_ylim(bottom=0.7)
        axes.yaxis.set_major_formatter('{x:.0f}')
        axes.yaxis.set_minor_formatter(matplotlib.ticker.LogFormatter())  # not 3 x 10^0
    else:
        _not_known(axes)
    axes.set_xlim(-0.5 / SHARE_BINS - 0.07, 1.02)
    marks = np.linspace(0.2, 1, 5)
    axes.set_xticks([-0.5 / SHARE_BINS, *marks], ['none', *(f'{mark:.0%}' for mark in marks)])
    axes.set_xlabel(f'{title}, in steps of {1 / SHARE_BINS:.0%}')
    axes.set_ylabel('clips, logarithmic')
    clean_axes(axes, 'y')


def _colors(values: dict[str, Sequence[float]]) -> list[str]:
    return [COLORS[k % len(COLORS)] for k in range(len(values))]


def _not_known(axes: Axes) -> None:
    axes.text(0.5, 0.5, 'not known', ha='center', va='center', transform=axes.transAxes)

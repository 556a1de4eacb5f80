"""Draw ROC curves and the ROC AUC of each class, for one run or several side by side."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from emoreact_plugin.evaluation import bootstrap_weights, mean_roc_curve, roc_auc, roc_band
from emoreact_plugin.utils.errors import InputError

from .plots import (
    BLACK,
    BLUE,
    COLUMN_WIDTH,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    clean_axes,
    write_counts,
)
from .text import STYLE

# Told apart without colours by the line, or by the order and hatch of bars.
STYLES = (
    (BLUE, '-', ''),
    (ORANGE, '--', '/////'),
    (BLACK, ':', ''),
    (GREEN, '-.', '.....'),
    (SKY, (0, (7, 2)), ''),
    (VERMILLION, (0, (3, 1, 1, 1, 1, 1)), '\\\\\\\\\\'),
    (PURPLE, (0, (5, 1, 1, 1)), '-----'),
)
MAX_RUNS = len(STYLES)
AVERAGES = ('macro', 'micro')
PRIOR_STYLES = ((0, (1, 1)), '-')
PANELS = 4  # in a row
GRID = np.linspace(0, 1, 101)

_CHANCE, _INTERVAL = 'chance', '95 % interval'
_BAND = '95 % interval at each rate'
_REST = (_CHANCE, _INTERVAL, _BAND)

Interval = tuple[float, float]


def plot_roc_curves(
    classes: Sequence[str],
    labels: np.ndarray,
    scores: dict[str, np.ndarray],
    intervals: Sequence[Interval] | None = None,
    groups: Sequence[str] | None = None,
) -> Figure:
    """Draw ROC curves, with one panel per class.

    The line of a run of several seeds is the vertical average of their curves, whose area is the
    mean of their ROC AUC. A single run also gets the ROC AUC of each class, thin lines for its
    seeds and a band.

    Args:
        classes (Sequence[str]): C names.
        labels (np.ndarray): (N, C), 0 or 1.
        scores (dict[str, np.ndarray]): Run -> (S, N, C), finite, of any scale; at most
            :data:`MAX_RUNS`.
        intervals (Sequence[tuple[float, float]], optional): For each class the 95 % interval of the
            ROC AUC of a single run.
        groups (Sequence[str], optional): N groups, drawn as a whole for the band of a single run.
            Defaults to None: clips are drawn.

    Returns:
        Figure: A figure as wide as two columns of a page.

    Raises:
        InputError: If there are no runs, or too many.
    """
    _check_count(scores)
    columns = min(PANELS, len(classes))
    rows = -(-len(classes) // columns)
    alone = next(iter(scores.values())) if len(scores) == 1 else None
    with _settings():
        width = 2 * COLUMN_WIDTH * (0.25 + 0.75 * columns / PANELS)
        side = width / columns
        figure = Figure(
            # A panel with its title of one or two lines; legend and labels.
            figsize=(
                width,
                (side + 0.1 + 0.11 * (alone is not None)) * rows + 0.4 + 0.04 * len(scores),
            ),
            layout='constrained',
        )
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for k, axes in enumerate(panels):
            if k >= len(classes):
                axes.set_axis_off()
                continue
            truth = labels[:, k]
            title = f'{classes[k]}, {int(truth.sum())} of {len(truth)}'
            _frame(axes, left=k % columns == 0, bottom=k + columns >= len(classes))
            if truth.min() == truth.max():
                _not_defined(axes, truth)
            elif alone is None:
                _runs(axes, truth, {n: s[:, :, k] for n, s in scores.items()})
            else:
                _run(axes, truth, alone[:, :, k], groups)
                title += '\n' + _value(
                    float(np.mean([roc_auc(s, labels)[k] for s in alone])),
                    intervals[k] if intervals else None,
                )
            axes.set_title(title, loc='left')
        _legend(figure, panels[: len(classes)])
    return figure


def plot_roc_bars(
    classes: Sequence[str],
    values: Mapping[str, Mapping[str, float | None]],
    intervals: dict[str, dict[str, Interval]] | None = None,
    labels: np.ndarray | None = None,
    priors: Mapping[str, Mapping[str, float | None]] | None = None,
) -> Figure:
    """Draw the ROC AUC of each class, macro and micro as bars.

    With ``labels``, the number of positives of each class is drawn beside them. Bars start at 0.5,
    which is chance for a class and for macro.

    Args:
        classes (Sequence[str]): C names.
        values (Mapping[str, Mapping[str, float | None]]): Run -> metric (a class, ``'macro'`` or
            ``'micro'``) -> ROC AUC; None or NaN if it is not defined. At most :data:`MAX_RUNS`
            runs.
        intervals (dict[str, dict[str, tuple[float, float]]], optional): Run -> metric -> low and
            high.
        labels (np.ndarray, optional): (N, C), 0 or 1.
        priors (Mapping[str, Mapping[str, float | None]], optional): Name of a prior -> metric ->
            ROC AUC, drawn as lines where it is not 0.5; at most two priors.

    Returns:
        Figure: A figure as wide as one column of a page.

    Raises:
        InputError: If there are no runs, or too many.
    """
    _check_count(values)
    metrics = [*classes, *AVERAGES]
    with _settings():
        group = max(0.2, 0.07 + 0.08 * len(values))
        lines = (len(values) + 2 if len(values) > 1 else 2) + max(0, len(priors or {}) - 1)
        figure = Figure(
            figsize=(COLUMN_WIDTH, 0.4 + 0.1 * lines + group * len(metrics)), layout='constrained'
        )
        counted = labels is not None
        panels = figure.subplots(
            1, 1 + counted, sharey=True, squeeze=False, width_ratios=(3, 1)[: 1 + counted]
        )[0]
        _bars(panels[0], metrics, values, intervals or {})
        _priors(panels[0], metrics, priors or {})
        if labels is not None:
            _counts(panels[1], labels)
        panels[0].set_yticks(range(len(metrics)), metrics)
        panels[0].set_ylim(len(metrics) - 0.45, -0.55)  # the first at the top
        _legend(figure, panels[:1], tuple(priors or ()))
    return figure


def _priors(
    axes: Axes, metrics: Sequence[str], priors: Mapping[str, Mapping[str, float | None]]
) -> None:
    """Draw what each prior reaches as a short line across the bars of a metric."""
    for (name, reached), style in zip(priors.items(), PRIOR_STYLES, strict=False):
        values = {place: reached.get(metric) for place, metric in enumerate(metrics)}
        ends = {
            place: value
            for place, value in values.items()
            if value is not None and not np.isnan(value) and not np.isclose(value, 0.5)
        }
        places = np.array(list(ends))
        axes.vlines(
            list(ends.values()),
            places - 0.45,
            places + 0.45,
            color=BLACK,
            linestyle=style,
            linewidth=1.2,
            label=name,
        )
        _show(axes, list(ends.values()))


def _settings() -> AbstractContextManager[None]:
    return matplotlib.rc_context({**STYLE, 'axes.titlesize': 7, 'hatch.linewidth': 0.5})


def _check_count(runs: Mapping[str, object]) -> None:
    if not 1 <= len(runs) <= MAX_RUNS:
        raise InputError(f'expected 1 to {MAX_RUNS} runs in one figure, found {len(runs)}')


def _frame(axes: Axes, left: bool, bottom: bool) -> None:
    axes.plot([0, 1], [0, 1], color=GRAY, linewidth=0.6, zorder=1, label=_CHANCE)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axes.xaxis.set_major_formatter('{x:g}')
    axes.yaxis.set_major_formatter('{x:g}')
    axes.tick_params(labelbottom=bottom)
    axes.set_xlabel('false positive rate' if bottom else '')
    axes.set_ylabel('true positive rate' if left else '')
    axes.spines[['top', 'right']].set_visible(False)


def _not_defined(axes: Axes, truth: np.ndarray) -> None:
    lacking = 'negatives' if truth.min() else 'positives'
    axes.text(
        0.5,
        0.5,
        f'not defined:\n0 {lacking}',
        ha='center',
        va='center',
        bbox=dict(color='white', pad=1),
    )


def _runs(axes: Axes, truth: np.ndarray, scores: dict[str, np.ndarray]) -> None:
    for (name, each), (color, line, _) in zip(scores.items(), STYLES, strict=False):
        axes.plot(
            *mean_roc_curve(each, truth), color=color, linestyle=line, linewidth=1, label=name
        )


def _run(axes: Axes, truth: np.ndarray, scores: np.ndarray, groups: Sequence[str] | None) -> None:
    band = roc_band(scores, truth, bootstrap_weights(len(truth), groups), GRID)
    axes.fill_between(GRID, *band, color=BLUE, alpha=0.2, linewidth=0, label=_BAND)
    several = len(scores) > 1
    for k, each in enumerate(scores if several else ()):
        axes.plot(
            *mean_roc_curve(each[np.newaxis], truth),
            color=BLUE,
            linewidth=0.4,
            alpha=0.6,
            label='a seed' if not k else None,
        )
    axes.plot(
        *mean_roc_curve(scores, truth),
        color=BLUE,
        linewidth=1,
        label=f'mean of {len(scores)} seeds' if several else 'ROC curve',
    )


def _value(value: float, limits: Interval | None) -> str:
    text = f'ROC AUC {value:.2f}'
    if limits is None:
        return text
    known = not np.isnan(limits[0])
    return text + (f' ({limits[0]:.2f} to {limits[1]:.2f})' if known else ' (no interval)')


def _bars(
    axes: Axes,
    metrics: Sequence[str],
    values: Mapping[str, Mapping[str, float | None]],
    intervals: dict[str, dict[str, Interval]],
) -> None:
    thick = 0.8 / len(values)
    heights = np.array([[run.get(m) for m in metrics] for run in values.values()], dtype=float)
    axes.set_xlim(0.5, 1)
    _show(axes, heights)
    for r, name in enumerate(values):
        color, _, hatch = STYLES[r]
        places = np.arange(len(metrics)) + (r + 0.5) * thick - 0.4
        axes.barh(
            places,
            heights[r] - 0.5,
            thick,
            left=0.5,
            color=color,
            # A bar without length is seen by its edge.
            edgecolor=[color if height == 0.5 else 'white' for height in heights[r]],
            linewidth=[2.0 if height == 0.5 else 0.3 for height in heights[r]],
            hatch=hatch,
            label=name,
        )
        limits = np.array([intervals.get(name, {}).get(m, (np.nan, np.nan)) for m in metrics])
        axes.hlines(
            places,
            *limits.T,
            color=BLACK,
            linewidth=0.6,
            path_effects=[withStroke(linewidth=1.5, foreground='white')],
            label=_INTERVAL if name in intervals and not r else '',
        )
        _show(axes, limits)
    for place in np.flatnonzero(np.isnan(heights).all(axis=0)):
        axes.annotate('not defined', (0.5, place), (2, 0), va='center', textcoords='offset points')
    axes.axvline(0.5, color=BLACK, linewidth=0.6)
    axes.axhline(len(metrics) - len(AVERAGES) - 0.5, color=GRAY, linewidth=0.5)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, steps=(1, 2, 5, 10)))
    axes.set_xlabel('ROC AUC')
    axes.tick_params(axis='y', length=0)
    clean_axes(axes, without=('top', 'right', 'left'))


def _show(axes: Axes, values: ArrayLike) -> None:
    """Let the axis start at the tenth below the lowest value, if it starts above it."""
    lowest = np.nanmin([axes.get_xlim()[0], *np.ravel(values)])
    axes.set_xlim(left=np.floor(lowest * 10) / 10)


def _counts(axes: Axes, labels: np.ndarray) -> None:
    counts = np.asarray(labels).sum(axis=0)
    places = np.arange(len(counts))
    axes.barh(places, counts, 0.6, color=GRAY)
    write_counts(axes, counts, places, counts, 6)
    axes.set_xlim(0, 1.6 * max(counts.max(), 1))
    axes.set_xlabel(f'positives\nof {len(labels)} clips')
    axes.set_xticks([])
    axes.tick_params(axis='y', length=0)
    axes.spines[['top', 'right', 'bottom']].set_visible(False)


def _legend(figure: Figure, panels: Iterable[Axes], last: tuple[str, ...] = ()) -> None:
    """Draw one legend for all panels, below them: first the runs, then the rest."""
    entries: dict[str, Artist] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    names = sorted(entries, key=(*_REST, *last).__contains__)
    names.sort(key=last.__contains__)
    # About 18 letters of this size are an inch; a handle takes 7.
    room = figure.get_figwidth() * 18 // (max(map(len, names)) + 7)
    figure.legend(
        [entries[name] for name in names],
        names,
        loc='outside lower center',
        ncols=int(max(1, min(room, len(names)))),
        frameon=False,
        handlelength=2.5,
    )

"""Report the ROC curves of some runs: figures, a table and CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from emoreact_plugin.plots.plots import FIGURE_ENDINGS, save_figures
from emoreact_plugin.plots.roc_plots import MAX_RUNS, plot_roc_bars, plot_roc_curves
from emoreact_plugin.utils.tables import score_cell, span_cell, text_table

from .comparisons import AVERAGES
from .report import number_csv
from .scores import Scores
from .table import Summary


@dataclass(frozen=True)
class RunScore:
    """ROC AUC of a run for one class, macro or micro.

    Attributes:
        metric (str): A class, ``'macro'`` or ``'micro'``.
        run (str): Name of the run.
        positives (int): How many clips have the label; for an average, how many positive labels
            there are.
        clips (int): How many clips there are.
        seeds (int): How many trainings there are.
        roc_auc (float): Mean over the seeds; NaN if it is not defined.
        low (float): Lower end of the 95 % interval of that mean.
        high (float): Upper end of that interval.
    """

    metric: str
    run: str
    positives: int
    clips: int
    seeds: int
    roc_auc: float
    low: float
    high: float


def run_scores(scores: dict[str, Scores], summaries: dict[str, Summary]) -> list[RunScore]:
    """Collect the numbers that :func:`save_roc_figures` draws.

    Args:
        scores (dict[str, Scores]): Run -> scores, all of the same clips.
        summaries (dict[str, Summary]): Run -> summary.

    Returns:
        list[RunScore]: By metric, then by run.
    """
    first = next(iter(scores.values()))
    counts = dict(zip(first.classes, first.labels.sum(axis=0).tolist(), strict=True))
    return [
        RunScore(
            metric,
            run,
            int(counts.get(metric, first.labels.sum())),
            len(first.labels),
            len(summary.runs[metric]),
            float(summary.runs[metric].mean()),
            *summary.intervals[metric],
        )
        for metric in (*first.classes, *AVERAGES)
        for run, summary in summaries.items()
    ]


def scores_text(lines: Sequence[RunScore]) -> str:
    """Format scores as a text table, with one line for each metric and run."""
    rows = [('ROC AUC', 'positives', 'run', 'mean', '95 % interval')]
    before = None
    for each in lines:
        value = 'not defined' if np.isnan(each.roc_auc) else score_cell(each.roc_auc)
        count = '' if each.metric in AVERAGES else (f'{each.positives} of {each.clips}')
        head = (each.metric, count) if each.metric != before else ('', '')
        rows.append((*head, each.run, value, span_cell(each.low, each.high)))
        before = each.metric
    return text_table(rows, right=False)


def scores_csv(lines: Sequence[RunScore]) -> str:
    """Format scores as CSV for other programs; what is not defined is empty."""
    head = [field.name for field in fields(RunScore)]
    return number_csv(head, [astuple(line) for line in lines])


def save_roc_figures(
    stem: str,
    scores: dict[str, Scores],
    summaries: dict[str, Summary],
    priors: Mapping[str, Mapping[str, float | None]] | None = None,
    groups: Sequence[str] | None = None,
    endings: Sequence[str] = FIGURE_ENDINGS,
) -> list[str]:
    """Draw and write ROC curves, and bars of the ROC AUC of each class.

    Args:
        stem (str): Path without ending: ``<stem>.png`` has the curves, ``<stem>_bars.png`` the
            bars. If there are more runs than fit, the others are in ``<stem>_2.png``,
            ``<stem>_bars_2.png`` and so on.
        scores (dict[str, Scores]): Name of each run -> scores, all of the same clips.
        summaries (dict[str, Summary]): Name of each run -> summary.
        priors (Mapping[str, Mapping[str, float | None]], optional): Name of a prior -> metric ->
            ROC AUC.
        groups (Sequence[str], optional): N groups that are drawn as a whole, for the band of a
            single run.
        endings (Sequence[str]): Endings of the files, such as ``'.pdf'``.

    Returns:
        list[str]: Paths of the files.
    """
    names = list(scores)
    first = scores[names[0]]
    paths = []
    for start in range(0, len(names), MAX_RUNS):
        part = names[start : start + MAX_RUNS]
        limits = {name: summaries[name].intervals for name in part}
        curves = plot_roc_curves(
            first.classes,
            first.labels,
            {name: scores[name].logits for name in part},
            [limits[part[0]][each] for each in first.classes] if len(part) == 1 else None,
            groups,
        )
        bars = plot_roc_bars(
            first.classes,
            {name: summaries[name].means for name in part},
            limits,
            first.labels,
            priors,
        )
        more = f'_{start // MAX_RUNS + 1}' if start else ''
        for figure, what in ((curves, ''), (bars, '_bars')):
            paths += save_figures(figure, f'{stem}{what}{more}', endings)
    return paths

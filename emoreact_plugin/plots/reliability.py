"""Draw how far probabilities can be taken at their word."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emoreact_plugin.evaluation.calibration import calibration_error, reliability

from .plots import BLACK, BLUE, COLUMN_WIDTH, GRAY, VERMILLION
from .text import STYLE

STYLES = ((BLUE, 'o-'), (VERMILLION, 's--'))


def plot_reliability(labels: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> Figure:
    """Draw the share of positives against the probability, over all decisions.

    Args:
        labels (np.ndarray): (N, C), 0 or 1.
        probabilities (Mapping[str, np.ndarray]): What they are -> (N, C) in 0..1; one or two.

    Returns:
        Figure: The curves above, and below how many decisions have such a probability. The
        diagonal is where probabilities are right.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 1.3 * COLUMN_WIDTH), layout='constrained')
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot([0, 1], [0, 1], color=GRAY, linewidth=0.6, label='perfect calibration')
        for (name, values), (color, style) in zip(probabilities.items(), STYLES, strict=False):
            mean, share, count = reliability(values.ravel(), labels.ravel())
            error = calibration_error(values.reshape(-1, 1), labels.reshape(-1, 1))[0]
            label = f'{name}, error {error:.3f}'
            shown = dict(color=color, markersize=3, linewidth=1, clip_on=False)
            above.plot(mean, share, style, label=label, **shown)
            below.plot(mean, count, style, **shown)
        above.set(xlim=(0, 1), ylim=(0, 1), ylabel='share of positives')
        below.set(xlabel='probability', ylabel='decisions', ylim=(0, None))
        below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        above.tick_params(color=BLACK)
        above.legend(frameon=False, loc='upper left')
    return figure

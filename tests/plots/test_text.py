import numpy as np
import pytest
from matplotlib.text import Text

from emoreact_plugin.plots.dataset_plots import plot_dataset
from emoreact_plugin.plots.plots import plot_rows, to_image
from emoreact_plugin.plots.reliability import plot_reliability
from emoreact_plugin.plots.roc_plots import plot_roc_bars, plot_roc_curves

# As mathematics, the first has other letters, and the other two are errors.
CLASSES = ('$a^2$', r'$\no_such$', '$a_{$')
RUNS = ('$r$', r'$\frac$')
LABELS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0]])
SCORES = LABELS[None] + np.linspace(0, 1, 12).reshape(1, 4, 3)
PROBABILITIES = SCORES[0] / 2

FIGURES = dict(
    curves=lambda: plot_roc_curves(CLASSES, LABELS, dict.fromkeys(RUNS, SCORES)),
    bars=lambda: plot_roc_bars(
        CLASSES, {name: dict.fromkeys((*CLASSES, 'macro', 'micro'), 0.7) for name in RUNS}
    ),
    rows=lambda: plot_rows(
        CLASSES, dict(macro=[np.array([0.7])] * 3), dict(macro=[(0.6, 0.8)] * 3)
    ),
    dataset=lambda: plot_dataset(
        CLASSES, dict(train=LABELS), dict(train=[1, 2]), dict(train=[0, 1])
    ),
    reliability=lambda: plot_reliability(LABELS, dict.fromkeys(RUNS, PROBABILITIES)),
)


@pytest.mark.parametrize('figure', FIGURES)
def test_a_dollar_in_a_name_is_no_mathematics(figure):
    drawn = FIGURES[figure]()
    assert to_image(drawn).std() > 0  # what is no mathematics would be an error here
    texts = [each for each in drawn.findobj(Text) if '$' in each.get_text()]
    assert texts and not any(each.get_parse_math() for each in texts)

import numpy as np
import pytest

from emoreact_plugin.plots.plots import plot_rows, save_figure

RUNS = dict(
    macro=[np.array([0.6, 0.7]), np.array([0.5, 0.5])],
    micro=[np.array([0.8, 0.8]), np.array([0.7, 0.9])],
)
INTERVALS = dict(macro=[(0.55, 0.75), (0.4, 0.6)], micro=[(0.7, 0.9), (0.6, 0.9)])

PRIORS = {
    'label frequencies': dict(macro=0.5, micro=0.72),
    'label frequencies of the series': dict(macro=0.6, micro=0.75),
}


@pytest.fixture
def figure():
    return plot_rows(['one', 'two'], RUNS, INTERVALS, [None, 0.77], PRIORS)


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


@pytest.mark.parametrize(
    'panel, average, means', [(0, 'macro', [0.65, 0.5]), (1, 'micro', [0.8, 0.8])]
)
def test_what_is_drawn_where(figure, panel, average, means):
    axes = figure.axes[panel]
    drawn = lines(axes)
    assert axes.get_xlabel() == f'ROC AUC, {average}'
    assert drawn['mean over seeds'].get_xdata() == pytest.approx(means)
    assert list(drawn['mean over seeds'].get_ydata()) == [0, 1]
    assert sorted(drawn['a seed'].get_xdata()) == pytest.approx(
        sorted(np.concatenate(RUNS[average]))
    )
    published = drawn['published, averaging not stated']
    assert (published.get_xdata(), published.get_ydata()) == ((0.77,), (1,))
    for name, reached in PRIORS.items():
        assert drawn[name].get_xdata()[0] == reached[average]
    spans = axes.collections[0].get_segments()
    assert [(s[0][0], s[1][0]) for s in spans] == INTERVALS[average]


def test_the_first_row_is_at_the_top(figure):
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ['one', 'two']
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_files_of_every_format(figure, tmp_path):
    for ending, start in (('png', b'\x89PNG'), ('svg', b'<?xml'), ('pdf', b'%PDF')):
        path = tmp_path / f'table.{ending}'
        save_figure(figure, str(path))
        assert path.read_bytes().startswith(start)
    assert 'mean over seeds' in (tmp_path / 'table.svg').read_text()
    assert len(list(tmp_path.iterdir())) == 3  # nothing half written is left

import numpy as np
import pytest

from emoreact_plugin.plots.dataset_plots import plot_dataset
from emoreact_plugin.plots.plots import save_figure

CLASSES = ('Joy', 'Fear', 'Awe')
LABELS = dict(
    train=np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]]),
    val=np.array([[0, 1, 0], [1, 1, 0]]),
)
LENGTHS = dict(train=[1.0, 2.0, 3.0, 5.0], val=[4.0])
NO_FACE = dict(train=[0, 0, 0, 1], val=[0.25, 0.35])


@pytest.fixture
def figure():
    return plot_dataset(CLASSES, LABELS, LENGTHS, NO_FACE)


def test_label_counts(figure):
    axes = figure.axes[0]
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    assert widths == [[3 / 4, 2 / 4, 0], [1 / 2, 1, 0]]
    assert [text.get_text() for text in axes.texts] == ['3', '2', '0', '1', '2', '0']
    assert [t.get_text() for t in axes.get_yticklabels()] == list(CLASSES)
    bottom, top = axes.get_ylim()
    assert bottom > top  # the first at the top
    handles = axes.get_legend_handles_labels()[1]
    assert handles == ['train, 4 clips', 'val, 2 clips']


def test_pairs(figure):
    axes = figure.axes[1]
    numbers = [int(text.get_text()) for text in axes.texts]
    assert np.reshape(numbers, (3, 3)).tolist() == [[4, 3, 0], [3, 4, 0], [0, 0, 0]]
    np.testing.assert_allclose(axes.images[0].get_array(), [[1, 0.75, 0], [0.75, 1, 0], [0, 0, 0]])


def heights(axes):
    """Of each split's bars, not of the stack."""
    return [[bar.get_height() for bar in bars] for bars in axes.containers]


def test_histograms(figure):
    lengths, shares = heights(figure.axes[2]), heights(figure.axes[3])
    assert [sum(each) for each in lengths] == [4, 1]
    assert lengths[0][0] == lengths[0][-1] == 1
    assert figure.axes[2].get_xlabel() == 'length of a clip (s)'
    # none, and ten bins of a tenth; the last one has its upper end
    assert shares == [[3] + 9 * [0] + [1], [0, 0, 0, 1, 1] + 6 * [0]]
    assert figure.axes[3].get_yscale() == 'log'


@pytest.mark.parametrize('lengths', [dict(train=[2.0, 2.0], val=[]), dict(train=[], val=[])])
def test_equal_or_unknown_lengths(lengths, tmp_path):
    nothing = dict(train=[], val=[])
    figure = plot_dataset(CLASSES, LABELS, lengths, nothing, 'frames')
    save_figure(figure, str(tmp_path / 'a.png'))
    texts = [t.get_text() for axes in figure.axes[2:4] for t in axes.texts]
    known = bool(lengths['train'])
    assert texts == ['not known'] * (2 - known)
    if known:
        drawn = [[bar for bar in bars if bar.get_height()] for bars in figure.axes[2].containers]
        ((bar,), none) = drawn
        assert bar.get_height() == 2 and none == []
        assert bar.get_x() + bar.get_width() / 2 == pytest.approx(2)
        assert bar.get_width() < 0.02  # no spread
    assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')

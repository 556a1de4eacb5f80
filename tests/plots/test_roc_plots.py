import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import auc, roc_auc_score, roc_curve

from emoreact_plugin import InputError
from emoreact_plugin.plots.plots import save_figures, to_image
from emoreact_plugin.plots.roc_plots import MAX_RUNS, plot_roc_bars, plot_roc_curves

pytestmark = pytest.mark.slow

CLASSES = ('calm', 'angry', 'sad')
rng = np.random.default_rng(0)
LABELS = rng.integers(0, 2, (40, 3))
LABELS[:, 2] = 0

# The second marks every metric that it knows, the first only where it is not 0.5.
PRIORS = {
    'label frequencies': dict(micro=0.72, macro=0.5),
    'label frequencies of the series': dict(micro=0.75, macro=0.6),
}


def scores_of(seeds):
    return LABELS + rng.normal(size=(seeds, *LABELS.shape))


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def texts(axes):
    return [text.get_text() for text in axes.texts]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_lines_are_the_curves_of_scikit_learn():
    scores = {'one': scores_of(1), 'two': scores_of(1)}
    figure = plot_roc_curves(CLASSES, LABELS, scores)
    for k in range(2):
        drawn = lines(figure.axes[k])
        for name, each in scores.items():
            expected = roc_curve(LABELS[:, k], each[0, :, k], drop_intermediate=False)
            np.testing.assert_allclose(drawn[name].get_data(), expected[:2], atol=1e-12)
        assert figure.axes[k].get_title(loc='left') == (f'{CLASSES[k]}, {LABELS[:, k].sum()} of 40')
    assert legend(figure) == ['one', 'two', 'chance']
    # told apart without colours as well
    assert drawn['one'].get_linestyle() != drawn['two'].get_linestyle()


def test_a_run_on_its_own_has_values_seeds_and_a_band():
    scores = scores_of(3)
    figure = plot_roc_curves(
        CLASSES,
        LABELS,
        {'one': scores},
        [(0.5, 0.9), (0.6, 0.8), (np.nan, np.nan)],
        [f'child{k // 2}' for k in range(40)],
    )
    axes = figure.axes[1]
    value = np.mean([roc_auc_score(LABELS[:, 1], s[:, 1]) for s in scores])
    assert axes.get_title(loc='left').endswith(f'\nROC AUC {value:.2f} (0.60 to 0.80)')
    assert auc(*lines(axes)['mean of 3 seeds'].get_data()) == (pytest.approx(value))
    assert len(axes.get_lines()) == 5  # chance, seeds, mean
    band = axes.collections[0].get_paths()[0].vertices
    assert band.min() >= 0 and band.max() <= 1
    assert legend(figure) == ['a seed', 'mean of 3 seeds', 'chance', '95 % interval at each rate']


@pytest.mark.parametrize(
    'intervals, ending', [(None, ''), ([(np.nan, np.nan)] * 3, ' (no interval)')]
)
def test_a_value_without_interval_says_so_if_others_have_one(intervals, ending):
    scores = scores_of(1)
    figure = plot_roc_curves(CLASSES, LABELS, {'a': scores}, intervals)
    value = roc_auc_score(LABELS[:, 0], scores[0, :, 0])
    assert figure.axes[0].get_title(loc='left').endswith(f'\nROC AUC {value:.2f}{ending}')


@pytest.mark.parametrize('value, lacking', [(0, 'positives'), (1, 'negatives')])
def test_a_class_of_one_label_has_no_curve(value, lacking):
    labels = LABELS.copy()
    labels[:, 2] = value
    for runs in ({'one': scores_of(1)}, {'a': scores_of(2), 'b': scores_of(1)}):
        axes = plot_roc_curves(CLASSES, labels, runs).axes[2]
        assert texts(axes) == [f'not defined:\n0 {lacking}']
        assert list(lines(axes)) == ['chance']
        assert axes.get_title(loc='left') == f'sad, {40 * value} of 40'


def test_bars_start_at_chance_and_stand_in_order():
    values = {
        'a': dict(calm=0.7, angry=0.4, sad=None, macro=0.55, micro=0.8),
        'b': dict(calm=0.6, angry=0.9, sad=np.nan, macro=0.75, micro=0.7),
    }
    intervals = {
        'a': dict(
            calm=(0.6, 0.8),
            angry=(0.3, 0.5),
            sad=(np.nan, np.nan),
            macro=(0.5, 0.6),
            micro=(0.7, 0.9),
        )
    }
    figure = plot_roc_bars(CLASSES, values, intervals, LABELS, PRIORS)
    bars, counts = figure.axes
    for container, run in zip(bars.containers, values.values(), strict=True):
        drawn = [bar.get_x() + bar.get_width() for bar in container]
        assert drawn == pytest.approx(
            [np.nan if v is None else v for v in run.values()], nan_ok=True
        )
        assert {bar.get_x() for bar in container} == {0.5}
    tops = [[bar.get_y() for bar in c] for c in bars.containers]
    assert (np.diff(tops, axis=0) > 0).all()  # the first run at the top
    assert [t.get_text() for t in bars.get_yticklabels()] == [*CLASSES, 'macro', 'micro']
    spans = [
        s for s in bars.collections[0].get_segments() if len(s)
    ]  # none where it is not defined
    assert [tuple(s[:, 0]) for s in spans] == [
        v for v in intervals['a'].values() if not np.isnan(v[0])
    ]
    assert texts(bars) == ['not defined']
    assert bars.texts[0].xy[1] == 2
    assert texts(counts) == [str(n) for n in LABELS.sum(axis=0)]
    assert counts.get_xlabel() == 'positives\nof 40 clips'
    assert legend(figure) == ['a', 'b', '95 % interval', *PRIORS]
    marked = [s[0, 0] for c in bars.collections[1:] for s in c.get_segments() if len(s)]
    assert sorted(marked) == [0.6, 0.72, 0.75]
    # Intervals and marks lie on the bars.
    assert min(c.zorder for c in bars.collections) > max(
        bar.zorder for container in bars.containers for bar in container
    )


def test_a_bar_at_chance_can_be_seen():
    figure = plot_roc_bars(('calm',), {'a': dict(calm=0.5, macro=0.6, micro=0.6)})
    chance, *others = figure.axes[0].containers[0]
    assert chance.get_edgecolor() == chance.get_facecolor()
    assert all(bar.get_linewidth() < chance.get_linewidth() for bar in others)


@pytest.mark.parametrize(
    'value, low, prior, start',
    [
        (0.9, 0.8, 0.7, 0.5),
        (0.9, 0.8, 0.43, 0.4),
        (0.9, 0.27, 0.43, 0.2),
        (0.16, 0.27, 0.43, 0.1),
        (0.9, np.nan, np.nan, 0.5),
    ],
)
def test_the_axis_starts_below_bars_intervals_and_priors(value, low, prior, start):
    every = dict.fromkeys(('calm', 'macro', 'micro'))
    figure = plot_roc_bars(
        ('calm',),
        {'a': {**every, 'calm': value}},
        {'a': dict(calm=(low, 0.95))},
        priors={'frequencies': {**every, 'calm': prior}},
    )
    assert figure.axes[0].get_xlim() == pytest.approx((start, 1))


def test_bars_need_values_only():
    figure = plot_roc_bars(('calm',), {'a': dict(calm=0.6, macro=0.6)})
    assert len(figure.axes) == 1 and legend(figure) == ['a']
    assert texts(figure.axes[0]) == ['not defined']  # micro


@pytest.mark.parametrize('count', [0, MAX_RUNS + 1])
def test_too_many_runs_are_refused(count):
    message = f'expected 1 to {MAX_RUNS} runs in one figure, found {count}'
    runs = {str(k): scores_of(1) for k in range(count)}
    with pytest.raises(InputError, match=message):
        plot_roc_curves(CLASSES, LABELS, runs)
    with pytest.raises(InputError, match=message):
        plot_roc_bars(CLASSES, dict.fromkeys(runs, dict(calm=0.6)))


@pytest.mark.parametrize('classes, runs', [(1, 1), (5, 2), (9, MAX_RUNS)])
def test_nothing_lies_on_anything_else(classes, runs):
    labels = rng.integers(0, 2, (30, classes))
    names = [f'class {k}' for k in range(classes)]
    scores = {f'a run of some length, {r}': rng.normal(size=(1, 30, classes)) for r in range(runs)}
    values = {name: dict.fromkeys((*names, 'macro', 'micro'), 0.7) for name in scores}
    for figure in (
        plot_roc_curves(names, labels, scores),
        plot_roc_bars(names, values, None, labels, PRIORS),
    ):
        figure.draw_without_rendering()
        boxes = [axes.get_tightbbox() for axes in figure.axes if axes.get_visible() and axes.axison]
        boxes.append(figure.legends[0].get_window_extent())
        width, height = figure.get_size_inches() * figure.dpi
        for k, box in enumerate(boxes):
            assert box.x0 >= -1 and box.y0 >= -1
            assert box.x1 <= width + 1 and box.y1 <= height + 1
            for other in boxes[k + 1 :]:
                across = min(box.x1, other.x1) - max(box.x0, other.x0)
                along = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert min(across, along) < 1


def test_letters_can_be_read_in_a_column():
    figure = plot_roc_bars(CLASSES, {'a': dict(calm=0.6, angry=0.7)}, labels=LABELS)
    assert figure.get_figwidth() == 3.5
    assert (
        min(
            t.get_fontsize()
            for t in figure.findobj(lambda x: hasattr(x, 'get_fontsize') and x.get_text())
        )
        >= 6
    )


def test_pixels_and_files_of_a_figure(tmp_path):
    figure = Figure(figsize=(2, 1), facecolor='#ff0000')
    image = to_image(figure, dpi=50)
    assert image.shape == (50, 100, 3) and image.dtype == np.uint8
    assert image[0, 0].tolist() == [255, 0, 0]
    paths = save_figures(figure, str(tmp_path / 'x'))
    assert [p.name for p in sorted(tmp_path.iterdir())] == ['x.png', 'x.svg']
    assert sorted(paths) == sorted(map(str, tmp_path.iterdir()))

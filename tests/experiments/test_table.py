from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.experiments import Scores, make_rows, make_table
from emoreact_plugin.experiments.comparisons import levels_of
from emoreact_plugin.experiments.report import to_csv, to_markdown

CLASSES = ('calm', 'angry')
VIDEOS = tuple(
    f'{series}{100 + child}_{take}' for series in 'ABCD' for child in range(5) for take in (1, 2, 3)
)
rng = np.random.default_rng(0)
LABELS = rng.integers(0, 2, (len(VIDEOS), 2))


def row_of(signal, seeds=3, seed=1):
    """Logits that follow the labels by so much."""
    noise = np.random.default_rng(seed).normal(size=(seeds, len(VIDEOS), 2))
    return Scores(signal * LABELS + noise, LABELS, VIDEOS, CLASSES)


@pytest.fixture(scope='module')
def table():
    scores = {
        'tsm-fusion-masked': row_of(2, seed=1),
        'tsn-face': row_of(2, seed=2),
        'tsn-face-masked': row_of(0, seed=3),
    }
    return scores, make_table(scores, train_labels=[[1, 0], [1, 0], [0, 1]], resamples=400)


def test_scores_are_those_of_scikit_learn(table):
    scores, result = table
    for name, summary in result.rows.items():
        for s, logits in enumerate(scores[name].logits):
            each = [roc_auc_score(LABELS[:, k], logits[:, k]) for k in range(2)]
            assert summary.runs['calm'][s] == pytest.approx(each[0])
            assert summary.runs['macro'][s] == pytest.approx(np.mean(each))
            assert summary.runs['micro'][s] == pytest.approx(
                roc_auc_score(LABELS.ravel(), logits.ravel())
            )
    # every clip scored 2/3 for calm and 1/3 for angry
    prior = np.broadcast_to([2 / 3, 1 / 3], LABELS.shape)
    assert result.prior == pytest.approx(roc_auc_score(LABELS.ravel(), prior.ravel()))


def test_intervals_hold_the_mean_and_are_of_every_level(table):
    _, result = table
    for summary in result.rows.values():
        assert list(summary.intervals) == ['clip', 'series', 'child']
        for limits in summary.intervals.values():
            for metric, values in summary.runs.items():
                low, high = limits[metric]
                assert low < values.mean() < high
                assert low >= 0 and high <= 1


def test_differences_and_their_correction(table):
    _, result = table
    by_pair = {(d.first, d.second, d.average): d for d in result.differences}
    assert len(by_pair) == 3 * 2
    real = by_pair['tsm-fusion-masked', 'tsn-face-masked', 'macro']
    rows = result.rows
    assert real.value == pytest.approx(
        rows['tsm-fusion-masked'].runs['macro'].mean()
        - rows['tsn-face-masked'].runs['macro'].mean()
    )
    assert real.low > 0 and real.p_holm < 0.05
    none = by_pair['tsm-fusion-masked', 'tsn-face', 'macro']
    assert none.low < 0 < none.high and none.p_holm > 0.05
    assert all(d.p_holm >= d.p_value for d in result.differences)
    assert {(d.emotion, d.first, d.second) for d in result.emotion_differences} == {
        (emotion, a, b) for emotion in CLASSES for a, b, average in by_pair if average == 'macro'
    }


@pytest.mark.parametrize(
    'signal, margin, holds', [(2, 0.15, True), (2, 0.001, False), (0, 0.15, False)]
)
def test_non_inferiority_needs_the_interval_above_the_margin(signal, margin, holds):
    scores = {'tsm-fusion-masked': row_of(signal, seed=1), 'tsn-face': row_of(2, seed=2)}
    claims = make_table(scores, margin=margin, resamples=400).claims
    macro = claims[0]
    assert macro.text == (f'tsm-fusion-masked minus tsn-face, macro: above {-margin:g}')
    assert macro.holds == holds == (macro.low > -margin)


def test_a_class_of_one_value_has_no_score_and_spoils_nothing():
    scores = row_of(1)
    labels = LABELS.copy()
    labels[:, 1] = 0
    result = make_table(
        {'a': replace(scores, labels=labels), 'b': replace(row_of(2, seed=5), labels=labels)},
        resamples=50,
    )
    summary = result.rows['a']
    assert np.isnan(summary.runs['angry']).all()
    np.testing.assert_array_equal(summary.runs['macro'], summary.runs['calm'])
    assert [d.emotion for d in result.emotion_differences] == ['calm']


@pytest.mark.parametrize(
    'names, levels',
    [
        (
            VIDEOS,
            {'clip': None, 'series': [v[0] for v in VIDEOS], 'child': [v[:4] for v in VIDEOS]},
        ),
        # EmoReact: a clip for each number
        (
            ('80sTOYS105_2', '80sTOYS106_2', 'VCR7_2'),
            {'clip': None, 'series': ['80sTOYS', '80sTOYS', 'VCR']},
        ),
        (('one', 'A1_1', 'A1_2'), {'clip': None}),
        (('A1_1', 'A2_1'), {'clip': None}),
    ],
)
def test_what_names_of_clips_tell(names, levels):
    assert levels_of(names) == levels


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(video_ids=VIDEOS[::-1]), 'row b: other video_ids.*of row a'),
        (dict(classes=('calm', 'sad')), 'row b: other classes'),
        (dict(labels=1 - LABELS), 'row b: other labels'),
    ],
)
def test_rows_of_other_clips_cannot_be_compared(change, message):
    with pytest.raises(InputError, match=message):
        make_table({'a': row_of(1), 'b': replace(row_of(1), **change)})


def test_the_report(table):
    _, result = table
    rows = make_rows(['tsm-fusion-masked', 'tsn-face', 'tsn-face-masked'], 'c')
    text = to_markdown(result, rows, ['Of drawn data.'])
    assert text.startswith('Of drawn data.\n\n| Row | micro | over clip |')
    line = next(x for x in text.splitlines() if x.startswith('| TSM fusion'))
    runs = result.rows['tsm-fusion-masked'].runs['micro']
    assert f'| {runs.mean():.3f} ± {np.std(runs, ddof=1):.3f} |' in line
    assert line.endswith('| 0.768 |')
    assert f'| label frequencies alone | {result.prior:.3f} |' in text
    assert 'does not say how it is averaged' in text and 'AffectNet' in text
    assert '| TSM fusion, masked − TSN face, unmasked | macro | ' in text
    # every line of a table has as many cells as its head
    for block in text.split('\n\n'):
        if block.startswith('|'):
            assert len({x.count('|') for x in block.splitlines()}) == 1


def test_the_csv_files_hold_the_same_numbers(table):
    _, result = table
    rows = make_rows(['tsm-fusion-masked', 'tsn-face', 'tsn-face-masked'], 'c')
    files = to_csv(result, rows)
    assert sorted(files) == [
        'claims.csv',
        'differences.csv',
        'emotion_differences.csv',
        'table.csv',
    ]
    lines = [line.split(',') for line in files['table.csv'].splitlines()]
    assert lines[0] == [
        'row',
        'metric',
        'seeds',
        'mean',
        'sd',
        'low_clip',
        'high_clip',
        'low_series',
        'high_series',
        'low_child',
        'high_child',
    ]
    found = {(x[0], x[1]): x for x in lines}
    runs = result.rows['tsn-face'].runs['angry']
    assert float(found['tsn-face', 'angry'][3]) == pytest.approx(runs.mean(), abs=1e-5)
    assert float(found['tsn-face', 'published'][3]) == 0.769
    assert len(files['emotion_differences.csv'].splitlines()) == 1 + 3 * 2

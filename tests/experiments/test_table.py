from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.datasets.annotations import Annotation
from emoreact_plugin.evaluation import holm
from emoreact_plugin.experiments import Scores, make_rows, make_table, prior_rows
from emoreact_plugin.experiments.comparisons import LeftOut, deciding_kind
from emoreact_plugin.experiments.report import to_csv, to_markdown

BASE = 'configs/emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-fusion.py'
CLASSES = ('calm', 'angry')
VIDEOS = tuple(
    f'{series}{100 + child}_{take}' for series in 'ABCD' for child in range(5) for take in (1, 2, 3)
)
GROUPS = dict(series=tuple(v[0] for v in VIDEOS), child=tuple(v[:4] for v in VIDEOS))
TRAIN = [
    Annotation('a.mp4', (1.0, 0.0), groups=(('series', 'A'),)),
    Annotation('b.mp4', (1.0, 0.0), groups=(('series', 'B'),)),
    Annotation('c.mp4', (0.0, 1.0), groups=(('series', 'A'),)),
]
rng = np.random.default_rng(0)
LABELS = rng.integers(0, 2, (len(VIDEOS), 2))


def row_of(signal, seeds=3, seed=1):
    """Logits that follow the labels by so much."""
    noise = np.random.default_rng(seed).normal(size=(seeds, len(VIDEOS), 2))
    return Scores(signal * LABELS + noise, LABELS, VIDEOS, CLASSES, GROUPS)


@pytest.fixture(scope='module')
def table():
    scores = {
        'tsm-fusion-masked': row_of(2, seed=1),
        'tsn-face': row_of(2, seed=2),
        'tsn-face-masked': row_of(0, seed=3),
    }
    return scores, make_table(scores, prior_rows(scores['tsn-face'], TRAIN, TRAIN))


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
        f1 = [f1_score(LABELS, logits >= 0, average='macro') for logits in scores[name].logits]
        assert summary.runs['f1/macro'] == pytest.approx(f1)
        ap = [average_precision_score(LABELS, logits) for logits in scores[name].logits]
        assert summary.runs['ap/macro'] == pytest.approx(ap)
        pairs = [
            (logits[i, k] > logits[j, k])
            for logits in scores[name].logits[:1]
            for k in range(2)
            for i in range(60)
            for j in range(60)
            if LABELS[i, k] > LABELS[j, k] and VIDEOS[i][0] == VIDEOS[j][0]
        ]
        assert summary.runs['within'][0] == pytest.approx(np.mean(pairs))


def test_the_priors_are_rows_of_their_own(table):
    _, result = table
    plain, series = result.priors
    assert (plain, series) == ('label frequencies', 'label frequencies of the series')
    # every clip scored 2/3 for calm and 1/3 for angry
    prior = np.broadcast_to([2 / 3, 1 / 3], LABELS.shape)
    expected = roc_auc_score(LABELS.ravel(), prior.ravel())
    assert result.priors[plain].means['micro'] == pytest.approx(expected)
    for each in result.priors.values():
        assert each.means['within'] == 0.5
    assert result.priors[plain].means['macro'] == 0.5
    against = {
        (d.first, d.second, d.metric) for d in result.differences if d.second in result.priors
    }
    assert len(against) == 3 * (2 + 2 + 1)
    # without a training split nothing is known
    assert prior_rows(row_of(1), None) == {}
    # of series that train does not have, no frequencies are known
    others = [Annotation('x.mp4', (1.0, 0.0), groups=(('series', 'X'),)), TRAIN[0], TRAIN[2]]
    strangers = row_of(1).only({v for v in VIDEOS if v[0] in 'CD'})
    assert [*prior_rows(strangers, others, others)] == [plain]


def test_intervals_hold_the_mean(table):
    _, result = table
    assert result.unit == '20 groups (child)'
    for summary in result.rows.values():
        assert summary.intervals.keys() == summary.runs.keys()
        for metric, values in summary.runs.items():
            low, high = summary.intervals[metric]
            assert 0 < low < values.mean() < high < 1


@pytest.mark.parametrize(
    'groups, kind',
    [
        ({}, None),
        (GROUPS, 'child'),  # of 20, where the series are 4
        (dict(series=GROUPS['series']), 'series'),
        (dict(pair=tuple(f'{k // 2}' for k in range(60)), **GROUPS), 'child'),
        (dict(one=('x',) * 60), None),
        (dict(clip=VIDEOS), None),
    ],
)
def test_the_coarsest_groups_are_left_out_if_they_are_enough(groups, kind):
    scores = replace(row_of(1), groups=groups)
    assert deciding_kind(scores) == kind
    rows = LeftOut({'a': scores})
    assert rows.count == (60 if kind is None else len(set(groups[kind])))
    assert rows.unit == ('60 clips' if kind is None else f'{rows.count} groups ({kind})')


def test_differences_and_their_correction(table):
    scores, result = table
    found = [d for d in result.differences if d.second in scores]
    # Planned: what the mask costs the face, and what the fusion brings back.
    assert {(d.first, d.second) for d in found} == {
        ('tsn-face', 'tsn-face-masked'),
        ('tsm-fusion-masked', 'tsn-face-masked'),
    }
    by_pair = {(d.first, d.second, d.metric): d for d in found}
    real = by_pair['tsm-fusion-masked', 'tsn-face-masked', 'macro']
    rows = result.rows
    assert real.value == pytest.approx(
        rows['tsm-fusion-masked'].means['macro'] - rows['tsn-face-masked'].means['macro']
    )
    assert real.low > 0 and real.p_holm < 0.05
    # One family of the differences between rows, another of those to the priors.
    others = [d for d in result.differences if d.second not in scores]
    for family, count in ((found, 4), (others, 15)):
        p_values = [d.p_value for d in family]
        np.testing.assert_allclose([d.p_holm for d in family], holm(p_values))
        assert max(p_values) < 1 and len(p_values) == count
    assert {(d.metric, d.first, d.second) for d in result.emotion_differences} == {
        (emotion, d.first, d.second) for emotion in CLASSES for d in found
    }


def test_all_pairs_on_request_and_without_a_plan():
    scores = {'tsm-fusion-masked': row_of(2), 'tsn-face': row_of(1), 'tsn-face-masked': row_of(0)}
    assert len(make_table(scores, all_pairs=True).differences) == 3 * 2
    (mine, *_) = make_table({'mine': row_of(2), 'other': row_of(1)}).differences
    assert (mine.first, mine.second) == ('mine', 'other')


def test_few_seeds_give_no_p_value():
    rows = {'a': row_of(2, seeds=2), 'b': row_of(1, seeds=2)}
    assert all(np.isnan(d.p_value) for d in make_table(rows).differences)
    text = to_markdown(make_table(rows), [], [])
    assert 'No p is given' in text


def test_a_class_of_few_groups_gets_no_p_value():
    labels = LABELS.copy()
    labels[:, 1] = 0
    labels[:12, 1] = 1  # children 0 to 3
    rows = {name: replace(row_of(1, seed=k), labels=labels) for k, name in enumerate('ab')}
    calm, angry = make_table(rows).emotion_differences
    assert (calm.metric, angry.metric) == CLASSES
    assert np.isnan(angry.p_value) and angry.low < angry.value < angry.high
    assert calm.p_value < 1
    labels[12:18, 1] = 1  # and 4 to 5
    rows = {name: replace(each, labels=labels) for name, each in rows.items()}
    assert make_table(rows).emotion_differences[1].p_value < 1


def test_few_seeds_show_nothing():
    scores = {'tsm-fusion-masked': row_of(2, seeds=1), 'tsn-face': row_of(2, seeds=1, seed=2)}
    table = make_table(scores, prior_rows(scores['tsn-face'], TRAIN), margin=0.9)
    assert table.claims[0].low > 0 and not any(claim.holds for claim in table.claims)


def test_folds_are_scored_apart_and_averaged():
    folds = np.repeat([0, 1, 2], 20)
    scores = row_of(1)
    # What one fold's networks score higher than another's says nothing.
    shifted = replace(scores, logits=scores.logits + 9 * folds[:, None], folds=folds)
    summary = make_table({'a': shifted, 'b': shifted}).rows['a']
    for s, logits in enumerate(scores.logits):
        each = [
            [roc_auc_score(LABELS[folds == f, k], logits[folds == f, k]) for f in range(3)]
            for k in range(2)
        ]
        assert summary.runs['calm'][s] == pytest.approx(np.mean(each[0]))
        assert summary.runs['macro'][s] == pytest.approx(np.mean(each))
        micro = [
            roc_auc_score(LABELS[folds == f].ravel(), logits[folds == f].ravel()) for f in range(3)
        ]
        assert summary.runs['micro'][s] == pytest.approx(np.mean(micro))
        ap = [average_precision_score(LABELS[folds == f], logits[folds == f]) for f in range(3)]
        assert summary.runs['ap/macro'][s] == pytest.approx(np.mean(ap))


@pytest.mark.parametrize(
    'signal, face, margin, holds',
    [(2, 2, 0.5, True), (2, 2, 0.001, False), (0, 2, 0.5, False), (0.1, 0, 0.99, False)],
)
def test_non_inferiority_needs_the_gain_and_its_share(signal, face, margin, holds):
    scores = {'tsm-fusion-masked': row_of(signal, seed=1), 'tsn-face': row_of(face, seed=2)}
    table = make_table(scores, prior_rows(scores['tsn-face'], TRAIN), margin=margin)
    macro = table.claims[0]
    new, reference = (table.rows[row].means['macro'] for row in scores)
    (floor,) = (prior.means['macro'] for prior in table.priors.values())
    assert macro.value == pytest.approx(new - floor - (1 - margin) * (reference - floor))
    assert macro.holds == holds
    assert ('no such gain' in macro.text) == (face == 0)


def test_a_class_of_one_value_has_no_score_and_spoils_nothing():
    scores = row_of(1)
    labels = LABELS.copy()
    labels[:, 1] = 0
    result = make_table(
        {'a': replace(scores, labels=labels), 'b': replace(row_of(2, seed=5), labels=labels)}
    )
    summary = result.rows['a']
    assert np.isnan(summary.runs['angry']).all()
    np.testing.assert_array_equal(summary.runs['macro'], summary.runs['calm'])
    calm, angry = result.emotion_differences
    assert calm.p_value <= 1 and np.isnan(angry.value)


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
    rows = make_rows(['tsm-fusion-masked', 'tsn-face', 'tsn-face-masked'], BASE)
    text = to_markdown(result, rows, ['Of drawn data.'])
    assert text.startswith('Of drawn data.\n\n| Row | micro | 95 % interval |')
    line = next(x for x in text.splitlines() if x.startswith('| TSM fusion'))
    runs = result.rows['tsm-fusion-masked'].runs['micro']
    assert f'| {runs.mean():.3f} ± {np.std(runs, ddof=1):.3f} |' in line
    assert line.endswith('| 0.768 |')
    prior = result.priors['label frequencies'].means['micro']
    assert f'| label frequencies | {prior:.3f} |' in text
    assert 'does not say how it is averaged' in text and 'AffectNet' in text
    assert '| TSM fusion, masked − TSN face, masked | macro | ' in text
    assert '| TSM fusion, masked − label frequencies of the series | macro | ' in text
    assert 'over the tests of each table above' in text
    alone = {'tsn-face': row_of(1)}
    alone = make_table(alone, prior_rows(alone['tsn-face'], TRAIN, TRAIN))
    assert to_markdown(alone, rows[1:2], []).count('| Difference |') == 1
    # every line of a table has as many cells as its head
    for block in text.split('\n\n'):
        if block.startswith('|'):
            assert len({x.count('|') for x in block.splitlines()}) == 1


def test_the_csv_files_hold_the_same_numbers(table):
    _, result = table
    rows = make_rows(['tsm-fusion-masked', 'tsn-face', 'tsn-face-masked'], BASE)
    files = to_csv(result, rows)
    assert sorted(files) == [
        'claims.csv',
        'differences.csv',
        'emotion_differences.csv',
        'table.csv',
    ]
    lines = [line.split(',') for line in files['table.csv'].splitlines()]
    assert lines[0] == ['row', 'metric', 'seeds', 'mean', 'sd', 'low', 'high']
    found = {(x[0], x[1]): x for x in lines}
    runs = result.rows['tsn-face'].runs['angry']
    assert float(found['tsn-face', 'angry'][3]) == pytest.approx(runs.mean(), abs=1e-5)
    assert float(found['tsn-face', 'published'][3]) == 0.769
    assert len(files['emotion_differences.csv'].splitlines()) == 1 + 2 * 2

import csv
import math
import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import (
    LabeledClips,
    Priors,
    choose_strength,
    group_frequencies,
    label_frequencies,
)
from tests.evaluation.test_array_checks import message_of
from tests.factories import REAL_DATA

REAL_LABELS = REAL_DATA / 'emoreact_labels'
TRAIN = [[1, 0], [1, 0], [0, 1], [1, 1]]


def test_frequencies_of_all_worked_by_hand():
    np.testing.assert_array_equal(label_frequencies(TRAIN, 2), [[0.75, 0.5], [0.75, 0.5]])


def test_frequencies_of_groups_worked_by_hand():
    # Of a, two clips, both with the first label: (2 + 2 * 0.75) / (2 + 2) and (0 + 2 * 0.5) / 4.
    found = group_frequencies(TRAIN, 'aabb', ['b', 'a', 'c'], strength=2)
    np.testing.assert_allclose(found, [[2.5 / 4, 3 / 4], [3.5 / 4, 1 / 4], [0.75, 0.5]])


def test_the_strength_is_that_with_the_best_micro_on_val():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (300, 4))
    groups = rng.integers(0, 20, 300).tolist()
    train, val = (labels[:200], groups[:200]), (labels[200:], groups[200:])
    micro = {
        a: roc_auc_score(val[0].ravel(), group_frequencies(*train, val[1], a).ravel())
        for a in (1, 5, 25)
    }
    assert choose_strength(*train, *val, (1, 5, 25)) == max(micro, key=micro.get)


class TestPriors:
    def test_the_second_needs_groups_of_train_and_val(self):
        groups = dict(series=('a', 'a', 'b', 'b'), child=('a', 'b', 'c', 'd'))
        train = LabeledClips(np.array(TRAIN), groups)
        test = LabeledClips(np.array([[1, 0], [0, 1]]), dict(series=('b', 'c')))
        both = ['label frequencies', 'label frequencies of the series']
        assert [*Priors(train, train).scores(test)] == both
        assert Priors(train, train).kind == 'series'
        assert [*Priors(train).scores(test)] == both[:1]
        assert [*Priors(LabeledClips(np.array(TRAIN)), train).scores(test)] == both[:1]
        strangers = LabeledClips(test.labels, dict(series=('x', 'y')))
        assert [*Priors(train, train).scores(strangers)] == both[:1]
        assert [*Priors(train, train).scores(LabeledClips(test.labels))] == both[:1]


@pytest.mark.parametrize(
    'arguments, expected',
    [
        ((TRAIN, 'aab', 'a', 1), 'train_groups: expected one for each of 4 clips, found 3'),
        ((TRAIN, 'aabb', 'a', 0), 'strength: expected a finite number above 0, found 0'),
        ((TRAIN, 'aabb', 'a', math.inf), 'strength: expected a finite number above 0, found inf'),
        (([[2, 0]], 'a', 'a', 1), 'train_labels'),
    ],
)
def test_bad_arguments(arguments, expected):
    with pytest.raises(InputError) as error:
        group_frequencies(*arguments)
    assert expected in message_of(error)


def test_no_clips_have_no_rows():
    assert group_frequencies(TRAIN, 'aabb', (), 1).shape == (0, 2)
    assert label_frequencies(TRAIN, 0).shape == (0, 2)


@pytest.mark.parametrize(
    'val_groups, strengths, expected',
    [
        ('ab', (), 'strengths: expected at least one, found none'),
        ('abb', (1,), 'expected scores and labels of one shape (N, C), found (3, 2) and (2, 2)'),
    ],
)
def test_bad_arguments_for_a_choice(val_groups, strengths, expected):
    with pytest.raises(InputError) as error:
        choose_strength(TRAIN, 'aabb', [[0, 1], [1, 0]], val_groups, strengths)
    assert expected in message_of(error)


@pytest.mark.skipif(
    not REAL_LABELS.is_dir(), reason='EMOREACT_TEST_DATA does not name a folder of real data'
)
def test_emoreact():
    def read(split):
        with open(REAL_LABELS / f'{split}.csv', newline='') as file:
            rows = list(csv.reader(file))[1:]
        series = tuple(re.sub(r'[0-9]+_[0-9]+[.]mp4$', '', row[1]) for row in rows)
        return LabeledClips(np.array([row[2:10] for row in rows]).astype(int), dict(series=series))

    train, val, test = map(read, ('train', 'val', 'test'))
    assert [len(each.labels) for each in (train, val, test)] == [432, 303, 367]
    priors = Priors(train, val)
    assert (priors.kind, priors.strength) == ('series', 10)
    reached = {}
    for split, clips in dict(val=val, test=test).items():
        for name, scores in priors.scores(clips).items():
            reached[split, name] = [
                round(roc_auc_score(clips.labels.ravel(), scores.ravel()), 3),
                round(roc_auc_score(clips.labels, scores, average='macro'), 3),
            ]
    assert reached == {
        ('val', 'label frequencies'): [0.718, 0.5],
        ('val', 'label frequencies of the series'): [0.774, 0.679],
        ('test', 'label frequencies'): [0.721, 0.5],
        ('test', 'label frequencies of the series'): [0.794, 0.712],
    }

import math
import re

import numpy as np
import pytest
from sklearn import metrics as sk

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import functional as F
from emoreact_plugin.evaluation import resampling as R
from tests.evaluation.test_array_checks import message_of
from tests.evaluation.test_functional import KINDS, random_case


def repeated(weights, *arrays):
    """Repeat the clips of a resample, each as often as it was drawn."""
    return [np.repeat(array, weights, axis=0) for array in arrays]


class TestBootstrapWeights:
    def test_draws_as_many_clips_as_there_are(self):
        weights = R.bootstrap_weights(50, resamples=4000, seed=1)
        assert weights.shape == (4000, 50)
        assert weights.dtype == np.int64
        assert (weights.sum(axis=1) == 50).all()
        # Binomial, of 50 draws with a chance of 1/50 each: mean 1, variance
        # 49/50, none with a chance of (49/50) ** 50 = 0.364.
        np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.08)
        assert weights.var() == pytest.approx(0.98, abs=0.02)
        assert (weights == 0).mean() == pytest.approx(0.364, abs=0.005)

    def test_two_thousand_resamples_of_seed_0_by_default(self):
        np.testing.assert_array_equal(
            R.bootstrap_weights(5), R.bootstrap_weights(5, None, resamples=2000, seed=0)
        )
        assert (R.bootstrap_weights(5) != R.bootstrap_weights(5, seed=1)).any()

    def test_groups_are_drawn_as_a_whole(self):
        groups = ['a', 'b', 'a', 'c', 'c', 'a']
        weights = R.bootstrap_weights(6, groups, resamples=3000)
        assert weights.shape == (3000, 6)
        a, b, c = weights[:, 0], weights[:, 1], weights[:, 3]
        np.testing.assert_array_equal(weights, np.stack([a, b, a, c, c, a], 1))
        assert (a + b + c == 3).all()
        # Each equally likely whatever its size; all three in 3! of 27 draws.
        np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.06)
        assert ((a == 1) & (b == 1)).mean() == pytest.approx(6 / 27, abs=0.03)

    def test_a_group_of_each_clip_is_no_groups(self):
        names = [f'clip{i:02}' for i in range(30)]
        np.testing.assert_array_equal(R.bootstrap_weights(30, names), R.bootstrap_weights(30))

    def test_order_of_clips_makes_no_difference_to_groups(self):
        groups = np.array(list('bbacdda'))
        order = np.array([6, 2, 0, 5, 1, 3, 4])
        np.testing.assert_array_equal(
            R.bootstrap_weights(7, groups[order]), R.bootstrap_weights(7, groups)[:, order]
        )

    def test_any_hashable_is_a_group(self):
        groups = [1, '1', (1, 2), 1, frozenset('a'), '1']
        weights = R.bootstrap_weights(6, groups, resamples=100)
        np.testing.assert_array_equal(weights[:, 0], weights[:, 3])
        np.testing.assert_array_equal(weights[:, 1], weights[:, 5])
        assert (weights[:, [0, 1, 2, 4]].sum(axis=1) == 4).all()
        assert (weights[:, 0] != weights[:, 1]).any()

    @pytest.mark.parametrize(
        'arguments, expected',
        (
            (dict(num_clips=1), 'num_clips: expected a whole number of 2 or more, found 1'),
            (dict(num_clips=2.0), 'num_clips: expected a whole number of 2 or more, found 2.0'),
            (dict(num_clips=True), 'found True'),
            (
                dict(num_clips=3, resamples=0),
                'resamples: expected a whole number of 1 or more, found 0',
            ),
            (
                dict(num_clips=3, groups=['a', 'b']),
                'groups: expected one for each of 3 clips, found 2',
            ),
            (
                dict(num_clips=2, groups=['a', 'a']),
                'groups: expected at least two, since all resamples of one are '
                "equal, found only 'a'",
            ),
            (
                dict(num_clips=2, groups=['a', None]),
                'groups, clip 1: expected its group, found None',
            ),
            (
                dict(num_clips=2, groups=[math.nan, 1.0]),
                'groups, clip 0: expected its group, found nan',
            ),
            (
                dict(num_clips=2, groups=['a', ['b']]),
                "groups, clip 1: expected a hashable value, found ['b']",
            ),
        ),
    )
    def test_bad_arguments(self, arguments, expected):
        with pytest.raises(InputError) as error:
            R.bootstrap_weights(**arguments)
        assert expected in message_of(error)


class TestWeightedROCAUC:
    def test_worked_by_hand(self):
        # Positives 2 and 1, negatives 1 and 0. As they are: 3.5 of 4 pairs.
        # The 1s drawn twice each, the 2 once: 1 * (2 + 1) for the 2, and
        # 2 * (2 / 2 + 1) for the 1, of 3 * 3 pairs. Without the 0 and the 2:
        # one tie. Without negatives: no pairs.
        scores, labels = [[2], [1], [1], [0]], [[1], [1], [0], [0]]
        weights = [[1, 1, 1, 1], [1, 2, 2, 1], [0, 1, 1, 0], [2, 2, 0, 0]]
        expected = [3.5 / 4, 7 / 9, 0.5, np.nan]
        np.testing.assert_allclose(R.weighted_roc_auc(scores, labels, weights)[:, 0], expected)
        np.testing.assert_allclose(R.weighted_roc_auc_micro(scores, labels, weights), expected)

    @pytest.mark.parametrize('kind', KINDS)
    def test_equal_weights_are_the_clips_as_they_are(self, kind):
        scores, labels = random_case(kind)
        ones = np.ones((2, len(labels)), int)
        for weights in (ones, 3 * ones, ones.astype(bool)):
            np.testing.assert_array_equal(
                R.weighted_roc_auc(scores, labels, weights), [F.roc_auc(scores, labels)] * 2
            )
            np.testing.assert_array_equal(
                R.weighted_roc_auc_micro(scores, labels, weights),
                [F.roc_auc_micro(scores, labels)] * 2,
            )

    @pytest.mark.parametrize('grouped', (False, True))
    @pytest.mark.parametrize('kind', KINDS[:-1])
    def test_equals_sklearn_on_the_drawn_clips(self, kind, grouped):
        scores, labels = random_case(kind, clips=60, classes=3)
        groups = np.arange(60) // 4 if grouped else None
        weights = R.bootstrap_weights(60, groups, resamples=15)
        result = R.weighted_roc_auc(scores, labels, weights)
        micro = R.weighted_roc_auc_micro(scores, labels, weights)
        assert result.shape == (15, 3) and micro.shape == (15,)
        for row, value, times in zip(result, micro, weights, strict=True):
            drawn = repeated(times, labels, scores)
            np.testing.assert_allclose(row, sk.roc_auc_score(*drawn, average=None), atol=1e-12)
            assert value == pytest.approx(sk.roc_auc_score(*drawn, average='micro'), abs=1e-12)

    def test_equals_sklearn_with_weights_that_are_not_whole(self):
        scores, labels = random_case('tied', clips=40, classes=2)
        weights = np.random.default_rng(0).exponential(size=(10, 40))
        np.testing.assert_allclose(
            R.weighted_roc_auc(scores, labels, weights),
            [
                sk.roc_auc_score(labels, scores, average=None, sample_weight=times)
                for times in weights
            ],
        )
        np.testing.assert_allclose(
            R.weighted_roc_auc_micro(scores, labels, weights),
            [
                sk.roc_auc_score(labels, scores, average='micro', sample_weight=times)
                for times in weights
            ],
        )

    def test_exact_on_the_drawn_clips(self):
        scores, labels = random_case('tied', clips=367, classes=8)
        weights = R.bootstrap_weights(367, resamples=20)
        drawn = [repeated(times, scores, labels) for times in weights]
        np.testing.assert_array_equal(
            R.weighted_roc_auc(scores, labels, weights), [F.roc_auc(*each) for each in drawn]
        )
        np.testing.assert_array_equal(
            R.weighted_roc_auc_micro(scores, labels, weights),
            [F.roc_auc_micro(*each) for each in drawn],
        )

    def test_class_that_a_resample_lacks_is_nan_and_the_others_stay(self):
        scores, labels = random_case('imbalanced', clips=20, classes=2)
        labels[:, 1] = np.arange(20) % 2
        weights = R.bootstrap_weights(20, resamples=200)
        result = R.weighted_roc_auc(scores, labels, weights)
        np.testing.assert_array_equal(np.isnan(result[:, 0]), weights[:, 7] == 0)
        assert not np.isnan(result[:, 1]).any()

    @pytest.mark.parametrize('value', (0, 1))
    def test_all_labels_equal(self, value, recwarn):
        labels = np.full((4, 2), value)
        weights = R.bootstrap_weights(4, resamples=3)
        assert np.isnan(R.weighted_roc_auc(labels + 1.0, labels, weights)).all()
        assert np.isnan(R.weighted_roc_auc_micro(labels + 1.0, labels, weights)).all()
        assert not recwarn.list

    @pytest.mark.parametrize('block', (1, 100, 1000, 10**9))
    def test_size_of_blocks_makes_no_difference(self, block, monkeypatch):
        scores, labels = random_case('tied', clips=30, classes=2)
        weights = R.bootstrap_weights(30, resamples=17)
        expected = (
            R.weighted_roc_auc(scores, labels, weights),
            R.weighted_roc_auc_micro(scores, labels, weights),
        )
        monkeypatch.setattr(R, '_BLOCK', block)
        np.testing.assert_array_equal(R.weighted_roc_auc(scores, labels, weights), expected[0])
        np.testing.assert_array_equal(
            R.weighted_roc_auc_micro(scores, labels, weights), expected[1]
        )

    def test_arguments_are_not_changed(self):
        scores, labels = random_case('tied', clips=30)
        weights = R.bootstrap_weights(30, resamples=5)
        before = [array.copy() for array in (scores, labels, weights)]
        R.weighted_roc_auc(scores, labels, weights)
        R.weighted_roc_auc_micro(scores, labels, weights)
        for array, old in zip((scores, labels, weights), before, strict=True):
            np.testing.assert_array_equal(array, old)

    @pytest.mark.parametrize('function', (R.weighted_roc_auc, R.weighted_roc_auc_micro))
    @pytest.mark.parametrize(
        'scores, labels, weights, expected',
        (
            ([[0.1, 0.2]], [[1]], [[1]], 'expected scores and labels of one shape'),
            (
                [[math.nan], [1]],
                [[1], [0]],
                [[1, 1]],
                'scores, row 0, class 0: expected a finite number, found nan',
            ),
            ([[0], [1]], [[1], [2]], [[1, 1]], 'labels, row 1, class 0: expected 0 or 1, found 2'),
            (
                [[0], [1]],
                [[1], [0]],
                [1, 1],
                'weights: expected an array of shape (R, 2), resamples by clips, found shape (2,)',
            ),
            ([[0], [1]], [[1], [0]], [[1, 1, 1]], 'found shape (1, 3)'),
            ([[0], [1]], [[1], [0]], np.zeros((0, 2)), 'found shape (0, 2)'),
            (
                [[0], [1]],
                [[1], [0]],
                [['1', '1']],
                'weights: expected real numbers, found dtype <U1',
            ),
            (
                [[0], [1]],
                [[1], [0]],
                [[1, 1], [2, -1]],
                'weights, resample 1, clip 1: expected a finite number of 0 or more, found -1',
            ),
            (
                [[0], [1]],
                [[1], [0]],
                [[math.inf, 1]],
                'weights, resample 0, clip 0: expected a finite number of 0 or more, found inf',
            ),
            ([[0], [1]], [[1], [0]], [[math.nan, 1]], 'found nan'),
        ),
    )
    def test_bad_arrays(self, function, scores, labels, weights, expected):
        with pytest.raises(InputError) as error:
            function(scores, labels, weights)
        assert expected in message_of(error)


class TestResampleSeeds:
    def test_one_seed_is_the_values(self):
        values = np.array([[0.5, np.nan, 0.25]])
        np.testing.assert_array_equal(R.resample_seeds(values), values[0])

    def test_mean_of_two_seeds(self):
        # One of the four draws is 0 0, two are mixed, one is 1 1; their
        # distances from 1/2 are stretched by sqrt(2).
        result = R.resample_seeds([[0] * 4000, [1] * 4000])
        found, times = np.unique(result, return_counts=True)
        assert found.tolist() == pytest.approx([0.5 - 0.5**0.5, 0.5, 0.5 + 0.5**0.5])
        np.testing.assert_allclose(times, [1000, 2000, 1000], atol=120)

    def test_spread_is_that_of_new_seeds(self):
        # The standard error of a mean.
        seeds = np.random.default_rng(0).normal(size=5)
        result = R.resample_seeds(np.tile(seeds[:, np.newaxis], 20_000))
        expected = seeds.std(ddof=1) / np.sqrt(5)
        assert result.std() == pytest.approx(expected, rel=0.02)
        assert result.mean() == pytest.approx(seeds.mean(), abs=0.01)

    def test_each_resample_keeps_its_own_values(self):
        values = np.add.outer(np.arange(3) * 0.001, np.arange(100.0))
        result = R.resample_seeds(values)
        farthest = 0.001 * np.sqrt(3 / 2) + 1e-9
        assert (np.abs(result - np.arange(100) - 0.001) <= farthest).all()
        assert len(np.unique(np.round(result - np.arange(100), 6))) > 3

    def test_draws_are_others_than_those_of_clips(self):
        # Else which seed is drawn would hang together with which clips are.
        values = np.array([[0.0] * 200, [1.0] * 200])
        same = np.random.default_rng(3).integers(0, 2, (2, 200))
        weights = R.bootstrap_weights(2, resamples=200, seed=3)
        drawn = np.random.default_rng(3).integers(0, 2, (200, 2))
        np.testing.assert_array_equal(weights[:, 1], drawn.sum(axis=1))
        assert (R.resample_seeds(values, seed=3) != same.mean(axis=0)).any()

    def test_undefined_stays_undefined(self):
        result = R.resample_seeds([[0.5, np.nan], [0.5, np.nan]])
        np.testing.assert_array_equal(result, [0.5, np.nan])

    @pytest.mark.parametrize(
        'values, expected',
        (
            (
                [0.5, 0.6],
                'values: expected an array of shape (S, R) that is not empty, found shape (2,)',
            ),
            (np.zeros((0, 5)), 'found shape (0, 5)'),
            ([[0.5, math.inf]], 'values[0, 1]: expected a finite number or NaN, found inf'),
            ([['a']], 'values: expected real numbers, found dtype <U1'),
        ),
    )
    def test_bad_values(self, values, expected):
        with pytest.raises(InputError) as error:
            R.resample_seeds(values)
        assert expected in message_of(error)


class TestPairedDifferences:
    def test_of_equal_seeds_it_is_the_difference(self):
        a, b = np.random.default_rng(0).random((2, 1, 50))
        a[0, 3] = b[0, 3] = np.nan
        np.testing.assert_allclose(R.paired_differences(a.repeat(3, axis=0), b), (a - b)[0])

    def test_seeds_of_the_models_are_drawn_apart(self):
        # Drawn together, the difference would always be 0.
        values = [[0] * 8000, [1] * 8000]
        for seed in (0, 1):
            result = R.paired_differences(values, values, seed)
            # That of the mean of two, sd**2 / 2 = 1/4, for either.
            assert result.var() == pytest.approx(0.5, abs=0.02)
        for a, b in ((values, values[:1]), (values[:1], values)):
            assert (R.paired_differences(a, b, 0) != R.paired_differences(a, b, 1)).any()

    @pytest.mark.parametrize(
        'a, b, expected',
        (
            (
                [[0.5, 0.5]],
                [[0.5, 0.5, 0.5]],
                'expected values_a and values_b of the same resamples, found 2 and 3',
            ),
            (
                [[0.5, 0.5]],
                [[0.5, 0.5], [0.5, math.nan]],
                'expected values_a and values_b of the same resamples and labels, '
                'found resample 1 undefined for 1 of 3 seeds',
            ),
            ([0.5], [[0.5]], 'values_a: expected an array of shape (S, R)'),
            ([[0.5]], [0.5], 'values_b: expected an array of shape (T, R)'),
        ),
    )
    def test_bad_values(self, a, b, expected):
        with pytest.raises(InputError, match=re.escape(expected)):
            R.paired_differences(a, b)

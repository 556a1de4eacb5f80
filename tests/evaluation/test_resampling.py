import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import functional as F
from emoreact_plugin.evaluation import resampling as R
from tests.evaluation.test_array_checks import message_of
from tests.evaluation.test_functional import KINDS, random_case

# 999 draws of a standard normal distribution, without chance.
NORMAL = stats.norm.ppf((np.arange(999) + 0.5) / 999)


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
                'groups: expected at least two, since all resamples of one are equal, found one',
            ),
            (dict(num_clips=2, groups=np.array(['a', 'a'])), 'groups: expected at least two'),
            (dict(num_clips=2, seed=-1), 'seed: expected a whole number of 0 or more, found -1'),
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


class TestInterval:
    def test_worked_by_hand(self):
        # 0 to 200: the 2.5 and the 97.5 percentile are 5 and 195.
        values = np.random.default_rng(0).permutation(201)
        assert R.interval(values) == pytest.approx((5, 195))
        assert R.interval(values, level=0.5) == pytest.approx((50, 150))
        assert all(type(end) is float for end in R.interval(values))

    def test_of_a_normal_distribution(self):
        np.testing.assert_allclose(R.interval(0.7 + 0.1 * NORMAL), (0.504, 0.896), atol=0.001)

    def test_undefined_are_left_out(self, recwarn):
        values = np.r_[np.full(5000, np.nan), np.arange(201.0)]
        assert R.interval(values) == pytest.approx((5, 195))
        assert all(map(math.isnan, R.interval([np.nan, np.nan])))
        assert not recwarn.list

    def test_share_of_resamples_without_a_rare_class(self):
        # The docstring's exp(-k).
        labels = np.zeros((400, 2), int)
        labels[:5, 0] = labels[:1, 1] = 1
        scores = np.arange(800.0).reshape(400, 2)
        undefined = np.isnan(R.weighted_roc_auc(scores, labels, R.bootstrap_weights(400))).mean(
            axis=0
        )
        assert undefined == pytest.approx([0.007, 0.37], abs=0.03)
        assert 0 < undefined[0] < 0.014

    def test_of_groups_that_are_copies(self):
        # 9 copies of each of 40 clips, to be drawn as one: what 40 clips
        # give. Drawn one by one they pass for 360 clips: a third as wide.
        rng = np.random.default_rng(0)
        labels = (np.arange(40) % 2)[:, np.newaxis]
        scores = rng.normal(size=(40, 1)) + labels
        copies = np.tile(scores, (9, 1)), np.tile(labels, (9, 1))
        names = [f'child{i:02}' for i in range(40)]

        alone = R.weighted_roc_auc(scores, labels, R.bootstrap_weights(40))
        grouped = R.weighted_roc_auc(*copies, R.bootstrap_weights(360, names * 9))
        np.testing.assert_array_equal(grouped, alone)

        clips = R.weighted_roc_auc(*copies, R.bootstrap_weights(360))
        wide, narrow = (np.subtract(*R.interval(each[:, 0])[::-1]) for each in (grouped, clips))
        assert wide / narrow == pytest.approx(3, rel=0.15)

    def test_holds_the_truth_as_often_as_it_says(self):
        # Normal scores a standard deviation apart: Phi(1 / sqrt(2)).
        truth = stats.norm.cdf(math.sqrt(0.5))
        labels = np.repeat([[0], [1]], 40, axis=0)
        rng, hits = np.random.default_rng(0), 0
        for seed in range(300):
            scores = rng.normal(size=(80, 1)) + labels
            weights = R.bootstrap_weights(80, resamples=300, seed=seed)
            values = R.weighted_roc_auc(scores, labels, weights)[:, 0]
            low, high = R.interval(values)
            hits += low <= truth <= high
        # 0.95 of 300 is 285, with a standard deviation of 4.
        assert 270 <= hits <= 297

    @pytest.mark.parametrize(
        'values, level, expected',
        (
            (
                [[0.5]],
                0.95,
                'values: expected an array of shape (R,) that is not empty, found shape (1, 1)',
            ),
            ([], 0.95, 'found shape (0,)'),
            ([0.5, -math.inf], 0.95, 'values[1]: expected a finite number or NaN, found -inf'),
            ([0.5], 95, 'level: expected a number above 0 and below 1, found 95'),
            ([0.5], 0, 'found 0'),
            ([0.5], 1, 'found 1'),
            ([0.5], math.nan, 'found nan'),
            ([0.5], True, 'found True'),
            ([0.5], '0.95', "found '0.95'"),
        ),
    )
    def test_bad_arguments(self, values, level, expected):
        with pytest.raises(InputError) as error:
            R.interval(values, level)
        assert expected in message_of(error)

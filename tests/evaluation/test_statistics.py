import math
from dataclasses import astuple
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import functional as F
from emoreact_plugin.evaluation import resampling as R
from emoreact_plugin.evaluation import statistics as S
from tests.evaluation.test_array_checks import message_of

# 999 draws of a standard normal distribution, without chance.
NORMAL = stats.norm.ppf((np.arange(999) + 0.5) / 999)


class TestInterval:
    def test_worked_by_hand(self):
        # 0 to 200: the 2.5 and the 97.5 percentile are 5 and 195.
        values = np.random.default_rng(0).permutation(201)
        assert S.interval(values) == pytest.approx((5, 195))
        assert S.interval(values, level=0.5) == pytest.approx((50, 150))
        assert all(type(end) is float for end in S.interval(values))

    def test_of_a_normal_distribution(self):
        np.testing.assert_allclose(S.interval(0.7 + 0.1 * NORMAL), (0.504, 0.896), atol=0.001)

    def test_undefined_are_left_out(self, recwarn):
        values = np.r_[np.full(5000, np.nan), np.arange(201.0)]
        assert S.interval(values) == pytest.approx((5, 195))
        assert all(map(math.isnan, S.interval([np.nan, np.nan])))
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
        wide, narrow = (np.subtract(*S.interval(each[:, 0])[::-1]) for each in (grouped, clips))
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
            low, high = S.interval(values)
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
            ([0.5], 95, 'level: expected a share above 0 and below 1, found 95'),
            ([0.5], 0, 'found 0'),
            ([0.5], 1, 'found 1'),
            ([0.5], math.nan, 'found nan'),
            ([0.5], True, 'found True'),
            ([0.5], '0.95', "found '0.95'"),
        ),
    )
    def test_bad_arguments(self, values, level, expected):
        with pytest.raises(InputError) as error:
            S.interval(values, level)
        assert expected in message_of(error)


class TestBootstrapPValue:
    @pytest.mark.parametrize(
        'differences, expected',
        (
            ([-0.1] + 8 * [0.1], 2 * 2 / 10),
            ([0.1] + 8 * [-0.1], 2 * 2 / 10),
            (999 * [0.1], 0.002),
            (999 * [-0.1], 0.002),
            (99 * [0.0], 1),  # on both sides
            ([0.0] + 98 * [0.1], 2 * 2 / 100),
            ([-0.1, 0.1], 1),  # 2 * 2 / 3, but no more than 1
            ([np.nan, 0.1, np.nan, 0.1, 0.1], 0.5),
        ),
    )
    def test_worked_by_hand(self, differences, expected):
        result = S.bootstrap_p_value(differences)
        assert type(result) is float
        assert result == pytest.approx(expected)

    def test_is_that_of_a_normal_distribution(self):
        draws = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
        for z in (-3, -1, 0.5, 2):
            assert S.bootstrap_p_value(draws + z) == pytest.approx(
                2 * NormalDist().cdf(-abs(z)), abs=5e-5
            )

    def test_agrees_with_the_interval(self):
        rng = np.random.default_rng(0)
        for shift in np.linspace(0, 4, 41):
            draws = rng.normal(size=999) + shift
            low, high = S.interval(draws)
            p_value = S.bootstrap_p_value(draws)
            if not 0.045 < p_value < 0.055:
                assert (low <= 0 <= high) == (p_value > 0.05)

    def test_all_undefined(self):
        assert math.isnan(S.bootstrap_p_value([np.nan, np.nan]))

    def test_bad_differences(self):
        with pytest.raises(InputError, match='differences: expected an array'):
            S.bootstrap_p_value([])


class TestHolm:
    def test_published(self):
        # The example of pingouin's documentation of its `holm`.
        np.testing.assert_allclose(
            S.holm([0.50, 0.003, 0.32, 0.054, 0.0003]), [0.64, 0.012, 0.64, 0.162, 0.0015]
        )

    def test_worked_by_hand(self):
        # Sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04, and the
        # last no less than the one before it.
        np.testing.assert_allclose(S.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
        np.testing.assert_allclose(S.holm([0.4, 0.9, 0.6]), [1, 1, 1])

    def test_rejects_what_the_procedure_rejects(self):
        # Holm 1979: from the least p-value on, reject while it is at most
        # alpha / (number of hypotheses left).
        rng = np.random.default_rng(0)
        for _ in range(200):
            p_values = rng.random(rng.integers(1, 9)) ** 3
            adjusted = S.holm(p_values)
            for alpha in (0.01, 0.05, 0.2, 0.5):
                rejected = np.zeros(len(p_values), bool)
                for k, i in enumerate(np.argsort(p_values)):
                    if p_values[i] > alpha / (len(p_values) - k):
                        break
                    rejected[i] = True
                np.testing.assert_array_equal(adjusted <= alpha, rejected)

    def test_undefined_is_no_test(self):
        np.testing.assert_allclose(
            S.holm([np.nan, 0.01, np.nan, 0.04]), [np.nan, 0.02, np.nan, 0.04]
        )
        assert np.isnan(S.holm([np.nan])).all()

    def test_no_tests(self):
        assert S.holm([]).shape == (0,)

    @pytest.mark.parametrize(
        'p_values, expected',
        (
            ([0.1, 1.2], 'p_values, test 1: expected a number in 0..1, found 1.2'),
            ([np.nan, -0.1], 'p_values, test 1: expected a number in 0..1, found -0.1'),
            (0.1, 'p_values: expected an array of shape (M,), found shape ()'),
        ),
    )
    def test_bad_p_values(self, p_values, expected):
        with pytest.raises(InputError) as error:
            S.holm(p_values)
        assert expected in message_of(error)


class TestNonInferiority:
    def test_worked_by_hand(self):
        # The 2.5 percentile of -0.05 to 0.15 in 201 steps is -0.045.
        differences = np.linspace(-0.05, 0.15, 201)
        result = S.non_inferiority(differences, 0.05)
        assert result.low == pytest.approx(-0.045)
        assert result.margin == 0.05
        assert result.non_inferior is True
        assert S.non_inferiority(differences, 0.04).non_inferior is False
        # The 5 percentile is -0.04.
        assert S.non_inferiority(differences, 0.041, 0.9).non_inferior is True

    def test_the_end_itself_is_not_enough(self):
        assert S.non_inferiority([-0.5] * 9, 0.5).non_inferior is False

    def test_undefined_is_not_shown(self):
        result = S.non_inferiority([np.nan], 0.05)
        assert math.isnan(result.low)
        assert result.non_inferior is False

    @pytest.mark.parametrize('margin', (0, -0.02, math.nan, math.inf, None, True, '0.02'))
    def test_bad_margin(self, margin):
        with pytest.raises(InputError, match='margin: ') as error:
            S.non_inferiority([0.1], margin)
        assert repr(margin) in str(error.value)


def two_models(rng, clips=100, classes=1, seeds=1, better=0.0):
    """Scores (S, N, C) of two models that err alike, and labels (N, C)."""
    labels = (rng.random((clips, classes)) < 0.4).astype(int)
    shared = rng.normal(size=labels.shape) + labels
    a, b = (shared + 0.7 * rng.normal(size=(seeds, *labels.shape)) for _ in range(2))
    return a + better * labels, b, labels


class TestPairedBootstrap:
    def test_worked_by_hand(self):
        # One seed each, so no chance: differences of .1, 198 times .2, .3;
        # one of 201 resamples is undefined.
        a = np.full((1, 201), 0.7)
        b = np.array([[0.6] + 198 * [0.5] + [0.4, np.nan]])
        a[0, -1] = np.nan
        result = S.paired_bootstrap(a, b, 0.75, [0.5])
        assert astuple(result) == pytest.approx((0.25, 0.2, 0.2, 2 / 201, 1 / 201), abs=1e-12)
        assert astuple(S.paired_bootstrap(a, b, 0.75, 0.5, level=0.999)) == pytest.approx(
            (0.25, 0.1, 0.3, 2 / 201, 1 / 201), abs=0.02
        )

    def test_estimates_are_averaged_over_seeds(self):
        values = np.full((3, 10), 0.5)
        result = S.paired_bootstrap(values, values[:2], [0.5, 0.6, 0.7], [0.4, 0.6])
        assert result.difference == pytest.approx(0.6 - 0.5)

    @pytest.mark.parametrize('seeds', (1, 3))
    def test_is_that_of_delong(self, seeds):
        # Another way to the same interval, of trainings as they are.
        a, b, labels = two_models(np.random.default_rng(1), 300, seeds=seeds, better=0.3)
        weights = R.bootstrap_weights(300)
        values = [
            np.mean(
                [R.weighted_roc_auc(x, labels, weights)[:, 0] for x in model], axis=0, keepdims=True
            )
            for model in (a, b)
        ]
        points = [np.mean([F.roc_auc(x, labels)[0] for x in model]) for model in (a, b)]
        result = S.paired_bootstrap(*values, *points)
        expected = S.delong(a[:, :, 0], b[:, :, 0], labels[:, 0])
        assert result.difference == pytest.approx(expected.difference)
        width = expected.high - expected.low
        assert result.low == pytest.approx(expected.low, abs=0.06 * width)
        assert result.high == pytest.approx(expected.high, abs=0.06 * width)
        assert result.p_value == pytest.approx(expected.p_value, abs=0.02)

    def test_seeds_that_differ_widen_the_interval(self):
        rng = np.random.default_rng(0)
        clips = rng.normal(scale=0.01, size=(2, 1, 4000))
        spread = np.array([[-0.04], [-0.02], [0], [0.02], [0.04]])
        # Of either model: clips .01 ** 2, mean of 5 seeds .0008 / 5.
        result = S.paired_bootstrap(
            0.7 + clips[0] + spread, 0.6 + clips[1] + spread, [0.7] * 5, [0.6] * 5
        )
        expected = 1.96 * math.sqrt(2 * (0.01**2 + 0.0008 / 5))
        assert result.difference == pytest.approx(0.1)
        assert result.low == pytest.approx(0.1 - expected, abs=0.003)
        assert result.high == pytest.approx(0.1 + expected, abs=0.003)

    def test_micro_and_macro(self):
        a, b, labels = two_models(np.random.default_rng(2), 80, classes=3, seeds=2, better=1.0)
        labels[:, 2] = 0
        weights = R.bootstrap_weights(80, resamples=300)

        def macro(model):
            values = [R.weighted_roc_auc(x, labels, weights) for x in model]
            return F.macro(values)

        def micro(model):
            return [R.weighted_roc_auc_micro(x, labels, weights) for x in model]

        for score, point in (
            (macro, lambda x: F.macro(F.roc_auc(x, labels))),
            (micro, lambda x: F.roc_auc_micro(x, labels)),
        ):
            points = [[point(x) for x in model] for model in (a, b)]
            result = S.paired_bootstrap(score(a), score(b), *points)
            assert result.difference == pytest.approx(np.mean(points[0]) - np.mean(points[1]))
            assert 0 < result.low < result.difference < result.high
            assert result.p_value == 2 / 301
            assert result.undefined == 0

    def test_all_undefined(self):
        nothing = [[np.nan] * 3]
        result = S.paired_bootstrap(nothing, nothing, np.nan, np.nan)
        assert all(map(math.isnan, astuple(result)[:4]))
        assert result.undefined == 1

    @pytest.mark.parametrize(
        'estimates, expected',
        (
            ([0.5, 0.5], 'estimates_b: expected one for each of 3 seeds, found 2'),
            (0.5, 'estimates_b: expected one for each of 3 seeds, found 1'),
            ([[0.5]], 'estimates_b: expected an array of shape (S,)'),
        ),
    )
    def test_bad_estimates(self, estimates, expected):
        with pytest.raises(InputError) as error:
            S.paired_bootstrap([[0.5]], [[0.5]] * 3, [0.5], estimates)
        assert expected in message_of(error)

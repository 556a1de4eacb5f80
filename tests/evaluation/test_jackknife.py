import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import (
    Values,
    combine,
    effective_number,
    holm,
    interval_of,
    left_out_weights,
    weighted_roc_auc,
)
from tests.evaluation.test_array_checks import message_of


def means_of(x):
    """Make the values of a mean over G groups of equal size, from (S, G) means of groups."""
    groups = x.shape[1]
    total = x.sum(axis=1, keepdims=True)
    return Values(x.mean(axis=1), (total - x) / (groups - 1))


class TestLeftOutWeights:
    def test_worked_by_hand(self):
        np.testing.assert_array_equal(
            left_out_weights(4, ['b', 'a', 'b', 'c']), [[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]]
        )

    def test_without_groups_clips_are_left_out(self):
        np.testing.assert_array_equal(left_out_weights(3), 1 - np.eye(3))

    @pytest.mark.parametrize(
        'groups, expected',
        [
            (['a', 'a'], 'groups: expected at least two'),
            (['a'], 'groups: expected one for each of 2 clips, found 1'),
            (['a', None], 'groups, clip 1: expected its group, found None'),
        ],
    )
    def test_bad_groups(self, groups, expected):
        with pytest.raises(InputError) as error:
            left_out_weights(2, groups)
        assert expected in message_of(error)


class TestCombine:
    def test_of_one_seed_is_the_t_test_of_the_groups(self):
        x = np.random.default_rng(0).normal(0.3, 1, (1, 12))
        found = combine([(1, means_of(x))])
        expected = stats.ttest_1samp(x[0], 0)
        assert found.value == pytest.approx(x.mean())
        assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
        assert found.degrees == 11
        # Other seeds might differ by anything.
        assert math.isnan(found.p_value)

    def test_of_fixed_scores_has_the_p_value_of_the_t_test(self):
        x = np.random.default_rng(1).normal(0.3, 1, (1, 12))
        values = Values(means_of(x).full, means_of(x).left_out, fixed=True)
        expected = stats.ttest_1samp(x[0], 0)
        assert combine([(1, values)]).p_value == pytest.approx(expected.pvalue)

    def test_of_seeds_that_see_the_same_is_the_t_test_of_the_seeds(self):
        # No group differs from another, so seeds are all that varies: Welch's test.
        rng = np.random.default_rng(2)
        a, b = rng.normal(0.8, 0.02, (5, 1)), rng.normal(0.75, 0.04, (4, 1))
        found = combine([(1, means_of(np.tile(a, 9))), (-1, means_of(np.tile(b, 9)))])
        expected = stats.ttest_ind(a[:, 0], b[:, 0], equal_var=False)
        assert found.p_value == pytest.approx(expected.pvalue)
        assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))

    def test_components_worked_by_hand(self):
        # Two seeds of three groups. Means of groups 1, 2, 3 and 3, 2, 1: the mean over the seeds
        # is 2 in each group, so all that varies is what one seed does in one group.
        found = combine([(1, means_of(np.array([[1.0, 2, 3], [3, 2, 1]])))])
        # Jackknife: 0 for the mean, 1/3 for each seed; (0 - 1/3) < 0 is no sampling variance.
        # Both seeds have the mean 2, so there is none over the seeds either.
        assert found.standard_error == 0 and math.isnan(found.low)

    @pytest.mark.parametrize('seeds', [3, 5])
    @pytest.mark.parametrize('seed_sd, noise_sd', [(0, 0.3), (0.3, 0.3), (0.1, 1)])
    def test_rejects_what_is_true_as_often_as_it_says(self, seeds, seed_sd, noise_sd):
        rng = np.random.default_rng(seeds)
        rejected = 0
        for _ in range(1000):
            group = rng.normal(size=(1, 30))
            a, b = (
                group
                + rng.normal(0, 0.5, (1, 30))
                + rng.normal(0, seed_sd, (seeds, 1))
                + rng.normal(0, noise_sd, (seeds, 30))
                for _ in range(2)
            )
            rejected += combine([(1, means_of(a)), (-1, means_of(b))]).p_value < 0.05
        assert 30 <= rejected <= 70

    def test_the_effective_number_of_groups_gives_the_degrees_of_freedom(self):
        assert effective_number([5, 5, 5, 5]) == 4
        assert effective_number([10, 1, 1, 0]) == pytest.approx(12**2 / 102)
        assert math.isnan(effective_number([0, 0]))
        x = np.random.default_rng(0).normal(0.3, 1, (1, 12))
        full, left = means_of(x).full, means_of(x).left_out
        found = combine([(1, Values(full, left, True, effective=4.0))])
        error = combine([(1, Values(full, left, True))]).standard_error
        assert found.degrees == 3 and found.standard_error == pytest.approx(error)
        assert found.p_value == pytest.approx(2 * stats.t.sf(abs(x.mean()) / error, 3))

    def test_two_seeds_give_no_p_value(self):
        a, b = np.random.default_rng(0).normal(size=(2, 2, 9))
        found = combine([(1, means_of(a)), (-1, means_of(b))])
        assert math.isnan(found.p_value) and found.low < found.value < found.high

    def test_undefined_scores_and_no_spread(self):
        lost = combine([(1, Values(np.array([0.5]), np.array([[0.5, np.nan]])))])
        assert lost.value == 0.5 and math.isnan(lost.low) and math.isnan(lost.p_value)
        for seeds in (2, 3, 5):
            x = np.random.default_rng(seeds).normal(0.8, 0.01, (seeds, 9))
            x[:, 4] = np.nan
            for values in (Values(x[:, 0], x), Values(x[:, 4], x)):
                found = combine([(1, values)])
                assert math.isnan(found.low) and math.isnan(found.p_value)
                assert all(map(math.isnan, interval_of(values)))
        same = Values(np.full(3, 0.5), np.full((3, 4), 0.5))
        assert combine([(1, same), (-1, same)]).p_value == 1
        assert math.isnan(combine([(1, same)]).p_value)

    def test_scores_of_other_groups_are_refused(self):
        a, b = means_of(np.ones((1, 3))), means_of(np.ones((1, 4)))
        with pytest.raises(InputError, match='same groups, found .3, 4.'):
            combine([(1, a), (-1, b)])
        with pytest.raises(InputError, match='level'):
            combine([(1, a)], level=95)


def obuchowski(scores, labels, groups):
    """Compute the variance of the ROC AUC of clustered data, Obuchowski (1997), equation 3."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    area, m, n = wins.mean(), len(positive), len(negative)
    names = sorted(set(groups))
    groups = np.array(groups)
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    count = len(names)
    x = np.array([(v10[groups[labels == 1] == name] - area).sum() for name in names])
    y = np.array([(v01[groups[labels == 0] == name] - area).sum() for name in names])
    share = count / (count - 1)
    return (
        share * (x**2).sum() / m**2
        + share * (y**2).sum() / n**2
        + 2 * share * (x * y).sum() / (m * n)
    )


class TestOfROCAUC:
    @pytest.fixture
    def clips(self):
        rng = np.random.default_rng(4)
        groups = [f'g{k:02}' for k in rng.integers(0, 40, 400)]
        likes, score = (
            dict(zip(sorted(set(groups)), rng.normal(size=40), strict=True)) for _ in 'ab'
        )
        labels = np.array([rng.random() < stats.norm.cdf(likes[g]) for g in groups]).astype(int)
        scores = labels + np.array([score[g] for g in groups]) + 0.5 * rng.normal(size=400)
        return scores, labels, groups

    def values(self, scores, labels, groups):
        weights = left_out_weights(len(labels), groups)
        left = weighted_roc_auc(scores[:, None], labels[:, None], weights)
        return Values(np.array([roc_auc_score(labels, scores)]), left.T)

    def test_the_left_out_scores_are_those_of_scikit_learn(self, clips):
        scores, labels, groups = clips
        values = self.values(*clips)
        for k, name in enumerate(sorted(set(groups))):
            keep = np.array([g != name for g in groups])
            assert values.left_out[0, k] == pytest.approx(roc_auc_score(labels[keep], scores[keep]))

    def test_the_variance_is_near_obuchowskis(self, clips):
        scores, labels, groups = clips
        error = combine([(1, self.values(*clips))]).standard_error
        assert error**2 == pytest.approx(obuchowski(scores, labels, groups), rel=0.1)
        # Clips that are taken one by one would seem to say more than they do.
        alone = combine([(1, self.values(scores, labels, None))]).standard_error
        assert alone < 0.8 * error

    def test_the_interval_stays_within_0_and_1(self):
        labels = np.array([0, 1] * 6)
        scores = labels * 3.0
        scores[0] = 2.9
        scores[1] = 2.8
        low, high = interval_of(self.values(scores, labels, None))
        assert 0 < low < roc_auc_score(labels, scores) < high < 1
        assert all(map(math.isnan, interval_of(self.values(labels * 1.0, labels, None))))

    def test_the_interval_of_a_class_that_is_nearly_all_in_one_group_is_wide(self):
        # Degrees of freedom of 0.5 give logits that overflow `exp`.
        left_out = np.array([[0.99, 0.99, 0.8]])
        values = Values(np.array([0.98]), left_out, effective=1.05)
        error = math.sqrt(2 * left_out.var())  # (G - 1) / G times the sum of squares
        half = stats.t.isf(0.025, 0.5) * error / (0.98 * 0.02)
        expected = expit(math.log(0.98 / 0.02) + np.array([-half, half]))
        assert half > 1000
        assert interval_of(values) == pytest.approx(tuple(expected), abs=1e-12)


class TestHolm:
    def test_published(self):
        # The example of pingouin's documentation of its `holm`.
        np.testing.assert_allclose(
            holm([0.50, 0.003, 0.32, 0.054, 0.0003]), [0.64, 0.012, 0.64, 0.162, 0.0015]
        )

    def test_worked_by_hand(self):
        # Sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04, and the
        # last no less than the one before it.
        np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
        np.testing.assert_allclose(holm([0.4, 0.9, 0.6]), [1, 1, 1])

    def test_rejects_what_the_procedure_rejects(self):
        # Holm 1979: from the least p-value on, reject while it is at most
        # alpha / (number of hypotheses left).
        rng = np.random.default_rng(0)
        for _ in range(200):
            p_values = rng.random(rng.integers(1, 9)) ** 3
            adjusted = holm(p_values)
            for alpha in (0.01, 0.05, 0.2, 0.5):
                rejected = np.zeros(len(p_values), bool)
                for k, i in enumerate(np.argsort(p_values)):
                    if p_values[i] > alpha / (len(p_values) - k):
                        break
                    rejected[i] = True
                np.testing.assert_array_equal(adjusted <= alpha, rejected)

    def test_undefined_is_no_test(self):
        np.testing.assert_allclose(holm([np.nan, 0.01, np.nan, 0.04]), [np.nan, 0.02, np.nan, 0.04])
        assert np.isnan(holm([np.nan])).all()

    def test_no_tests(self):
        assert holm([]).shape == (0,)

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
            holm(p_values)
        assert expected in message_of(error)

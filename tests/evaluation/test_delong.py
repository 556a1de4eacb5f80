import math
from dataclasses import astuple
from statistics import NormalDist

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import functional as F
from emoreact_plugin.evaluation import statistics as S
from tests.evaluation.test_array_checks import message_of
from tests.evaluation.test_statistics import two_models


def by_definition(scores_a, scores_b, labels):
    """Compute DeLong et al. 1988, equations 4 to 6, from all m x n pairs.

    Returns the mean over seeds of each ROC AUC, and the variance of their difference.
    """
    labels = np.asarray(labels, bool)
    of_positives, of_negatives = [], []
    for scores in (scores_a, scores_b):
        kernel = np.mean(
            [
                np.where(
                    x[labels][:, None] > x[~labels],
                    1.0,
                    np.where(x[labels][:, None] == x[~labels], 0.5, 0.0),
                )
                for x in np.atleast_2d(scores)
            ],
            axis=0,
        )
        of_positives.append(kernel.mean(axis=1))
        of_negatives.append(kernel.mean(axis=0))
    covariance = np.cov(of_positives) / labels.sum() + np.cov(of_negatives) / (~labels).sum()
    contrast = np.array([1, -1])
    return np.mean(of_positives, axis=1), contrast @ covariance @ contrast


class TestDeLong:
    def test_worked_by_hand(self):
        # Positives 3 1 against negatives 2 0 win 1 1 and 0 1 of the pairs,
        # 0 0 against 1 0: 0 .5 and 0 .5. So ROC AUC .75 and .25; the wins of
        # the positives differ by .75 and .25, of variance 1/8, those of the
        # negatives by .5 and .5. Variance 1/8 / 2 = .25 ** 2, z = 2.
        result = S.delong([3, 1, 2, 0], [0, 0, 1, 0], [1, 1, 0, 0])
        assert astuple(result) == pytest.approx(
            (
                0.75,
                0.25,
                0.5,
                0.25,
                0.0455002638964,
                0.5 - 1.959963984540 * 0.25,
                0.5 + 1.959963984540 * 0.25,
            ),
            abs=1e-10,
        )
        assert all(type(value) is float for value in astuple(result))

    def test_published(self):
        # Ratings of 109 CT images by Hanley and McNeil 1982, table 1; ROC
        # AUC, standard error and interval as Stata's manual has them in its
        # entry roctab. Against scores that are all equal, of ROC AUC 0.5.
        ratings = np.tile(np.arange(1, 6), 2)
        counts = [33, 6, 6, 11, 2, 3, 2, 2, 11, 33]
        labels = np.repeat([0, 1], 5).repeat(counts)
        result = S.delong(ratings.repeat(counts), np.zeros(109), labels)
        assert result.roc_auc_a == pytest.approx(0.8932, abs=5e-5)
        assert result.roc_auc_b == 0.5
        assert result.standard_error == pytest.approx(0.0307, abs=5e-5)
        assert result.low + 0.5 == pytest.approx(0.83295, abs=5e-6)
        assert result.high + 0.5 == pytest.approx(0.95339, abs=5e-6)

    @pytest.mark.parametrize('seeds_a, seeds_b', ((1, 1), (3, 3), (2, 5)))
    @pytest.mark.parametrize('tied', (False, True))
    def test_equals_the_definition(self, seeds_a, seeds_b, tied):
        rng = np.random.default_rng(4)
        labels = (rng.random(45) < 0.3).astype(int)
        a = rng.normal(size=(seeds_a, 45)) + labels
        b = rng.normal(size=(seeds_b, 45)) + 0.2 * labels
        if tied:
            a, b = a.round(), b.round()
        result = S.delong(a, b, labels, level=0.9)
        areas, variance = by_definition(a, b, labels)
        assert astuple(result)[:2] == pytest.approx(areas)
        for scores, area in zip((a, b), areas, strict=True):
            assert area == pytest.approx(
                np.mean([F.roc_auc(x[:, None], labels[:, None])[0] for x in scores])
            )
        assert result.standard_error == pytest.approx(math.sqrt(variance))
        z = (areas[0] - areas[1]) / math.sqrt(variance)
        assert result.p_value == pytest.approx(2 * NormalDist().cdf(-abs(z)), rel=1e-9)
        half = NormalDist().inv_cdf(0.95) * math.sqrt(variance)
        assert result.low == pytest.approx(areas[0] - areas[1] - half)
        assert result.high == pytest.approx(areas[0] - areas[1] + half)

    def test_swapped_models(self):
        a, b, labels = (x[..., 0] for x in two_models(np.random.default_rng(0), better=0.5))
        result, swapped = S.delong(a, b, labels), S.delong(b, a, labels)
        assert astuple(swapped) == pytest.approx(
            (
                result.roc_auc_b,
                result.roc_auc_a,
                -result.difference,
                result.standard_error,
                result.p_value,
                -result.high,
                -result.low,
            )
        )

    def test_one_seed_needs_no_axis(self):
        a, b, labels = (x[..., 0] for x in two_models(np.random.default_rng(0)))
        assert S.delong(a[0], b, labels) == S.delong(a, b[0], labels)
        assert astuple(S.delong(a, b, labels)) == pytest.approx(
            astuple(S.delong(a.repeat(3, axis=0), b, labels))
        )

    def test_rejects_equal_models_as_often_as_it_says(self):
        rng = np.random.default_rng(0)
        p_values = []
        for _ in range(600):
            a, b, labels = two_models(rng, seeds=2)
            p_values.append(S.delong(a[..., 0], b[..., 0], labels[:, 0]).p_value)
        p_values = np.array(p_values)
        # 30 and 300 of 600, with standard deviations of 5.3 and 12.
        assert 15 <= (p_values < 0.05).sum() <= 46
        assert 263 <= (p_values < 0.5).sum() <= 337

    @pytest.mark.parametrize('labels', ([0, 0, 0], [1, 1, 1]))
    def test_labels_of_one_value(self, labels, recwarn):
        assert all(map(math.isnan, astuple(S.delong([1, 2, 3], [3, 2, 1], labels))))
        assert not recwarn.list

    @pytest.mark.parametrize('labels, area', (([0, 1, 0], 0.5), ([1, 0, 1], 0.5)))
    def test_a_single_positive_or_negative(self, labels, area, recwarn):
        result = S.delong([1, 2, 3], [1, 1, 1], labels)
        assert astuple(result)[:3] == (area, 0.5, 0)
        assert all(map(math.isnan, astuple(result)[3:]))
        assert not recwarn.list

    @pytest.mark.parametrize(
        'a, b',
        (
            ([3, 2, 1, 0], [3, 2, 1, 0]),
            ([9, 8, 0, 0], [1, 1, 0, 0.5]),  # both separate the clips
            ([3, 0, 2, 1], [5, 1, 3, 2]),  # other scores in the same order
        ),
    )
    def test_no_variance_and_no_difference(self, a, b):
        result = S.delong(a, b, [1, 1, 0, 0])
        assert astuple(result)[2:5] == (0, 0, 1)
        assert math.isnan(result.low) and math.isnan(result.high)

    def test_no_variance_but_a_difference(self):
        result = S.delong([3, 2, 1, 0], [0, 1, 2, 3], [1, 1, 0, 0])
        assert astuple(result)[:4] == (1, 0, 1, 0)
        assert all(map(math.isnan, astuple(result)[4:]))

    def test_no_variance_but_for_rounding(self):
        # The mean over seeds of thirds: the same in either, summed in
        # another order.
        a = [[5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [3, 5, 1, 2, 4]]
        labels = [1, 1, 0, 0, 0]
        result = S.delong(a, a[::-1], labels)
        assert astuple(result)[3:5] == (0, 1)
        # All pairs won in two seeds of three, against none in any.
        ahead, behind = [2, 2, 1, 1, 1], [1, 1, 2, 2, 2]
        result = S.delong([ahead, ahead, behind], [behind], labels)
        assert result.difference == pytest.approx(2 / 3)
        assert result.standard_error == 0
        assert math.isnan(result.p_value)

    @pytest.mark.parametrize(
        'a, b, labels, expected',
        (
            (
                [[[1.0]]],
                [1.0],
                [1],
                'scores_a: expected an array of shape (S, N) '
                'that is not empty, found shape (1, 1, 1)',
            ),
            (
                [1.0, 2],
                [],
                [1, 0],
                'scores_b: expected an array of shape (S, N) that is not empty, found shape (1, 0)',
            ),
            (
                [1.0, 2],
                [[1, 2], [1, math.nan]],
                [1, 0],
                'scores_b[1, 1]: expected a finite number, found nan',
            ),
            ([math.inf, 2], [1, 2], [1, 0], 'scores_a[0, 0]: expected a finite number, found inf'),
            (
                [1.0, 2],
                [1.0, 2],
                [[1], [0]],
                'labels: expected an array of shape (N,), found shape (2, 1)',
            ),
            ([1.0, 2], [1.0, 2], [1, 3], 'labels, row 1, class 0: expected 0 or 1, found 3'),
            (
                [1.0, 2],
                [1.0, 2, 3],
                [1, 0],
                'expected scores_a, scores_b and labels of the same clips, found 2, 3 and 2',
            ),
        ),
    )
    def test_bad_arrays(self, a, b, labels, expected):
        with pytest.raises(InputError) as error:
            S.delong(a, b, labels)
        assert expected in message_of(error)

    def test_bad_level(self):
        with pytest.raises(InputError, match='level: .* found 95'):
            S.delong([1, 2], [1, 2], [1, 0], level=95)

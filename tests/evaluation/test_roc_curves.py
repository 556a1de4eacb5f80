import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score, roc_curve

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import (
    bootstrap_weights,
    mean_roc_curve,
    roc_band,
    weighted_roc_curves,
)

rng = np.random.default_rng(0)
LABELS = rng.integers(0, 2, 60)
SCORES = (LABELS + 2 * rng.normal(size=(3, 60))).round(1)  # with ties


def test_curves_are_those_of_scikit_learn():
    weights = rng.integers(0, 4, (5, 60))
    fpr, tpr = weighted_roc_curves(SCORES[0], LABELS, weights)
    for r in range(5):
        expected = roc_curve(LABELS, SCORES[0], sample_weight=weights[r], drop_intermediate=False)
        grid = np.linspace(0, 1, 200)[1:-1]  # between the points
        np.testing.assert_allclose(
            np.interp(grid, fpr[r], tpr[r]), np.interp(grid, expected[0], expected[1]), atol=1e-12
        )
    fpr, tpr = weighted_roc_curves(SCORES[0], LABELS, np.ones((1, 60)))
    expected = roc_curve(LABELS, SCORES[0], drop_intermediate=False)
    np.testing.assert_allclose([fpr[0], tpr[0]], expected[:2], atol=1e-12)


def test_a_resample_of_one_label_has_no_curve():
    fpr, tpr = weighted_roc_curves([0.1, 0.2, 0.3], [0, 1, 1], [[0, 1, 1], [1, 1, 0]])
    assert np.isnan(fpr[0]).all() and np.isnan(tpr[0]).all()
    assert tpr[1].tolist() == [0, 0, 1, 1]
    assert fpr[1].tolist() == [0, 0, 0, 1]


def test_the_mean_by_hand():
    # one seed goes up first, the other one to the right
    fpr, tpr = mean_roc_curve([[0.9, 0.1], [0.1, 0.9]], [1, 0])
    assert fpr.tolist() == [0, 0, 1, 1]
    assert tpr.tolist() == [0, 0.5, 0.5, 1]
    # a tie is a slope: 0.25 is half of the way up at half of the way right
    fpr, tpr = mean_roc_curve([[0.5, 0.5, 0.1], [0.5, 0.1, 0.9]], [1, 0, 0])
    assert fpr.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    assert tpr.tolist() == [0, 0, 0.5, 1, 1, 1]


def test_the_area_under_the_mean_is_the_mean_area():
    fpr, tpr = mean_roc_curve(SCORES, LABELS)
    assert (np.diff(fpr) >= 0).all() and (np.diff(tpr) >= 0).all()
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert auc(fpr, tpr) == pytest.approx(np.mean([roc_auc_score(LABELS, each) for each in SCORES]))


def test_the_mean_of_one_seed_is_its_curve():
    np.testing.assert_allclose(
        mean_roc_curve(SCORES[:1], LABELS),
        roc_curve(LABELS, SCORES[0], drop_intermediate=False)[:2],
        atol=1e-12,
    )


def test_the_band_by_scikit_learn():
    weights = bootstrap_weights(60, resamples=200)
    grid = np.linspace(0.005, 0.995, 12)  # where no curve goes straight up
    values = []
    for weight in weights:
        curves = [
            roc_curve(LABELS, each, sample_weight=weight, drop_intermediate=False)
            for each in SCORES
        ]
        values.append(np.mean([np.interp(grid, fpr, tpr) for fpr, tpr, _ in curves], axis=0))
    low, high = roc_band(SCORES, LABELS, weights, grid)
    np.testing.assert_allclose(low, np.quantile(values, 0.025, axis=0))
    np.testing.assert_allclose(high, np.quantile(values, 0.975, axis=0))


def test_resamples_without_a_curve_are_left_out_of_the_band():
    labels, scores = [0, 0, 1, 1], [[0.1, 0.3, 0.2, 0.4]]
    weights = np.array([[1, 1, 1, 1], [2, 2, 0, 0]])
    low, high = roc_band(scores, labels, weights, [0.25, 0.75])
    np.testing.assert_allclose([low, high], [[0.5, 1], [0.5, 1]])
    low, high = roc_band(scores, labels, weights[1:], [0.25, 0.75])
    assert np.isnan([low, high]).all()


def test_what_has_no_curve_is_refused():
    with pytest.raises(InputError, match='labels: expected 0 and 1, found only 1'):
        mean_roc_curve([[0.1, 0.2]], [1, 1])
    with pytest.raises(
        InputError,
        match=r'weights: expected an array of shape \(R, 2\).* found shape \(1, 3\)',
    ):
        weighted_roc_curves([0.1, 0.2], [0, 1], [[1, 1, 1]])
    with pytest.raises(InputError, match='weights, resample 0, clip 1: .*found -1'):
        weighted_roc_curves([0.1, 0.2], [0, 1], [[1, -1]])

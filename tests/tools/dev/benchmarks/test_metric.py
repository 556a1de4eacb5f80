import numpy as np
import pytest
from benchmarks.metric import (
    bootstrap_by_sklearn,
    metric_groups,
    metric_samples,
    random_scores,
    score_by_sklearn,
    score_samples,
)

from emoreact_plugin.evaluation import bootstrap_weights, weighted_roc_auc

pytestmark = pytest.mark.slow


def test_both_sides_of_the_metric_give_the_same():
    scores, labels = random_scores(200)
    ours = score_samples(metric_samples(scores, labels))
    theirs = score_by_sklearn(scores, labels)
    assert set(ours) == set(theirs) and len(ours) == 30
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], abs=1e-12), name


def test_both_sides_of_every_group_give_the_same():
    roc_auc, micro, metric, bootstrap = metric_groups(150, 5)
    for group in (roc_auc, micro, bootstrap):
        ours, theirs = group.calls['ours'](0), group.calls['scikit-learn'](0)
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
        (comparison,) = group.comparisons
        assert (comparison.name, comparison.yardstick) == ('ours', 'scikit-learn')
    assert '150 clips of 8 classes' in metric.title
    assert '5 resamples of 367 clips' in bootstrap.title


def test_bootstrap_by_hand():
    scores, labels = random_scores(40)
    weights = bootstrap_weights(40, resamples=3)
    np.testing.assert_allclose(
        bootstrap_by_sklearn(scores, labels, weights),
        weighted_roc_auc(scores, labels, weights),
        atol=1e-12,
    )

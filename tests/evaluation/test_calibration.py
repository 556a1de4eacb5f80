import math

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import Calibration, calibrate, calibration_error
from emoreact_plugin.evaluation.calibration import choose_thresholds, fit_temperature, reliability

CLASSES = ('calm', 'rare')


def make_case(clips=300, temperature=1.0, seed=0):
    """Draw labels by known probabilities, and logits that are too sure by a factor."""
    rng = np.random.default_rng(seed)
    logits = rng.normal([0, -2.5], 1.2, (clips, 2))
    labels = (rng.random((clips, 2)) < expit(logits)).astype(int)
    return logits * temperature, labels


class TestTemperature:
    def test_it_is_that_of_a_regression_without_intercept(self):
        logits, labels = make_case(temperature=3)
        regression = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
        regression.fit(logits.reshape(-1, 1), labels.ravel())
        assert fit_temperature(logits, labels) == pytest.approx(
            1 / regression.coef_[0, 0], rel=1e-3
        )

    def test_it_finds_how_much_too_sure_the_network_is(self):
        logits, labels = make_case(20000, temperature=2.5)
        assert fit_temperature(logits, labels) == pytest.approx(2.5, rel=0.05)

    def test_logits_that_say_nothing_stay_within_the_bounds(self):
        logits, labels = make_case()
        assert 10 < fit_temperature(-logits, labels) <= 20
        assert fit_temperature(100.0 * (2 * labels - 1), labels) < 20


class TestThresholds:
    def test_they_are_the_best_of_all(self):
        logits, labels = make_case()
        values = expit(logits)
        found = choose_thresholds(values, labels)
        for k in range(2):
            every = [f1_score(labels[:, k], values[:, k] >= x) for x in values[:, k]]
            assert f1_score(labels[:, k], values[:, k] >= found[k]) == pytest.approx(max(every))
        assert found[1] < 0.4  # 0.5 hardly ever names it

    def test_worked_by_hand(self):
        values = np.array([[0.1, 0.2], [0.2, 0.1], [0.6, 0.3], [0.9, 0.4]])
        labels = np.array([[0, 0], [0, 0], [1, 0], [1, 0]])
        # Anything above 0.2 and up to 0.6 separates them: 0.5 does. No clip has the second.
        np.testing.assert_allclose(choose_thresholds(values, labels), [0.5, 0.5])
        labels[1, 0] = 1
        # Between 0.1 and 0.2: all three.
        assert choose_thresholds(values, labels)[0] == pytest.approx(0.15)


class TestError:
    def test_worked_by_hand(self):
        # Two bins: 0.1 and 0.3 with one positive, 0.9 with one: |0.2 - 0.5| 2/3 + |0.9 - 1| 1/3.
        error = calibration_error([[0.1], [0.3], [0.9]], [[0], [1], [1]], bins=2)
        assert error == pytest.approx([0.3 * 2 / 3 + 0.1 / 3])

    def test_the_bins_are_those_of_scikit_learn(self):
        logits, labels = make_case()
        mean, share, count = reliability(expit(logits[:, 0]), labels[:, 0])
        share_of, mean_of = calibration_curve(labels[:, 0], expit(logits[:, 0]), n_bins=10)
        np.testing.assert_allclose(mean, mean_of)
        np.testing.assert_allclose(share, share_of)
        assert count.sum() == 300

    def test_a_temperature_mends_it(self):
        logits, labels = make_case(3000, temperature=4)
        found = calibrate(logits, labels, CLASSES)
        before = calibration_error(expit(logits), labels)
        after = calibration_error(found.probabilities(logits), labels)
        assert (after < 0.4 * before).all()
        loss = [
            log_loss(labels.ravel(), p.ravel())
            for p in (expit(logits), found.probabilities(logits))
        ]
        assert loss[1] < loss[0]

    @pytest.mark.parametrize('bins', (0, 2.5, True))
    def test_no_number_of_bins(self, bins):
        with pytest.raises(InputError, match=f'bins: expected a whole number of 1 .*found {bins}'):
            calibration_error([[0.5]], [[1]], bins)

    def test_a_class_twice_is_refused(self):
        with pytest.raises(InputError, match="classes: .*found 'calm' 2 times"):
            calibrate(*make_case(), ('calm', 'calm'))


class TestMeta:
    def test_there_and_back(self):
        found = calibrate(*make_case(), CLASSES)
        assert found.clips == 300
        assert Calibration.of_meta(found.to_meta(), CLASSES, 'best.pth') == found
        assert logit(found.probabilities(3.0)) == pytest.approx(3 / found.temperature)

    @pytest.mark.parametrize(
        'change',
        [
            dict(temperature=0),
            dict(temperature=math.nan),
            dict(temperature='x'),
            dict(thresholds=dict(calm=0.5)),
            dict(thresholds=dict(calm=0.5, rare=2)),
            dict(thresholds=[0.5, 0.5]),
            dict(clips=None),
        ],
    )
    def test_odd_content_is_refused(self, change):
        meta = dict(temperature=1.0, thresholds=dict(calm=0.5, rare=0.1), clips=9)
        with pytest.raises(InputError, match='best.pth: calibration: expected'):
            Calibration.of_meta(dict(meta, **change), CLASSES, 'best.pth')

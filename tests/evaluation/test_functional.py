import math

import numpy as np
import pytest
from sklearn import metrics as sk

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import functional as F

CLASSES = ('Joy', 'Fear', 'Calm')


def random_case(kind, clips=200, classes=5, seed=0):
    """Scores and labels with both values in each class."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((clips, classes)) < 0.3).astype(int)
    labels[0], labels[1] = 0, 1
    scores = rng.normal(size=(clips, classes)) + 0.7 * labels
    if kind == 'tied':
        scores = np.round(scores)
    elif kind == 'two values':
        scores = (scores > 0).astype(float)
    elif kind == 'constant':
        scores = np.full_like(scores, 0.25)
    elif kind == 'large':
        scores = scores * 1e9
    elif kind == 'float32':
        scores = scores.astype(np.float32)
    elif kind == 'imbalanced':
        labels[:] = 0
        labels[7] = 1
    return scores, labels


KINDS = ('random', 'tied', 'two values', 'constant', 'large', 'float32', 'imbalanced')


class TestROCAUC:
    def test_worked_by_hand(self):
        # Class 0: positives 0.8 and 0.4 against negatives 0.6 and 0.1 win
        # 2 + 1 of 4 pairs. Class 1: 0.5 ties with one 0.5 and beats 0.2 and
        # 0.3: 2.5 of 3. Class 2: the wrong way round. Class 3: never there.
        scores = [[0.8, 0.5, 0, 1], [0.6, 0.5, 2, 2], [0.4, 0.2, 3, 3], [0.1, 0.3, 4, 4]]
        labels = [[1, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
        result = F.roc_auc(scores, labels)
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, [0.75, 2.5 / 3, 0, np.nan])

    def test_micro_worked_by_hand(self):
        # The positives 3 and 1 against the negatives 2 and 0 of the other
        # cells: 2 + 1 of 4 pairs.
        assert F.roc_auc_micro([[3, 2], [0, 1]], [[1, 0], [0, 1]]) == 0.75

    @pytest.mark.parametrize('kind', KINDS)
    @pytest.mark.parametrize('seed', range(3))
    def test_equals_sklearn(self, kind, seed):
        scores, labels = random_case(kind, seed=seed)
        per_class = F.roc_auc(scores, labels)
        np.testing.assert_allclose(
            per_class, sk.roc_auc_score(labels, scores, average=None), atol=1e-12
        )
        assert F.macro(per_class) == pytest.approx(
            sk.roc_auc_score(labels, scores, average='macro'), abs=1e-12
        )
        assert F.roc_auc_micro(scores, labels) == pytest.approx(
            sk.roc_auc_score(labels, scores, average='micro'), abs=1e-12
        )

    def test_single_clip_has_micro(self):
        assert F.roc_auc_micro([[0.9, 0.1, 0.9]], [[1, 0, 0]]) == 0.75
        assert np.isnan(F.roc_auc([[0.9, 0.1, 0.9]], [[1, 0, 0]])).all()

    def test_many_pairs_do_not_overflow(self):
        # 1.6e5 ** 2 / 4 pairs are more than 32 bits hold.
        labels = np.repeat([[0], [1]], 80_000, axis=0)
        assert F.roc_auc(labels * 2 - 1, labels).tolist() == [1.0]

    @pytest.mark.parametrize('dtype', (bool, np.uint8, np.int64, np.float32))
    def test_dtype_of_labels_makes_no_difference(self, dtype):
        labels = np.array([[1], [0], [1], [0]], dtype=dtype)
        assert F.roc_auc([[0.8], [0.6], [0.4], [0.1]], labels).tolist() == [0.75]

    def test_arguments_are_not_changed(self):
        scores, labels = random_case('tied')
        before = scores.copy(), labels.copy()
        F.compute_metrics(scores, labels, list('abcde'), 0.5, F.sigmoid(scores))
        np.testing.assert_array_equal(scores, before[0])
        np.testing.assert_array_equal(labels, before[1])


class TestAveragePrecision:
    def test_worked_by_hand(self):
        # Positives at ranks 1 and 3: (1/1 + 2/3) / 2.
        result = F.average_precision([[4], [3], [2], [1]], [[1], [0], [1], [0]])
        np.testing.assert_allclose(result, [5 / 6])

    @pytest.mark.parametrize('kind', KINDS)
    def test_equals_sklearn(self, kind):
        scores, labels = random_case(kind)
        result = F.average_precision(scores, labels)
        np.testing.assert_allclose(result, sk.average_precision_score(labels, scores, average=None))

    def test_without_positives_nan_with_only_positives_one(self, recwarn):
        result = F.average_precision([[1, 2], [2, 1]], [[0, 1], [0, 1]])
        np.testing.assert_array_equal(result, [np.nan, 1])
        assert not recwarn.list


class TestF1:
    def test_worked_by_hand(self):
        # Class 0: one hit, one false alarm, no miss. Class 1: never right.
        # Class 2: neither there nor predicted. Class 3: predicted at .5.
        probabilities = [[0.9, 0.1, 0.1, 0.5], [0.8, 0.9, 0.2, 0.4]]
        labels = [[1, 1, 0, 1], [0, 0, 0, 0]]
        np.testing.assert_allclose(F.f1(probabilities, labels, 0.5), [2 / 3, 0, np.nan, 1])
        # Hits 2, false alarms 2, misses 1.
        assert F.f1_micro(probabilities, labels, 0.5) == pytest.approx(4 / 7)

    @pytest.mark.parametrize('threshold', (0.2, 0.5, 0.9))
    @pytest.mark.parametrize('seed', range(3))
    def test_equals_sklearn(self, threshold, seed):
        scores, labels = random_case('random', seed=seed)
        probabilities = 1 / (1 + np.exp(-scores))
        predicted = (probabilities >= threshold).astype(int)
        result = F.f1(probabilities, labels, threshold)
        np.testing.assert_allclose(result, sk.f1_score(labels, predicted, average=None))
        assert F.macro(result) == pytest.approx(sk.f1_score(labels, predicted, average='macro'))
        assert F.f1_micro(probabilities, labels, threshold) == pytest.approx(
            sk.f1_score(labels, predicted, average='micro')
        )

    def test_nothing_there_nothing_predicted(self, recwarn):
        assert np.isnan(F.f1([[0.1], [0.2]], [[0], [0]])).all()
        assert math.isnan(F.f1_micro([[0.1], [0.2]], [[0], [0]]))
        assert not recwarn.list

    @pytest.mark.parametrize('threshold', (0, 1, -1, 2.0, math.nan, '0.5', None, True))
    def test_bad_threshold(self, threshold):
        for function in (F.f1, F.f1_micro):
            with pytest.raises(InputError, match='threshold: .*found ') as e:
                function([[0.1]], [[0]], threshold)
            assert repr(threshold) in str(e.value)


def test_sigmoid():
    logits = np.array([-1000.0, -20, 0, 2, 20, 1000])
    with np.errstate(all='raise', under='ignore'):
        result = F.sigmoid(logits)
    np.testing.assert_allclose(
        result, [0, 2.0611536181902037e-09, 0.5, 0.8807970779778823, 0.9999999979388463, 1]
    )


class TestMacro:
    def test_mean_of_what_is_defined(self, recwarn):
        values = np.array(
            [[[0.5, np.nan, 1], [0.25, 0.5, 0.75]], [[np.nan, np.nan, 0.5], [np.nan] * 3]]
        )
        result = F.macro(values)
        np.testing.assert_allclose(result, [[0.75, 0.5], [0.5, np.nan]])
        assert not recwarn.list


class TestComputeMetrics:
    def test_keys_and_values(self):
        scores, labels = random_case('random', classes=3)
        probabilities = 1 / (1 + np.exp(-scores))
        predicted = (probabilities >= 0.4).astype(int)
        result = F.compute_metrics(scores, labels, CLASSES, 0.4, probabilities)

        expected = {}
        for prefix, function, values, averages in (
            ('roc_auc', sk.roc_auc_score, scores, ('micro', 'macro')),
            ('ap', sk.average_precision_score, scores, ('macro',)),
            ('f1', sk.f1_score, predicted, ('micro', 'macro')),
        ):
            for average in averages:
                expected[f'{prefix}/{average}'] = function(labels, values, average=average)
            for i, name in enumerate(CLASSES):
                expected[f'{prefix}/{name}'] = function(labels[:, i], values[:, i])
        assert list(result) == list(expected)
        assert result == pytest.approx(expected, abs=1e-12)
        assert {type(value) for value in result.values()} == {float}

    def test_undefined_is_none_and_left_out_of_macro(self):
        scores = np.array([[2.0, 1, -1], [1, 2, -2]])
        labels = np.array([[1, 1, 0], [0, 1, 0]])
        result = F.compute_metrics(scores, labels, CLASSES, 0.5, 1 / (1 + np.exp(-scores)))
        # All six: the positives 2 1 2 are above the negatives 1 -1 -2 in
        # all pairs but one, in which they tie.
        assert result == pytest.approx(
            {
                'roc_auc/micro': 8.5 / 9,
                'roc_auc/macro': 1,
                'roc_auc/Joy': 1,
                'roc_auc/Fear': None,
                'roc_auc/Calm': None,
                'ap/macro': 1,
                'ap/Joy': 1,
                'ap/Fear': 1,
                'ap/Calm': None,
                'f1/micro': 6 / 7,
                'f1/macro': 5 / 6,
                'f1/Joy': 2 / 3,
                'f1/Fear': 1,
                'f1/Calm': None,
            }
        )

    def test_ranks_scores_not_probabilities(self):
        # Sigmoids of 40 and 50 are both 1.
        logits = np.array([[50.0], [40.0]])
        result = F.compute_metrics(logits, [[1], [0]], ['Joy'], 0.5, F.sigmoid(logits))
        assert F.sigmoid(logits).tolist() == [[1.0], [1.0]]
        assert result['roc_auc/Joy'] == result['roc_auc/micro'] == 1

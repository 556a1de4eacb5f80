import json
import logging
import re

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from sklearn import metrics as sk

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import DumpScores, ROCAUCMetric, array_checks, dump
from mmaction.registry import METRICS
from mmaction.structures import ActionDataSample

CLASSES = ('Joy', 'Fear', 'Calm')


def make_case(clips=40, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((clips, 3)) < 0.4).astype(np.float32)
    labels[0], labels[1] = 0, 1
    logits = (rng.normal(size=(clips, 3)) + labels).astype(np.float32)
    return logits, labels


def stock_samples(scores, labels):
    """Make data samples like those of a stock recognizer."""
    samples = []
    for i, (score, label) in enumerate(zip(scores, labels, strict=True)):
        sample = ActionDataSample(metainfo=dict(video_id=f'{i}.mp4'))
        sample.set_gt_label(torch.tensor(label))
        sample.set_pred_score(torch.tensor(score))
        sample.set_pred_label(torch.tensor(score).argmax(keepdim=True))
        samples.append(sample)
    return samples


def evaluate(samples, batch=7, **kwargs):
    evaluator = Evaluator([ROCAUCMetric(**kwargs)])
    evaluator.dataset_meta = dict(classes=CLASSES)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    found = evaluator.evaluate(len(samples))
    # tests/evaluation/test_calibration.py is about it.
    (key,) = (each for each in found if each.endswith('ece/macro'))
    assert 0 <= found.pop(key) <= 1
    return found


def expected_metrics(scores, labels, predicted):
    result = {}
    for prefix, function, values in (
        ('roc_auc', sk.roc_auc_score, scores),
        ('ap', sk.average_precision_score, scores),
        ('f1', sk.f1_score, predicted),
    ):
        for average in ('micro', 'macro'):
            result[f'{prefix}/{average}'] = function(labels, values, average=average)
        for i, name in enumerate(CLASSES):
            result[f'{prefix}/{name}'] = function(labels[:, i], values[:, i])
    del result['ap/micro']
    return result


@pytest.fixture
def checked(monkeypatch):
    """Names of the arrays that ``check_matrix`` checks."""
    stock, names = array_checks.check_matrix, []

    def check(values, name, *args):
        names.append(name)
        return stock(values, name, *args)

    for module in (array_checks, dump):
        monkeypatch.setattr(module, 'check_matrix', check)
    return names


class TestSamples:
    def test_is_registered_and_makes_no_noise(self):
        logger = MMLogger.get_current_instance()
        records = []
        handler = logging.Handler()
        handler.setLevel(logging.WARNING)
        handler.emit = records.append
        logger.addHandler(handler)
        try:
            metric = METRICS.build(dict(type='ROCAUCMetric', scores='logits'))
        finally:
            logger.removeHandler(handler)
        assert type(metric) is ROCAUCMetric
        assert records == []

    def test_stock_logits(self):
        logits, labels = make_case()
        result = evaluate(stock_samples(logits, labels), scores='logits', threshold=0.6)
        predicted = (1 / (1 + np.exp(-logits)) >= 0.6).astype(int)
        assert result == pytest.approx(expected_metrics(logits, labels, predicted), abs=1e-9)

    def test_probabilities(self):
        logits, labels = make_case()
        scores = 1 / (1 + np.exp(-logits))
        result = evaluate(stock_samples(scores, labels))
        predicted = (scores >= 0.5).astype(int)
        assert result == pytest.approx(expected_metrics(scores, labels, predicted), abs=1e-9)

    @pytest.mark.parametrize('scores', ('probabilities', 'logits'))
    def test_our_recognizer_is_ranked_on_logits(self, scores):
        """Whatever is declared: pred_score says nothing new then."""
        logits, labels = make_case()
        logits += 30
        samples = stock_samples(torch.sigmoid(torch.tensor(logits)).numpy(), labels)
        assert len(np.unique([s.pred_score.numpy() for s in samples])) == 1
        for sample, logit in zip(samples, logits, strict=True):
            sample.set_field(torch.tensor(logit), 'pred_logits')
        result = evaluate(samples, scores=scores)
        assert result == pytest.approx(
            expected_metrics(logits, labels, np.ones_like(labels)), abs=1e-9
        )

    def test_fused_logits_that_look_like_a_softmax(self):
        """Nothing to refuse: the recognizer says that they are logits."""
        samples = stock_samples([[0.5, 0.5, 0.5]] * 2, [[1, 0, 1], [0, 1, 0]])
        for sample, logit in zip(samples, ([0.5, 0.25, 0.25], [0.25, 0.5, 0.25]), strict=True):
            sample.set_field(torch.tensor(logit), 'pred_logits')
        assert evaluate(samples)['roc_auc/Joy'] == 1

    @pytest.mark.parametrize('dtype', (torch.bfloat16, torch.float16, torch.float64))
    def test_other_precisions(self, dtype):
        metric = ROCAUCMetric(scores='logits', classes=CLASSES)
        for score, label in ((2.0, 1), (1.0, 0), (0.5, 1), (-3.0, 0)):
            metric.process(
                None,
                [
                    dict(
                        pred_score=torch.full((3,), score, dtype=dtype),
                        gt_label=torch.full((3,), label, dtype=dtype),
                    )
                ],
            )
        assert metric.evaluate(4)['roc_auc/macro'] == 0.75

    def test_labels_of_long(self):
        samples = stock_samples([[2.0, 1, 1], [1, 2, 0]], np.array([[1, 0, 1], [0, 1, 0]]))
        assert evaluate(samples, scores='logits')['roc_auc/macro'] == 1

    def test_one_result_a_sample(self):
        metric = ROCAUCMetric(scores='logits', classes=CLASSES)
        samples = [s.to_dict() for s in stock_samples(*make_case(5))]
        metric.process(None, samples)
        assert [r['video_id'] for r in metric.results] == [f'{i}.mp4' for i in range(5)]

    def test_prefix(self):
        result = evaluate(stock_samples(*make_case()), scores='logits', prefix='face')
        assert {key.split('/')[0] for key in result} == {'face'}
        assert 'face/roc_auc/micro' in result

    def test_own_classes_win(self):
        result = evaluate(stock_samples(*make_case()), scores='logits', classes=('a', 'b', 'c'))
        assert {key for key in result if key.startswith('roc')} == {
            f'roc_auc/{name}' for name in ('micro', 'macro', 'a', 'b', 'c')
        }

    def test_arrays_are_checked_once(self, checked, tmp_path):
        """Not once a clip: a test split has 367."""
        logits, labels = make_case(367)
        samples = [s.to_dict() for s in stock_samples(logits, labels)]
        for sample in samples:
            sample['stream_logits'] = dict(face=sample['pred_score'], body=sample['pred_score'])
        for metric in (
            ROCAUCMetric(scores='logits', classes=CLASSES),
            DumpScores(str(tmp_path / 'a.npz'), scores='logits', classes=CLASSES),
        ):
            for start in range(0, 367, 8):
                metric.process(None, samples[start : start + 8])
            metric.evaluate(367)
            assert 0 < len(checked) <= 5
            checked.clear()

    def test_what_is_no_number(self):
        sample = dict(pred_score=['a', 'b', 'c'], gt_label=[1, 0, 1], video_id='x.mp4')
        with pytest.raises(InputError, match="pred_score of video_id 'x.mp4': "):
            ROCAUCMetric(classes=CLASSES).process(None, [sample])

    def test_results_do_not_leak_into_the_next_evaluation(self):
        metric = ROCAUCMetric(scores='logits', classes=['Joy'])
        for sign in (1, -1):
            metric.process(
                None,
                [
                    dict(pred_score=torch.tensor([sign * s]), gt_label=torch.tensor([y]))
                    for s, y in ((1.0, 1.0), (0.0, 0.0))
                ],
            )
            assert metric.evaluate(2)['roc_auc/Joy'] == (sign + 1) / 2


class TestUndefined:
    def test_one_warning_says_which_and_why(self, warnings_logged):
        logits, labels = make_case(10)
        labels[:, 1], labels[:, 2] = 0, 1
        metric = ROCAUCMetric(scores='logits', classes=CLASSES)
        metric.process(None, [s.to_dict() for s in stock_samples(logits, labels)])
        result = metric.evaluate(10)
        assert warnings_logged == [
            'ROC AUC is undefined for a class of which all clips have the '
            'same label, so it is left out of roc_auc/macro: Fear (0 '
            'of 10 clips positive), Calm (10 of 10 clips positive)'
        ]
        joy = sk.roc_auc_score(labels[:, 0], logits[:, 0])
        assert result['roc_auc/Joy'] == pytest.approx(joy)
        assert result['roc_auc/macro'] == pytest.approx(joy)
        assert result['roc_auc/Fear'] is result['roc_auc/Calm'] is None
        assert result['roc_auc/micro'] == pytest.approx(
            sk.roc_auc_score(labels.ravel(), logits.ravel())
        )
        assert json.loads(json.dumps(result, allow_nan=False)) == result

    def test_all_labels_equal(self, warnings_logged):
        result = evaluate(stock_samples([[1.0, 2, 3]], [[0.0, 0, 0]]), scores='logits')
        assert result['roc_auc/micro'] is result['roc_auc/macro'] is None
        assert len(warnings_logged) == 1
        assert warnings_logged[0].endswith(
            'as all labels are equal, roc_auc/micro is undefined too'
        )

    def test_no_warning_without_reason(self, warnings_logged):
        evaluate(stock_samples(*make_case()), scores='logits')
        assert warnings_logged == []


class TestErrors:
    @pytest.mark.parametrize(
        'change, error, expected',
        (
            (
                dict(pred_score=None),
                InputError,
                "pred_score of video_id 'x.mp4': not in the sample, which has "
                "['gt_label', 'pred_score', 'video_id']",
            ),
            (dict(gt_label=None), InputError, "gt_label of video_id 'x.mp4'"),
            (
                dict(pred_score=[[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]),
                InputError,
                "pred_score of video_id 'x.mp4': expected shape (3,), one score a class, found "
                "(2, 3), one row a view; set cls_head=dict(average_clips='score') in the "
                "recognizer and scores='logits' here",
            ),
            (dict(pred_score=[[0.1, 0.2, 0.3]]), InputError, 'found (1, 3), one row'),
            (
                dict(pred_score=[0.1, 0.2]),
                InputError,
                'expected shape (3,), one value each of Joy, Fear, Calm, found (2,)',
            ),
            (
                dict(gt_label=[1.0]),
                InputError,
                "gt_label of video_id 'x.mp4': expected shape (3,), one value each "
                'of Joy, Fear, Calm, found (1,)',
            ),
            (
                dict(gt_label=[1.0, 0.5, 0]),
                InputError,
                "gt_label of video_id 'x.mp4', class 1 (Fear): expected 0 or 1, found 0.5",
            ),
            (
                dict(pred_score=[0.1, 0.2, 1.5]),
                InputError,
                "pred_score of video_id 'x.mp4', class 2 (Calm): expected a probability in "
                "0..1, found 1.5; logits are declared by scores='logits'",
            ),
            (
                dict(pred_score=[0.1, float('nan'), 0.5]),
                InputError,
                "pred_score of video_id 'x.mp4', class 1 (Fear): expected a finite",
            ),
            (
                dict(pred_logits=[0.1, 0.2, float('inf')]),
                InputError,
                "pred_logits of video_id 'x.mp4', class 2 (Calm): expected a "
                'finite number, found inf',
            ),
            (dict(pred_logits=[0.1, 0.2]), InputError, 'pred_logits of video_id'),
        ),
    )
    def test_bad_sample(self, change, error, expected):
        sample = dict(pred_score=[0.1, 0.2, 0.3], gt_label=[1.0, 0, 1])
        sample.update(change)
        sample = {
            key: None if value is None else torch.tensor(value) for key, value in sample.items()
        }
        sample['video_id'] = 'x.mp4'
        metric = ROCAUCMetric(classes=CLASSES)
        with pytest.raises(error) as caught:
            metric.process(None, [sample])
        assert expected in caught.value.args[0]
        assert metric.results == []

    # The number of bad ones is not known when the first is found.
    @pytest.mark.parametrize('bad, end', ((1.5, "1.5; .*scores='logits'"), (np.nan, 'nan')))
    def test_a_bad_sample_among_good_ones_is_named(self, bad, end):
        samples = [each.to_dict() for each in stock_samples(np.full((5, 3), 0.25), np.eye(5, 3))]
        samples[3]['pred_score'][1] = bad
        with pytest.raises(
            InputError, match=rf"^pred_score of video_id '3\.mp4', class 1 \(Fear\): .*found {end}$"
        ):
            ROCAUCMetric(classes=CLASSES).process(None, samples)

    def test_samples_of_several_kinds_in_a_batch(self):
        logits, labels = make_case(6)
        plain = [each.to_dict() for each in stock_samples(logits, labels)]
        mixed = [dict(each) for each in plain]
        mixed[1].update(pred_score=logits[1], gt_label=labels[1].astype(int))
        mixed[2].update(pred_score=logits[2].tolist())
        results = []
        for samples in (plain, mixed):
            metric = ROCAUCMetric(scores='logits', classes=CLASSES)
            metric.process(None, samples)
            results.append(metric.evaluate(6))
        assert results[0] == results[1]

    @pytest.mark.parametrize('scores', ('probabilities', 'logits'))
    @pytest.mark.parametrize('dtype', (torch.float32, torch.float16))
    def test_softmax(self, scores, dtype):
        logits, labels = make_case()
        softmax = torch.tensor(logits).softmax(1).to(dtype)
        with pytest.raises(InputError) as error:
            evaluate(stock_samples(softmax.numpy(), labels), scores=scores)
        message = str(error.value)
        assert message.startswith('pred_score: ')
        assert 'the 3 scores of each of the 40 clips sum to 1' in message
        assert "average_clips='score'" in message
        # One clip that is not a softmax, and it may be chance.
        softmax[3, 0] += 0.1
        evaluate(stock_samples(softmax.numpy(), labels), scores=scores)

    def test_logits_that_sum_to_one_are_no_softmax(self):
        samples = stock_samples([[2.0, -2, 1], [1.0, 1, -1]], [[1.0, 0, 1], [0.0, 1, 0]])
        assert evaluate(samples, scores='logits')['roc_auc/Calm'] == 1

    def test_one_class_is_no_softmax(self):
        metric = ROCAUCMetric(classes=['Joy'])
        for label in (0.0, 1.0):
            metric.process(None, [dict(pred_score=torch.ones(1), gt_label=torch.tensor([label]))])
        assert metric.evaluate(2)['roc_auc/Joy'] == 0.5

    def test_logits_of_some_samples_only(self):
        samples = stock_samples(*make_case(4))
        for sample in samples[:2] + samples[3:]:
            sample.set_field(sample.pred_score, 'pred_logits')
        with pytest.raises(InputError) as error:
            evaluate(samples, scores='logits')
        assert "found them in 3 of 4, not in that of video_id '2.mp4'" in str(error.value)

    def test_no_clips(self):
        with pytest.raises(InputError, match='at least one clip to score'):
            ROCAUCMetric(classes=CLASSES).evaluate(0)

    def test_no_classes(self):
        metric = ROCAUCMetric()
        metric.dataset_meta = dict(name='x')
        with pytest.raises(
            InputError, match=re.escape("to have 'classes', found ['name']; give classes=")
        ):
            metric.process(None, [])

    @pytest.mark.parametrize(
        'kwargs, expected',
        (
            (
                dict(scores='prob'),
                "scores: expected one of ('probabilities', 'logits'), found 'prob'",
            ),
            (dict(threshold=1.5), 'threshold: expected'),
            (dict(classes=('a', 'a')), 'classes: expected every name once'),
        ),
    )
    def test_bad_arguments(self, kwargs, expected):
        with pytest.raises(InputError, match=re.escape(expected)):
            ROCAUCMetric(**kwargs)

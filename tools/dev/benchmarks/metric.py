"""Measure how long scoring takes, against scikit-learn."""

from collections.abc import Iterator

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from emoreact_plugin.datasets.annotations import EMOTIONS
from emoreact_plugin.evaluation import (
    ROCAUCMetric,
    bootstrap_weights,
    roc_auc,
    roc_auc_micro,
    weighted_roc_auc,
)
from emoreact_plugin.evaluation.functional import sigmoid

from .timing import Comparison, Group

SKLEARN = 'scikit-learn'
# Of EmoReact's test split.
TEST_CLIPS = 367


def random_scores(clips: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits (clips, 8) float32 and labels (clips, 8) float32 of 0 and 1.

    One label in four is positive, and its logit is higher then.
    """
    rng = np.random.default_rng(0)
    labels = rng.random((clips, len(EMOTIONS))) < 0.25
    scores = rng.normal(size=labels.shape) + labels
    return scores.astype(np.float32), labels.astype(np.float32)


def metric_samples(scores: np.ndarray, labels: np.ndarray) -> list[dict]:
    """Return scores and labels as a recognizer gives them, one dict per clip."""
    probabilities = sigmoid(scores.astype(np.float64))
    return [
        dict(pred_logits=logits, pred_score=score, gt_label=label)
        for logits, score, label in zip(scores, probabilities, labels, strict=True)
    ]


def score_samples(samples: list[dict]) -> dict:
    """Score a split's predictions as a Runner does."""
    metric = ROCAUCMetric(classes=EMOTIONS)
    metric.process(None, samples)
    return metric.compute_metrics(metric.results)


def score_by_sklearn(scores: np.ndarray, labels: np.ndarray) -> dict:
    """Compute all that ``ROCAUCMetric`` reports, by scikit-learn alone."""
    predicted = scores >= 0  # probabilities from 0.5 on
    report = {}
    for name, measure, values in (
        ('roc_auc', roc_auc_score, scores),
        ('ap', average_precision_score, scores),
    ):
        each = measure(labels, values, average=None)
        report.update({f'{name}/{k}': v for k, v in zip(EMOTIONS, each, strict=True)})
        report[f'{name}/macro'] = each.mean()
    report['roc_auc/micro'] = roc_auc_score(labels, scores, average='micro')
    each = f1_score(labels, predicted, average=None)
    report.update({f'f1/{k}': v for k, v in zip(EMOTIONS, each, strict=True)})
    report['f1/macro'] = each.mean()
    report['f1/micro'] = f1_score(labels, predicted, average='micro')
    report['ece/macro'] = np.mean([_error(*pair) for pair in zip(scores.T, labels.T, strict=True)])
    return report


def _error(scores: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """Compute the expected calibration error of a class by scikit-learn's bins."""
    probabilities = sigmoid(scores.astype(np.float64))
    share, mean = calibration_curve(labels, probabilities, n_bins=bins)
    count, _ = np.histogram(probabilities, bins, (0, 1))
    return float((np.abs(share - mean) * count[count > 0]).sum() / len(labels))


def bootstrap_by_sklearn(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the ROC AUC (R, C) of resamples, one after the other."""
    return np.stack(
        [
            roc_auc_score(
                np.repeat(labels, times, axis=0), np.repeat(scores, times, axis=0), average=None
            )
            for times in weights
        ]
    )


def metric_groups(clips: int = 100_000, resamples: int = 1000) -> Iterator[Group]:
    """Yield the groups of calls that measure scoring.

    Args:
        clips (int): Number of clips that are scored; 8 classes each.
        resamples (int): Number of resamples of the bootstrap, whose clips are as many as EmoReact's
            test split has.
    """
    scores, labels = random_scores(clips)
    samples = metric_samples(scores, labels)
    size = f'{clips} clips of {len(EMOTIONS)} classes'
    for title, ours, theirs in (
        (
            'ROC AUC of each class',
            lambda k: roc_auc(scores, labels),
            lambda k: roc_auc_score(labels, scores, average=None),
        ),
        (
            'ROC AUC micro',
            lambda k: roc_auc_micro(scores, labels),
            lambda k: roc_auc_score(labels, scores, average='micro'),
        ),
        (
            'ROCAUCMetric, all that it reports',
            lambda k: score_samples(samples),
            lambda k: score_by_sklearn(scores, labels),
        ),
    ):
        yield _group(f'{title}, {size}', ours, theirs)
    few, truth = random_scores(TEST_CLIPS)
    weights = bootstrap_weights(TEST_CLIPS, resamples=resamples)
    yield _group(
        f'bootstrap of ROC AUC, {resamples} resamples of {TEST_CLIPS} clips',
        lambda k: weighted_roc_auc(few, truth, weights),
        lambda k: bootstrap_by_sklearn(few, truth, weights),
    )


def _group(title, ours, theirs) -> Group:
    return Group(title, {SKLEARN: theirs, 'ours': ours}, {}, [Comparison('ours', SKLEARN)])

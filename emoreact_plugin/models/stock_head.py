"""Find heads that do not fit the labels, such as those that take a clip to have one label only."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import nn

from emoreact_plugin.evaluation import ROCAUCMetric
from emoreact_plugin.utils.errors import InputError
from mmaction.models.heads import BaseHead
from mmaction.models.losses import CrossEntropyLoss
from mmaction.models.recognizers.base import BaseRecognizer

from .late_fusion_recognizer import LateFusionRecognizer

SOFTMAX = (CrossEntropyLoss, nn.CrossEntropyLoss)


def check_stock_head(model: nn.Module, labels: np.ndarray, metrics: Iterable[Any]) -> None:
    """Refuse a stock recognizer whose head does not fit labels of which a clip has several.

    Of a :class:`.LateFusionRecognizer`, only the number of classes is looked at.

    A softmax loss accepts such labels and trains on them as if they competed. What else does not
    fit would fail in the first iteration, without telling what to mend, or in the first validation.

    Args:
        model (nn.Module): Any model; only the late fusion, and stock recognizers with a stock head,
            are looked at.
        labels (np.ndarray): (N, C) of the training split.
        metrics (Iterable): The metrics of val. ``ROCAUCMetric`` needs logits.

    Raises:
        InputError: With the setting that is wrong.
    """
    if isinstance(model, LateFusionRecognizer):
        name = 'recognizer' if model.shared else f'streams.{model.streams[0]}'
        head = next(iter(model.recognizers.values())).cls_head  # the others have as many classes
        _check_classes(f'model.{name}.cls_head', head, labels)
        return
    head = getattr(model, 'cls_head', None)
    if not isinstance(model, BaseRecognizer) or not isinstance(head, BaseHead):
        return
    _check_classes('model.cls_head', head, labels)
    softmax = [name for name, part in model.named_modules() if isinstance(part, SOFTMAX)]
    if softmax and (labels.sum(axis=1) != 1).any():
        raise InputError(
            f'model.{softmax[0]}: expected a loss for clips with several labels, such as '
            f"dict(type='BCELossWithLogits'), found a softmax loss, in which labels compete"
        )
    if type(head).predict_by_feat is not BaseHead.predict_by_feat:
        return  # gives scores of its own
    for metric in metrics:
        if not isinstance(metric, ROCAUCMetric):
            continue
        if head.average_clips != 'score':
            raise InputError(
                "model.cls_head.average_clips: expected 'score' for ROCAUCMetric, found "
                f'{head.average_clips!r}'
            )
        if metric.scores != 'logits':
            raise InputError(
                "val_evaluator: expected ROCAUCMetric(scores='logits') for the scores of a "
                f'{type(model).__name__}, found {metric.scores!r}'
            )


def _check_classes(place: str, head: Any, labels: np.ndarray) -> None:
    if head.num_classes != labels.shape[1]:
        raise InputError(
            f'{place}.num_classes: expected {labels.shape[1]}, the number of labels, found '
            f'{head.num_classes}'
        )

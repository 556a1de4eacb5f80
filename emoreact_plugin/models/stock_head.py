"""Find a stock recognizer that would train or be scored as if a clip had one label only."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import nn

from emoreact_plugin.evaluation import ROCAUCMetric
from emoreact_plugin.utils.errors import InputError
from mmaction.models.heads import BaseHead
from mmaction.models.losses import CrossEntropyLoss
from mmaction.models.recognizers.base import BaseRecognizer

SOFTMAX = (CrossEntropyLoss, nn.CrossEntropyLoss)


def check_stock_head(model: nn.Module, labels: np.ndarray, metrics: Iterable[Any]) -> None:
    """Refuse a stock recognizer whose head does not fit labels of which a clip has several.

    A softmax loss accepts such labels and trains on them as if they competed. What else does not
    fit would fail in the first iteration, without telling what to mend, or in the first validation.

    Args:
        model (nn.Module): Any model; only stock recognizers with a stock head are looked at.
        labels (np.ndarray): (N, C) of the training split.
        metrics (Iterable): The metrics of val. ``ROCAUCMetric`` needs logits.

    Raises:
        InputError: With the setting that is wrong.
    """
    head = getattr(model, 'cls_head', None)
    if not isinstance(model, BaseRecognizer) or not isinstance(head, BaseHead):
        return
    classes = labels.shape[1]
    if head.num_classes != classes:
        raise InputError(
            f'model.cls_head.num_classes: expected {classes}, the number of labels, found '
            f'{head.num_classes}'
        )
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

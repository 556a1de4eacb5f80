"""Score one stream with a stock recognizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emoreact_plugin.utils.errors import InputError
from mmaction.utils import SampleList

if TYPE_CHECKING:
    from mmaction.models.recognizers import BaseRecognizer


def score_stream(
    recognizer: BaseRecognizer, inputs: Tensor, data_samples: SampleList | None = None
) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
    """Compute the logits of one stock recognizer, averaged over its views.

    This works for 2D, TSM and 3D recognizers alike (``stage='head'`` of
    MMAction2's 3D recognizer does not give logits).

    Args:
        recognizer (BaseRecognizer): A ``Recognizer2D``, ``Recognizer3D`` or other
            ``BaseRecognizer`` with a head, in train or eval mode.
        inputs (Tensor): (N, T, C, H, W), or (N, V, C, T, H, W) for 3D.
        data_samples (list, optional): For necks with a loss of their own.

    Returns:
        tuple: logits (N, C); the pooled features (N, D), None if the backbone
        gives several maps; auxiliary losses of the neck.

    Raises:
        InputError: If T does not fit the segments of a TSM backbone, which
            would mix frames of different clips.
    """
    segments = getattr(recognizer.backbone, 'num_segments', None)
    if inputs.ndim == 5 and segments and inputs.shape[1] % segments:
        raise InputError(
            f'inputs: expected a multiple of the {segments} segments that '
            f'{type(recognizer.backbone).__name__} was built for, found {inputs.shape[1]} frames'
        )
    if _has_testing_views(recognizer) and inputs.shape[0] > 1:
        # MMAction2 takes only one clip at a time.
        each = [score_stream(recognizer, clip[None]) for clip in inputs]
        features = [one[1] for one in each if one[1] is not None]
        pooled = torch.cat(features) if features else None
        return torch.cat([one[0] for one in each]), pooled, {}
    batch = inputs.shape[0]  # len() would fix it where it is exported
    feats, kwargs = recognizer.extract_feat(
        inputs, data_samples=data_samples, test_mode=not recognizer.training
    )
    aux = kwargs.get('loss_aux', {})
    logits = recognizer.cls_head(feats, **kwargs)
    logits = logits.reshape(batch, -1, logits.shape[-1]).mean(1)
    pooled = None
    if isinstance(feats, Tensor) and feats.ndim >= 2:
        pooled = feats.flatten(2).mean(2) if feats.ndim > 2 else feats
        pooled = pooled.reshape(batch, -1, pooled.shape[-1]).mean(1)
    return logits, pooled, aux


def _has_testing_views(recognizer: BaseRecognizer) -> bool:
    return not recognizer.training and bool((recognizer.test_cfg or {}).get('max_testing_views'))

"""Mend backbones, recognizers, heads, transforms and optimizers of MMAction2."""

import copy
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .common import Mend, patch, source_has

if TYPE_CHECKING:
    import torch
    from mmengine.model import BaseModule


def _tsm_classes() -> list[type['BaseModule']]:
    from mmaction.models.backbones import MobileNetV2TSM, ResNetTSM

    return [ResNetTSM, MobileNetV2TSM]


def _tsm_needs_weights() -> bool:
    places = (f'mmaction.models.backbones:{cls.__name__}.init_weights' for cls in _tsm_classes())
    return any(source_has(place, 'if self.pretrained2d:')() for place in places)


def _tsm_from_scratch() -> None:
    for cls in _tsm_classes():
        stock = cls.init_weights

        def init_weights(
            self: 'BaseModule',
            cls: type['BaseModule'] = cls,
            stock: Callable[['BaseModule'], None] = stock,
        ) -> None:
            if self.pretrained is None:
                # what stock does for pretrained2d=False
                super(cls, self).init_weights()
            else:
                stock(self)

        patch(cls, 'init_weights', functools.wraps(stock)(init_weights))


def _tsm_of_fewer_stages() -> None:
    import torch

    from mmaction.models.backbones import ResNetTSM

    stock = ResNetTSM.make_temporal_shift

    @functools.wraps(stock)
    def make_temporal_shift(self: ResNetTSM) -> None:
        absent = [name for name in ('layer2', 'layer3', 'layer4') if name not in self.res_layers]
        for name in absent:
            setattr(self, name, torch.nn.Sequential())  # without a block to shift
        stock(self)
        for name in absent:
            delattr(self, name)

    patch(ResNetTSM, 'make_temporal_shift', make_temporal_shift)


def _copy_backbone_dict() -> None:
    from mmaction.models.recognizers import BaseRecognizer

    stock = BaseRecognizer.__init__

    @functools.wraps(stock)
    def init(
        self: BaseRecognizer, backbone: 'dict | BaseModule', *args: Any, **kwargs: Any
    ) -> None:
        stock(self, copy.copy(backbone), *args, **kwargs)

    patch(BaseRecognizer, '__init__', init)


def _hue_overflows() -> bool:
    import numpy as np

    from mmaction.datasets.transforms import ColorJitter

    try:
        ColorJitter.adjust_hue(np.zeros((1, 1, 3), np.float32), -0.1)
    except OverflowError:
        return True
    return False


def _hue_without_overflow() -> None:
    import cv2
    import numpy as np

    from mmaction.datasets.transforms import ColorJitter

    def adjust_hue(img: np.ndarray, factor: float) -> np.ndarray:
        img = np.clip(img, 0, 255).astype(np.uint8)
        hsv = cv2.cvtColor(img, cv2.COLOR_RGB2HSV)
        # int16, which numpy 1 chose by itself for uint8 + a negative int
        hue = hsv[..., 0].astype(np.int16) + int(factor * 255)
        hsv[..., 0] = hue % 180
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)

    patch(ColorJitter, 'adjust_hue', staticmethod(adjust_hue))


def _tsm_default_decay() -> None:
    from mmaction.engine.optimizers import TSMOptimWrapperConstructor

    stock = TSMOptimWrapperConstructor.add_params

    @functools.wraps(stock)
    def add_params(
        self: TSMOptimWrapperConstructor,
        params: list[dict],
        model: 'torch.nn.Module',
        **kwargs: Any,
    ) -> None:
        stock(self, params, model, **kwargs)
        for group in params:
            if group.get('weight_decay', 0) is None:
                del group['weight_decay']  # the optimizer's own default

    patch(TSMOptimWrapperConstructor, 'add_params', add_params)


def _accuracy_in_float() -> None:
    import torch

    from mmaction.models.heads import BaseHead

    stock = BaseHead.loss_by_feat

    @functools.wraps(stock)
    def loss_by_feat(
        self: BaseHead, cls_scores: torch.Tensor, data_samples: list
    ) -> dict[str, torch.Tensor]:
        # The losses are computed in float32 under autocast anyway.
        if cls_scores.dtype == torch.bfloat16:
            cls_scores = cls_scores.float()
        return stock(self, cls_scores, data_samples)

    patch(BaseHead, 'loss_by_feat', loss_by_feat)


MENDS = (
    Mend(
        'tsm_from_scratch',
        'ResNetTSM and MobileNetV2TSM fail with '
        'pretrained=None: mmaction/models/backbones/resnet_tsm.py:370',
        _tsm_needs_weights,
        _tsm_from_scratch,
    ),
    Mend(
        'tsm_stages',
        'ResNetTSM fails with num_stages below 4: mmaction/models/backbones/resnet_tsm.py:222',
        source_has(
            'mmaction.models.backbones:ResNetTSM.make_temporal_shift',
            'make_block_temporal(self.layer4',
        ),
        _tsm_of_fewer_stages,
    ),
    Mend(
        'backbone_dict',
        'building a torchvision backbone empties its '
        'config: mmaction/models/recognizers/base.py:79',
        source_has(
            'mmaction.models.recognizers:BaseRecognizer.__init__',
            "backbone_type = backbone.pop('type')",
        ),
        _copy_backbone_dict,
    ),
    Mend(
        'color_jitter',
        'ColorJitter overflows on numpy 2: mmaction/datasets/transforms/processing.py:979',
        _hue_overflows,
        _hue_without_overflow,
    ),
    Mend(
        'bfloat16_accuracy',
        'a head with one label a clip fails in bfloat16: mmaction/models/heads/base.py:129',
        source_has(
            'mmaction.models.heads:BaseHead.loss_by_feat',
            'cls_scores.detach().cpu().numpy()',
        ),
        _accuracy_in_float,
    ),
    Mend(
        'tsm_weight_decay',
        'TSMOptimWrapperConstructor passes a weight decay of None',
        source_has(
            'mmaction.engine.optimizers:TSMOptimWrapperConstructor.add_params',
            "'weight_decay': self.base_wd",
        ),
        _tsm_default_decay,
    ),
)

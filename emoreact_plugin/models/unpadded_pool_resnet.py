"""Build the ResNet of networks that were converted from Caffe or Keras."""

from typing import Any

from torch import nn

from mmaction.models.backbones import ResNet
from mmaction.registry import MODELS


@MODELS.register_module()
class UnpaddedPoolResNet(ResNet):
    """Compute a ResNet whose max pooling does not pad, as in Caffe and Keras.

    MMAction2's own ResNet pads the max pooling by one pixel on each side. All other differences
    of such networks are options of it: ``style='caffe'``,
    ``conv_cfg=dict(type='Conv2dAdaptivePadding')`` (TensorFlow's padding "same") and
    ``norm_cfg=dict(type='BN2d', eps=...)``. The names of the tensors are the same.

    Args:
        *args: See ``ResNet`` of MMAction2.
        pool_ceil_mode (bool): Whether the last window of the pooling may reach beyond the image, as
            in Caffe: 112 pixels become 56, and 55 otherwise. Defaults to False, as in Keras.
        **kwargs: See ``ResNet`` of MMAction2.
    """

    def __init__(self, *args: Any, pool_ceil_mode: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=pool_ceil_mode)

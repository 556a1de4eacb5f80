"""Define a region, a backbone and a fusion of your own: see ../own_parts.md."""

import numpy as np
import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule

from emoreact_plugin.clips.regions import REGIONS
from mmaction.registry import MODELS

# MediaPipe's pose: 33 joints, of which 15 to 22 are the wrists and fingers.
POSE_JOINTS = 33
HANDS = slice(15, 23)


@REGIONS.register_module(name='hands')
def hands_points(face_landmarks, body_keypoints):
    """Pick the wrists and fingers (8, 2) out of the joints (33, 2), in pixels, NaN if not seen."""
    if np.isnan(body_keypoints).all():
        return body_keypoints[:0]
    if len(body_keypoints) != POSE_JOINTS:
        raise ValueError(
            f"hands: expected the {POSE_JOINTS} joints of MediaPipe's pose, "
            f'those not seen as NaN, found {len(body_keypoints)} joints'
        )
    return body_keypoints[HANDS]


@MODELS.register_module()
class SmallCNN(BaseModule):
    """Turn frames into maps with n strided convolutions.

    Frames (M, 3, H, W) become maps (M, channels[-1], H / 2**n, W / 2**n).
    """

    def __init__(self, channels=(32, 64, 128, 256), init_cfg=None):
        super().__init__(init_cfg)
        self.layers = torch.nn.Sequential(
            *(
                ConvModule(c, d, 3, stride=2, padding=1, norm_cfg=dict(type='BN'))
                for c, d in zip((3, *channels), channels, strict=False)
            )
        )

    def forward(self, x):
        return self.layers(x)


@MODELS.register_module()
class ClasswiseFusion(BaseModule):
    """Average the streams' logits, with one learned weight per class and stream.

    The weights are a softmax over the streams, equal at first.
    """

    def __init__(self, streams, num_classes, init_cfg=None):
        super().__init__(init_cfg)
        self.streams = tuple(streams)
        self.weight_logits = torch.nn.Parameter(torch.zeros(len(self.streams), num_classes))

    def forward(self, logits, features=None, valid=None):
        scores = torch.stack([logits[name] for name in self.streams])
        weights = self.weight_logits.softmax(0)  # (S, C)
        return (weights[:, None] * scores).sum(0)  # (S, N, C) -> (N, C)

    def loss(self, fused_logits, labels, loss_cls):
        return dict(loss_fusion=loss_cls(fused_logits, labels))

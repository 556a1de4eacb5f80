from copy import deepcopy

import pytest
import torch

from mmaction.registry import MODELS
from tests.factories import recognizer2d


@pytest.mark.parametrize('head', ['TSNHead', 'TSMHead'])
def test_the_classifier_starts_as_torchs_linear_unless_the_config_says_how(head):
    """Published: uniform within 1 / sqrt(in_channels). MMAction2: normal, 0.01 and 0.001."""
    more = dict(num_segments=3) if head == 'TSMHead' else {}
    config = recognizer2d()
    config['cls_head'].update(type=head, **more)
    config['cls_head'].pop('init_std', None)
    for init_std in (None, 0.1):
        if init_std is not None:
            config['cls_head']['init_std'] = init_std
        torch.manual_seed(0)
        model = MODELS.build(
            dict(
                type='LateFusionRecognizer',
                streams=dict(face=deepcopy(config), body=deepcopy(config)),
            )
        )
        model.init_weights()
        layer = model.recognizers['body'].cls_head.fc_cls
        bound = layer.in_features**-0.5
        if init_std is None:
            assert 0.9 * bound < layer.weight.abs().max() <= bound
            assert layer.bias.abs().max() > 0
        else:
            assert layer.weight.std().item() == pytest.approx(0.1, rel=0.2) and not layer.bias.any()

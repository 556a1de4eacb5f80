import pytest
import torch

import emoreact_plugin  # noqa: F401
from mmaction.registry import MODELS


def small(**options):
    torch.manual_seed(0)
    stage = dict(depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,))
    backbone = MODELS.build(dict(stage, **options))
    backbone.eval()  # which returns nothing
    return backbone


@pytest.mark.parametrize('options, size', [({}, 7), (dict(pool_ceil_mode=True), 8)])
def test_the_pooling_does_not_pad(options, size):
    ours, stock = small(type='UnpaddedPoolResNet', **options), small(type='ResNet')
    ours.load_state_dict(stock.state_dict())  # all names and shapes
    images = torch.randn(1, 3, 32, 32)
    stem = stock.conv1(images)
    assert stem.shape[2:] == (16, 16)
    found = ours(images)
    assert found.shape == (1, 64, size, size)
    # Windows begin at 0, 2, ..., and end where the image does.
    pooled = torch.stack(
        [
            stem[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].amax((2, 3))
            for i in range(size)
            for j in range(size)
        ],
        -1,
    )
    torch.testing.assert_close(found, stock.layer1(pooled.reshape(1, 64, size, size)))

from copy import deepcopy

import pytest
import torch
from torch import nn

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.explanation.cam_layers import choose_layer, find_map_layers, listed
from mmaction.registry import MODELS
from tests.factories import recognizer2d, recognizer3d

pytestmark = pytest.mark.slow


@MODELS.register_module()
class TwoMaps(nn.Module):
    """Ends in two maps, as SlowFast does."""

    def __init__(self):
        super().__init__()
        self.slow, self.fast = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.slow(x), self.fast(x)


@MODELS.register_module()
class SumHead(nn.Module):
    num_classes = 8

    def forward(self, feats, **kwargs):
        return sum(each.flatten(1)[:, :8] for each in feats)


def built(config):
    return MODELS.build(deepcopy(config)).eval()


TORCHVISION = recognizer2d(backbone=dict(type='torchvision.resnet18'))
X2D, X3D = torch.zeros(1, 3, 3, 64, 64), torch.zeros(1, 2, 3, 4, 64, 64)


@pytest.mark.parametrize(
    'config, x, layer, shape',
    [
        (recognizer2d(), X2D, 'backbone', (3, 512, 2, 2)),
        (recognizer3d(), X3D, 'backbone', (2, 512, 4, 2, 2)),
        (TORCHVISION, X2D, 'backbone.layer4', (3, 512, 2, 2)),
        (
            recognizer2d(backbone=dict(type='torchvision.mobilenet_v2'), channels=1280),
            X2D,
            'backbone.features',
            (3, 1280, 2, 2),
        ),
        (
            recognizer2d(
                backbone=dict(type='MobileNetV2TSM', num_segments=3, pretrained2d=False),
                channels=1280,
            ),
            X2D,
            'backbone',
            (3, 1280, 2, 2),
        ),
    ],
    ids=['resnet', 'slowonly', 'torchvision', 'features', 'mobilenet_tsm'],
)
def test_the_default_is_the_last_block(config, x, layer, shape):
    network = built(config)
    assert choose_layer(network, x) == layer
    assert find_map_layers(network, x).layers[layer] == shape


def test_layers_that_give_a_map_a_frame():
    layers = find_map_layers(built(recognizer2d()), X2D).layers
    assert layers['backbone.layer1'] == (3, 64, 16, 16)
    assert layers['backbone.layer2.0.conv1.conv'] == (3, 128, 8, 8)
    assert not any(name.startswith('cls_head') for name in layers)
    layers = find_map_layers(built(TORCHVISION), X2D).layers
    # Called twice in a block; pooled.
    assert 'backbone.layer1.0.bn1' in layers
    assert 'backbone.layer1.0.relu' not in layers
    assert 'backbone.avgpool' not in layers
    assert choose_layer(built(recognizer2d()), X2D, 'backbone.layer2.1') == 'backbone.layer2.1'


def test_a_map_of_one_place_is_none():
    layers = find_map_layers(built(recognizer2d()), torch.zeros(1, 2, 3, 32, 32)).layers
    assert 'backbone.layer4' not in layers and 'backbone.layer3' in layers


def test_a_layer_that_there_is_not():
    network = built(recognizer2d())
    with pytest.raises(InputError) as error:
        choose_layer(network, X2D, 'backbone.layer5', '--layer, face')
    text = str(error.value)
    assert text.startswith(
        "--layer, face: 'backbone.layer5' does not exist; expected one of backbone.layer"
    )
    found = text.replace('\n', ' ')
    for name in find_map_layers(network, X2D).layers:
        if name.count('.') <= 2:
            assert f' {name}' in found
    with pytest.raises(InputError, match="'backbone.layer1.0.relu' "):
        choose_layer(built(TORCHVISION), X2D, 'backbone.layer1.0.relu')


def names_in(text):
    return [each.strip(',') for each in text.split()]


# ResNet-50, without what is in a block
BLOCKS = [
    f'backbone.layer{stage}.{k}'
    for stage, count in enumerate((3, 4, 6, 3), 1)
    for k in range(count)
]
RESNET = [
    'backbone',
    'backbone.conv1',
    'backbone.conv1.bn',
    *(f'backbone.layer{stage}' for stage in range(1, 5)),
    *BLOCKS,
    *(
        f'{block}.conv{k}{part}'
        for block in BLOCKS
        for k in (1, 2, 3)
        for part in ('', '.conv', '.bn', '.activate')
    ),
]


def test_layers_are_listed_down_to_a_depth():
    near, *lines, last = listed(RESNET, 'backbone.layer5').split('\n')
    assert near.endswith(' or, of all,') and 'backbone.layer4' in near
    assert len(lines) <= 8 and max(map(len, lines)) <= 79
    shown = names_in(' '.join(lines))
    assert shown == [name for name in RESNET if name.count('.') <= 2]
    assert last == (
        f'and {len(RESNET) - len(shown)} more: NAME.x in place of a name lists those within NAME'
    )


def test_layers_within_one_are_listed_by_a_name_in_it():
    near, *lines = listed(RESNET, 'backbone.layer3.4.x').split('\n')
    assert near.endswith(' or, of those within backbone.layer3.4,')
    assert names_in(' '.join(lines)) == [
        name
        for name in RESNET
        if name == 'backbone.layer3.4' or name.startswith('backbone.layer3.4.')
    ]
    # what is in no layer is looked for in all
    for name in ('x', 'neck.x', 'backbone.layer'):
        assert listed(RESNET, name).count('\n') <= 10
        assert 'those within backbone' not in listed(RESNET, name)


def test_few_layers_are_listed_in_a_line():
    assert listed(['a.b', 'a']) == 'a.b, a'


def test_many_layers_side_by_side_are_cut_off():
    layers = [f'backbone.stage_{k}' for k in range(200)]
    *lines, last = listed(layers).split('\n')
    shown = names_in(' '.join(lines))
    assert len(lines) == 8 and shown == layers[: len(shown)]
    assert last.startswith(f'and {200 - len(shown)} more: ')


def test_several_maps_need_a_name():
    config = dict(type='Recognizer2D', backbone=dict(type='TwoMaps'), cls_head=dict(type='SumHead'))
    network = built(config)
    with pytest.raises(InputError, match='TwoMaps .*backbone.slow, backbone.fast'):
        choose_layer(network, X2D)
    assert choose_layer(network, X2D, 'backbone.fast') == 'backbone.fast'


def test_tokens_are_refused():
    config = dict(
        type='Recognizer3D',
        backbone=dict(
            type='TimeSformer',
            num_frames=4,
            img_size=32,
            patch_size=16,
            embed_dims=24,
            num_heads=2,
            num_transformer_layers=1,
            pretrained=None,
        ),
        cls_head=dict(type='TimeSformerHead', num_classes=8, in_channels=24),
    )
    with pytest.raises(InputError, match='TimeSformer .*tokens'):
        choose_layer(built(config), torch.zeros(1, 1, 3, 4, 32, 32))


def test_channels_last_are_refused():
    network = built(recognizer2d())
    network.feature_shape = 'NHWC'
    with pytest.raises(InputError, match='channels last'):
        choose_layer(network, X2D)


def test_inner_layers_with_the_channels_last():
    network = built(
        dict(
            type='Recognizer3D',
            backbone=dict(
                type='SwinTransformer3D',
                pretrained=None,
                pretrained2d=False,
                arch=dict(embed_dims=12, depths=[2] * 4, num_heads=[3] * 4),
                window_size=(2, 3, 3),
                patch_size=(2, 4, 4),
            ),
            cls_head=dict(type='I3DHead', num_classes=8, in_channels=96),
        )
    )
    x = torch.zeros(1, 1, 3, 4, 96, 96)
    # the patches' convolution, and the end, which it turns round
    assert find_map_layers(network, x).layers == {
        'backbone.patch_embed.proj': (1, 12, 2, 24, 24),
        'backbone.patch_embed': (1, 12, 2, 24, 24),
        'backbone.pos_drop': (1, 12, 2, 24, 24),
        'backbone': (1, 96, 2, 3, 3),
    }
    assert choose_layer(network, x) == 'backbone'
    for name, shape in (
        ('backbone.layers.1', (1, 2, 12, 12, 24)),
        ('backbone.layers.0.blocks.1.mlp.act', (1, 2, 24, 24, 48)),
        # weights of windows: as many as there are frames, by chance
        ('backbone.layers.2.blocks.0.attn.softmax', (4, 3, 18, 18)),
    ):
        with pytest.raises(InputError) as error:
            choose_layer(network, x, name)
        assert str(error.value).startswith(
            f"layer: '{name}' gives {shape}, with the channels last or none: no convolution, batch "
            'norm or pooling here has such; expected one of backbone'
        )


class LayerNorm2d(nn.LayerNorm):
    """As torchvision's: the channels are second."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@MODELS.register_module()
class TurnsRound(nn.Module):
    """As a block of ConvNeXt, of as many channels as places a side."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm, self.linear = nn.LayerNorm(4), nn.Linear(4, 6)
        self.act, self.back = nn.GELU(), nn.Linear(6, 4)
        self.end = LayerNorm2d(4)

    def forward(self, x):
        x = self.conv(x)
        y = self.norm(x.permute(0, 2, 3, 1))
        y = self.back(self.act(self.linear(y)))
        return self.end(x + y.permute(0, 3, 1, 2))


def test_a_network_that_turns_its_channels_round():
    network = built(recognizer2d(backbone=dict(type='TurnsRound'), channels=4))
    layers = find_map_layers(network, torch.zeros(1, 3, 3, 4, 4)).layers
    assert list(layers) == ['backbone.conv', 'backbone.end', 'backbone']


def test_no_maps_at_all():
    config = dict(type='Recognizer2D', backbone=dict(type='TwoMaps'), cls_head=dict(type='SumHead'))
    with pytest.raises(InputError, match='found none in TwoMaps'):
        choose_layer(built(config), torch.zeros(1, 2, 3, 3, 3))

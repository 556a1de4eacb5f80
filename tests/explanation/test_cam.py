import warnings

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.explanation.cam import METHODS, clip_maps, first_component, project
from emoreact_plugin.explanation.cam_layers import choose_layer
from mmaction.registry import MODELS
from tests.explanation.color_cues import COLORS, draw_places, frame_of, peak, recognizer, set_head
from tests.factories import recognizer2d, recognizer3d

pytestmark = pytest.mark.slow

GRADIENT = [name for name in METHODS if name != 'eigencam']


def built(config, seed=0):
    torch.manual_seed(seed)
    return MODELS.build(config).eval()


def clip_of(places, strength=(255, 255, 255)):
    images = np.stack([frame_of(each, strength) for each in places])
    return torch.from_numpy(images).permute(0, 3, 1, 2)[None] / 255.0


@pytest.mark.parametrize('method', GRADIENT)
def test_the_map_is_of_its_frame_and_class(method):
    network, places = set_head(built(recognizer())), draw_places(4)
    found = clip_maps(network, clip_of(places), 'backbone', range(COLORS), method)
    assert found.maps.shape == (COLORS, 4, 6, 6)
    for k in range(COLORS):
        for frame in range(4):
            values = found.maps[k, frame]
            assert tuple(places[frame, k]) == peak(values)
            # Nothing but the place of this colour speaks for the class.
            assert (values > 0).sum() == 1
    np.testing.assert_allclose(found.logits[:COLORS], 0.8 / 36, rtol=1e-4)


def test_eigencam_finds_the_strongest_place():
    network, places = set_head(built(recognizer())), draw_places(4)
    found = clip_maps(
        network, clip_of(places, (255, 60, 60)), 'backbone', range(COLORS), 'eigencam'
    )
    assert found.maps.shape == (1, 4, 6, 6)
    for frame in range(4):
        assert tuple(places[frame, 0]) == peak(found.maps[0, frame])


@pytest.mark.parametrize('method', GRADIENT)
def test_tsm_sees_the_other_segments(method):
    network, places = set_head(built(recognizer(3))), draw_places(3)
    maps = clip_maps(network, clip_of(places), 'backbone', range(COLORS), method).maps
    # Shifted: red from the next frame, green from the last, blue not. The
    # place of red is negative for blue and so on, but nothing is there.
    for frame, source in ((0, 1), (1, 2)):
        assert tuple(places[source, 0]) == peak(maps[0, frame])
        assert tuple(places[frame, 1]) == peak(maps[1, frame + 1])
    assert not maps[0, 2].any() and not maps[1, 0].any()
    for frame in range(3):
        assert tuple(places[frame, 2]) == peak(maps[2, frame])
    other = places.copy()
    other[2, 0] = (places[2, 0] + 3) % 6
    changed = clip_maps(network, clip_of(other), 'backbone', range(COLORS), method).maps
    assert not np.array_equal(maps[0, 1], changed[0, 1])


NETWORKS = {
    'tsn': (recognizer2d(), (1, 3, 3, 64, 64)),
    'tsm': (
        recognizer2d(
            backbone=dict(
                type='ResNetTSM',
                depth=18,
                num_segments=3,
                pretrained=None,
                pretrained2d=False,
                shift_place='blockres',
            )
        ),
        (1, 3, 3, 64, 64),
    ),
    'mobilenet': (
        recognizer2d(backbone=dict(type='MobileNetV2'), channels=1280),
        (1, 2, 3, 64, 64),
    ),
    'mobilenet_tsm': (
        recognizer2d(
            backbone=dict(type='MobileNetV2TSM', num_segments=2, pretrained2d=False), channels=1280
        ),
        (1, 2, 3, 64, 64),
    ),
    'slowonly': (recognizer3d(), (1, 2, 3, 4, 48, 48)),
    'torchvision': (recognizer2d(backbone=dict(type='torchvision.resnet18')), (1, 2, 3, 64, 64)),
}


# At the last block the gradient is the same in all frames; not so before it.
@pytest.mark.parametrize(
    'name, asked',
    [
        *((name, None) for name in NETWORKS),
        ('tsn', 'backbone.layer3'),
        ('tsm', 'backbone.layer3'),
        ('mobilenet_tsm', 'backbone.layer6'),
    ],
)
def test_equal_to_plain_pytorch(name, asked):
    config, shape = NETWORKS[name]
    network, x = built(config), torch.randn(shape)
    layer = choose_layer(network, x, asked)
    found = clip_maps(network, x, layer, range(8))
    assert found.maps.any()
    kept = []
    module = dict(network.named_modules())[layer]
    handle = module.register_forward_hook(lambda *args: kept.append(args[2]))
    feats, options = network.extract_feat(x, test_mode=True)
    handle.remove()
    (activations,) = kept
    logits = network.cls_head(feats, **options).mean(0)
    np.testing.assert_allclose(found.logits, logits.detach(), rtol=1e-4, atol=1e-5)
    count = shape[1] * (shape[3] if len(shape) == 6 else 1)
    for k in range(8):
        (gradient,) = torch.autograd.grad(logits[k], activations, retain_graph=True)
        maps = torch.relu((gradient.mean((-2, -1), keepdim=True) * activations).sum(1))
        maps = maps.detach().reshape(-1, *maps.shape[-2:]) * count
        np.testing.assert_allclose(found.maps[k], maps, rtol=1e-3, atol=1e-6)


def test_the_network_is_left_alone():
    network, x = built(recognizer2d()), torch.randn(1, 2, 3, 32, 32)
    frozen = network.backbone.conv1.conv.weight.requires_grad_(False)
    before = network(x, stage='head')
    for layer in ('backbone', 'backbone.layer2.0', 'backbone.conv1.bn'):
        clip_maps(network, x, layer, [0, 1])
    assert all(p.grad is None for p in network.parameters())
    assert not frozen.requires_grad and torch.is_grad_enabled()
    assert not any(m._forward_hooks for m in network.modules())
    torch.testing.assert_close(network(x, stage='head'), before)


def test_nothing_is_said_in_vain(recwarn):
    network, x = built(recognizer2d()), torch.randn(1, 2, 3, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for method in METHODS:
            clip_maps(network, x * 0, 'backbone', [0], method)


def test_gradcam_plus_plus_does_not_depend_on_the_number_of_frames():
    network, x = built(recognizer2d()), torch.randn(1, 1, 3, 64, 64)
    one = clip_maps(network, x, 'backbone', [0], 'gradcam++').maps
    four = clip_maps(network, x.repeat(1, 4, 1, 1, 1), 'backbone', [0], 'gradcam++').maps
    np.testing.assert_allclose(four, one.repeat(4, 1), rtol=1e-4)


def test_xgradcam_is_gradcam_at_the_last_block():
    network, x = built(recognizer2d()), torch.randn(1, 2, 3, 64, 64)
    both = [
        clip_maps(network, x, 'backbone', [0, 1], method).maps for method in ('gradcam', 'xgradcam')
    ]
    np.testing.assert_allclose(*both, rtol=1e-3, atol=1e-5)
    both = [
        clip_maps(network, x, 'backbone.layer2', [0, 1], method).maps
        for method in ('gradcam', 'xgradcam')
    ]
    assert not np.allclose(*both, rtol=0.1)


def test_activations_below_zero_are_counted():
    network, x = built(recognizer2d()), torch.randn(1, 2, 3, 64, 64)
    assert clip_maps(network, x, 'backbone', [0]).negative == 0
    found = clip_maps(network, x, 'backbone.layer2.0.conv2', [0])
    assert 0.3 < found.negative < 0.7


def test_a_map_of_several_frames():
    config = recognizer3d()
    config['backbone'].update(conv1_stride_t=2)
    network, x = built(config), torch.randn(1, 1, 3, 4, 48, 48)
    maps = clip_maps(network, x, 'backbone', [0]).maps
    assert maps.shape[:2] == (1, 4)
    np.testing.assert_array_equal(maps[:, 0], maps[:, 1])
    assert not np.array_equal(maps[:, 1], maps[:, 2])


def test_the_component_of_a_clip():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 5, 4, 2)).astype(np.float32)
    component = first_component(values)
    places = values.transpose(0, 2, 3, 1).reshape(-1, 5)
    expected = PCA(1).fit_transform(places).reshape(3, 4, 2)
    found = project(values, component)
    assert found.max() >= -found.min()
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-3, atol=1e-4)
    flipped = project(-values, first_component(-values))
    np.testing.assert_allclose(flipped, found, rtol=1e-3, atol=1e-4)


def test_a_component_can_be_given():
    network, places = set_head(built(recognizer())), draw_places(6)
    first = clip_maps(network, clip_of(places[:3]), 'backbone', [], 'eigencam')
    both = clip_maps(network, clip_of(places), 'backbone', [], 'eigencam', first.component)
    np.testing.assert_allclose(both.maps[:, :3], first.maps, atol=1e-6)
    assert both.component is first.component


def test_what_cannot_be_explained():
    network, x = built(recognizer2d()), torch.randn(1, 2, 3, 32, 32)
    with pytest.raises(
        InputError,
        match=r'method: expected one of gradcam, '
        r"gradcam\+\+, xgradcam, eigencam, found 'cam'",
    ):
        clip_maps(network, x, 'backbone', [0], 'cam')
    detached = network.cls_head.forward
    network.cls_head.forward = lambda feats, **options: detached(feats.detach(), **options)
    for each in network.parameters():
        each.requires_grad_(False)
    with pytest.raises(InputError, match="'backbone': .*depend"):
        clip_maps(network, x, 'backbone', [0])

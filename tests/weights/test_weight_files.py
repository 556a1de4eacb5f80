import pytest
import torch
import torchvision

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.weights.weight_files import read_weight_file
from mmaction.registry import MODELS
from tests.factories import recognizer2d
from tests.weights.weight_samples import (
    affectnet_state,
    original_state,
    random_model,
    save_original,
)

pytestmark = pytest.mark.slow

ARCHS = ('resnet18', 'resnet50', 'mobilenet_v2')


@pytest.fixture(scope='module')
def models():
    return {name: random_model(name) for name in ARCHS}


@pytest.fixture
def read(tmp_path):

    def read(content):
        torch.save(content, tmp_path / 'a.pth')
        return read_weight_file(str(tmp_path / 'a.pth'))

    return read


def backbone_of(model):
    return {n: x for n, x in model.state_dict().items() if not n.startswith(('fc.', 'classifier.'))}


def is_backbone_of(network, model):
    """Every tensor, bit for bit, under torchvision's name."""
    expected, found = backbone_of(model), network.backbone()
    assert set(found) == set(expected)
    return all(torch.equal(found[n], expected[n]) for n in expected)


@pytest.mark.parametrize('old_format', [False, True])
@pytest.mark.parametrize(
    'name, options',
    [
        ('resnet50', {}),
        ('resnet50', dict(shift=True)),
        ('resnet50', dict(parallel=True)),
        ('resnet50', dict(parallel=True, shift=True)),
        ('mobilenet_v2', {}),
        ('mobilenet_v2', dict(parallel=True)),
    ],
)
def test_original(name, options, old_format, models, tmp_path):
    model = models[name]
    path = save_original(tmp_path / 'model_best.pth', model, old_format, **options)
    file = read_weight_file(path)
    network = file.networks['']
    assert file.kind == 'original' and list(file.networks) == ['']
    assert network.shift == options.get('shift', False)
    assert network.arch == name
    assert is_backbone_of(network, model)
    head = model.fc if name == 'resnet50' else model.classifier[1]
    for part in ('weight', 'bias'):
        assert torch.equal(network.tensors[f'cls_head.fc_cls.{part}'], getattr(head, part))
    assert file.left_out == ['threshold']
    assert file.checkpoint.replaced == ['parse_config.ConfigParser']
    assert file.meta == dict(arch='TSN', epoch=7)


@pytest.mark.parametrize(
    'name, shift', [('resnet50', False), ('resnet50', True), ('mobilenet_v2', False)]
)
def test_affectnet(name, shift, models, read):
    file = read(dict(state_dict=affectnet_state(models[name], shift)))
    network = file.networks['']
    assert file.kind == 'affectnet' and network.shift == shift
    assert network.arch == name and is_backbone_of(network, models[name])
    # heads for AffectNet's labels, of the size of ours
    assert network.beside_backbone() == []
    assert sorted(file.left_out) == sorted(
        f'{head}.{part}'
        for head in ('classifier.0', 'categorical_layer', 'continuous_layer')
        for part in ('weight', 'bias')
    )


@pytest.mark.parametrize('name', ARCHS)
def test_torchvision(name, models, read):
    file = read(models[name].state_dict())
    network = file.networks['']
    assert file.kind == 'torchvision' and network.arch == name
    assert is_backbone_of(network, models[name])
    assert len(file.left_out) == 2 and network.beside_backbone() == []


@pytest.mark.parametrize(
    'backbone',
    [
        dict(type='ResNet', depth=18),
        dict(type='ResNetTSM', depth=18),
        dict(type='MobileNetV2'),
        dict(type='MobileNetV2TSM'),
    ],
)
def test_mmaction(backbone, read):
    shift = backbone['type'].endswith('TSM')
    model = MODELS.build(recognizer2d(backbone=dict(backbone, pretrained=None)))
    file = read(dict(state_dict=model.state_dict(), meta=dict(epoch=3)))
    network = file.networks['']
    assert file.kind == 'mmaction' and file.meta == dict(epoch=3)
    assert network.shift == shift
    name = 'mobilenet_v2' if 'Mobile' in backbone['type'] else 'resnet18'
    assert network.arch == name
    assert set(network.backbone()) == set(backbone_of(getattr(torchvision.models, name)()))
    assert network.beside_backbone() == ['cls_head.fc_cls.weight', 'cls_head.fc_cls.bias']


@pytest.mark.parametrize('shared', [True, False])
def test_ours(shared, read):
    streams = ('face', 'body')
    networks = (
        dict(streams=streams, recognizer=recognizer2d())
        if shared
        else dict(streams={s: recognizer2d() for s in streams})
    )
    model = MODELS.build(
        dict(
            type='LateFusionRecognizer',
            **networks,
            fusion=dict(type='ScoreFusion', mode='weighted'),
        )
    )
    file = read(dict(state_dict=model.state_dict(), meta=dict(epoch=2)))
    assert file.kind == 'ours'
    assert tuple(file.networks) == (('shared',) if shared else streams)
    for network in file.networks.values():
        assert network.arch == 'resnet18' and not network.shift
        assert 'cls_head.fc_cls.bias' in network.tensors
    assert set(file.others) == {n for n in model.state_dict() if n.startswith('fusion.')}


def test_another_backbone_keeps_its_names(read):
    vgg = torchvision.models.vgg11(num_classes=1).features.state_dict()
    state = {f'features.{n}': x for n, x in vgg.items()}
    file = read(state)
    assert file.kind == 'backbone' and file.networks[''].arch == ''
    assert set(file.networks[''].backbone()) == set(state)


@pytest.mark.parametrize(
    'change, message',
    [
        (
            {'backbone.conv1.weight': torch.ones(1)},
            'ambiguous, has names that begin with base_model. and backbone.',
        ),
        (
            {'base_model.4.0.conv1.net.weight': torch.ones(1)},
            'ambiguous, two of its tensors are backbone.layer1.0.conv1.weight',
        ),
        (
            {'module.base_model.0.weight': torch.ones(1)},
            'ambiguous, two of its tensors are backbone.conv1.weight',
        ),
        (
            {'base_model.3.weight': torch.ones(1)},
            'base_model.3.weight: expected the children 0, 1 and 4 to 7',
        ),
        (
            {'base_model.layer1.weight': torch.ones(1)},
            'base_model.layer1.weight: expected the children',
        ),
    ],
)
def test_what_is_ambiguous_is_refused(change, message, models, read):
    state = dict(original_state(models['resnet18']), **change)
    with pytest.raises(InputError, match='a.pth: ' + message):
        read(state)


def test_a_foreign_child_of_affectnets(models, read):
    state = dict(affectnet_state(models['resnet18']), **{'features.9.weight': torch.ones(1)})
    with pytest.raises(InputError, match='features.9.weight: expected the ch'):
        read(state)

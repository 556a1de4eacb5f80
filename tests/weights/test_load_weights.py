import pytest
import torch
import torchvision
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.recipes import edit
from emoreact_plugin.weights.load_weights import load_start_weights, load_weights
from emoreact_plugin.weights.weight_files import read_weight_file
from mmaction.registry import MODELS
from tests.factories import recognizer2d
from tests.weights.weight_samples import affectnet_state, random_model, separate, shared

pytestmark = pytest.mark.slow

NETWORKS = [
    ('resnet18', dict(type='ResNet', depth=18, pretrained=None)),
    ('resnet50', dict(type='ResNet', depth=50, pretrained=None)),
    (
        'resnet50',
        dict(type='ResNetTSM', depth=50, pretrained=None, num_segments=1, pretrained2d=False),
    ),
    ('mobilenet_v2', dict(type='MobileNetV2', pretrained=None)),
    (
        'mobilenet_v2',
        dict(type='MobileNetV2TSM', pretrained=None, num_segments=1, pretrained2d=False),
    ),
]


def torchvision_features(model, x):
    if hasattr(model, 'features'):
        return model.features(x)
    for name, child in model.named_children():
        if name == 'avgpool':
            return x
        x = child(x)


@pytest.mark.parametrize('name, config', NETWORKS, ids=[c['type'] + '-' + n for n, c in NETWORKS])
def test_the_same_network_as_torchvisions(name, config, save):
    reference = random_model(name)
    backbone = MODELS.build(dict(config))
    backbone.eval()
    count = load_weights(backbone, save(reference.state_dict())).count
    assert count == sum('num_batches' not in k for k in backbone.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        # One segment: what is shifted in from its neighbours is 0, so the
        # shift is taken out for a comparison with a network without.
        if 'TSM' in config['type']:
            for module in backbone.modules():
                if type(module).__name__ == 'TemporalShift':
                    module.shift = lambda x, *args, **kwargs: x
        torch.testing.assert_close(
            backbone(x), torchvision_features(reference, x), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize(
    'wrap',
    [
        lambda s: dict(state_dict=s, meta=dict(epoch=3)),
        lambda s: {f'module.{k}': v for k, v in s.items()},
        lambda s: dict(state_dict={f'backbone.{k}': v for k, v in s.items()}),
        lambda s: dict(
            state_dict={
                **{f'recognizers.shared.backbone.{k}': v for k, v in s.items()},
                'recognizers.shared.cls_head.fc_cls.weight': torch.zeros(8, 512),
            }
        ),
    ],
    ids=['state_dict', 'DataParallel', 'MMAction2', 'ours'],
)
def test_wrapped_files(wrap, save):
    torch.manual_seed(0)
    config = dict(type='ResNet', depth=18, pretrained=None)
    source, target = MODELS.build(dict(config)), MODELS.build(dict(config))
    load_weights(target, save(wrap(source.state_dict())))
    for a, b in zip(source.parameters(), target.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def state(name='resnet18'):
    return random_model(name).state_dict()


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda s: s.pop('layer2.0.conv1.weight'), r'1 missing: layer2.0.conv1.conv.weight'),
        (lambda s: s.update({'layer5.weight': torch.zeros(1)}), '1 left over: layer5.weight'),
        (
            lambda s: s.update({'bn1.weight': torch.zeros(63)}),
            r'1 of another shape: conv1.bn.weight \(63,\) instead of \(64,\)',
        ),
    ],
    ids=['missing', 'left over', 'shape'],
)
def test_a_partial_match_is_refused_and_changes_nothing(change, message, save):
    weights = state()
    change(weights)
    backbone = MODELS.build(dict(type='ResNet', depth=18, pretrained=None))
    before = [p.clone() for p in backbone.parameters()]
    with pytest.raises(InputError, match=message) as error:
        load_weights(backbone, save(weights))
    assert 'weights.pth' in str(error.value)
    for a, b in zip(before, backbone.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_another_architecture_is_refused(save):
    backbone = MODELS.build(dict(type='ResNet', depth=50, pretrained=None))
    with pytest.raises(InputError, match='does not fit ResNet.*missing'):
        load_weights(backbone, save(state('mobilenet_v2')))


def test_no_file_names_the_switch(tmp_path):
    with pytest.raises(FileNotFoundError, match='--init scratch'):
        load_weights(torch.nn.Linear(1, 1), str(tmp_path / 'no.pth'))


@pytest.mark.parametrize(
    'content, found', [(dict(epoch=3), 'found epoch'), ([1, 2], 'found list'), ({}, 'found ')]
)
def test_files_without_tensors(content, found, save):
    with pytest.raises(InputError, match=f'expected a dict of.*{found}'):
        load_weights(torch.nn.Linear(1, 1), save(content))


def test_imagenet_that_cannot_be_had_names_the_switch(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))

    def offline(*args, **kwargs):
        raise OSError('no route to host')

    monkeypatch.setattr('torch.hub.download_url_to_file', offline)
    backbone = MODELS.build(dict(type='ResNet', depth=50, pretrained=None))
    with pytest.raises(FileNotFoundError, match='resnet50.*no route.*--init scratch'):
        load_start_weights(backbone, 'imagenet')


def test_imagenet_takes_torchvisions_file(monkeypatch, tmp_path):
    reference = random_model('mobilenet_v2')
    asked = []

    def download(url, *args, **kwargs):
        asked.append((url, kwargs['weights_only']))
        return reference.state_dict()

    monkeypatch.setattr('torchvision.models._api.load_state_dict_from_url', download)
    backbone = MODELS.build(dict(type='MobileNetV2', pretrained=None))
    load_start_weights(backbone, 'imagenet')
    torch.testing.assert_close(backbone.conv1.conv.weight, reference.features[0][0].weight)
    assert 'mobilenet_v2' in asked[0][0] and asked[0][1] is True


def test_imagenet_for_an_unknown_backbone():
    with pytest.raises(InputError, match='not for Linear'):
        load_start_weights(torch.nn.Linear(1, 1), 'imagenet')


def test_start_weights_that_failed_fail_again(tmp_path):
    model = MODELS.build(
        dict(
            type='LateFusionRecognizer',
            streams=('face',),
            recognizer=recognizer2d(),
            start_weights='nowhere.pth',
        )
    )
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match='nowhere.pth'):
            model.init_weights()


def test_start_weights_of_the_recognizer(save):
    path = save(state())
    model = MODELS.build(
        dict(
            type='LateFusionRecognizer',
            streams=('face', 'body'),
            recognizer=recognizer2d(),
            start_weights=path,
        )
    )
    model.init_weights()
    torch.testing.assert_close(
        model.recognizers['shared'].backbone.conv1.conv.weight, state()['conv1.weight']
    )


def test_start_weights_by_stream(save, monkeypatch, tmp_path):
    """A path, `imagenet`, a run of ours that has a network a stream."""
    run = separate(streams=('face', 'body'))
    ours = save(dict(state_dict=run.state_dict()), 'ours.pth')
    torch.save(
        dict(state_dict=affectnet_state(random_model('resnet18'))), tmp_path / 'affectnet.pth'
    )
    reference = random_model('resnet18', seed=5)
    monkeypatch.setattr(
        'torchvision.models._api.load_state_dict_from_url',
        lambda *args, **kwargs: reference.state_dict(),
    )
    model = separate(
        streams=('face', 'body', 'fullbody'),
        start_weights=dict(face=str(tmp_path / 'affectnet.pth'), body=ours, fullbody='imagenet'),
    )
    model.init_weights()
    for stream, expected in (
        ('face', state()['conv1.weight']),
        ('body', run.recognizers['body'].backbone.conv1.conv.weight),
        ('fullbody', reference.conv1.weight),
    ):
        found = model.recognizers[stream].backbone.conv1.conv.weight
        assert torch.equal(found, expected), stream
    model = separate(streams=('face', 'fullbody'), start_weights=ours)
    with pytest.raises(InputError, match='streams face, body, .*fullbody'):
        model.init_weights()


@pytest.mark.parametrize(
    'name, options, channels',
    [
        ('torchvision.mobilenet_v3_small', dict(weights=None), 576),
        ('timm.mobilenetv3_small_050', {}, 288),
    ],
)
def test_a_file_of_another_library_starts_its_backbone_as_a_stream(name, options, channels, save):
    library, name = name.split('.')
    if library == 'timm':
        reference = pytest.importorskip('timm').create_model(name).eval()
        features = reference.forward_features
    else:
        reference = getattr(torchvision.models, name)(weights=None).eval()
        features = reference.features
    path = save(reference.state_dict())  # with its head, which is not loaded
    other = recognizer2d(backbone=dict(type=f'{library}.{name}', **options), channels=channels)
    model = dict(type='LateFusionRecognizer', streams=dict(face=other, body=recognizer2d()))
    cfg = Config(dict(model=dict(model, start_weights=dict(face=path))))
    flag = Config(dict(model=dict(model, streams=dict(face=other))))
    edit(flag, dict(init=path))
    frames = torch.randn(2, 3, 64, 64)
    for each in (cfg, flag):
        built = MODELS.build(each.model).eval()
        built.init_weights()
        with torch.no_grad():
            found = built.recognizers['face'].extract_feat(frames[None])[0].flatten(1)
            torch.testing.assert_close(found, features(frames).mean((2, 3)), rtol=1e-4, atol=1e-4)
    assert read_weight_file(path).kind == 'backbone'
    broken = dict(reference.state_dict())
    del broken[next(iter(broken))]
    with pytest.raises(InputError, match='1 missing'):
        load_start_weights(built.recognizers['face'].backbone, save(broken, 'broken.pth'))


def test_the_only_network_of_a_file_starts_any_stream(save):
    for run in (separate(streams=('body',)), shared()):
        path = save(dict(state_dict=run.state_dict()))
        (expected,) = (each.backbone.conv1.conv.weight for each in run.recognizers.values())
        model = separate(streams=('face', 'body'), start_weights=path)
        for each in model.recognizers.values():
            each.backbone.conv1.conv.weight.data.zero_()
        model.init_weights()
        for each in model.recognizers.values():
            assert torch.equal(each.backbone.conv1.conv.weight, expected)

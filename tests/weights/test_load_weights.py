import pytest
import torch

import emoreact_plugin  # noqa: F401
from emoreact_plugin.weights.load_weights import LoadedWeights, load_start_weights, load_weights
from mmaction.registry import MODELS
from tests.factories import recognizer2d
from tests.weights.weight_samples import (
    CHANNELS,
    affectnet_state,
    original_state,
    random_model,
    save_original,
)

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


@pytest.fixture
def save(tmp_path):

    def save(content, name='weights.pth'):
        torch.save(content, tmp_path / name)
        return str(tmp_path / name)

    return save


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
    with pytest.raises(ValueError, match=message) as error:
        load_weights(backbone, save(weights))
    assert 'weights.pth' in str(error.value)
    for a, b in zip(before, backbone.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_another_architecture_is_refused(save):
    backbone = MODELS.build(dict(type='ResNet', depth=50, pretrained=None))
    with pytest.raises(ValueError, match='does not fit ResNet.*missing'):
        load_weights(backbone, save(state('mobilenet_v2')))


def test_no_file_names_the_switch(tmp_path):
    with pytest.raises(FileNotFoundError, match='--init scratch'):
        load_weights(torch.nn.Linear(1, 1), str(tmp_path / 'no.pth'))


@pytest.mark.parametrize(
    'content, found', [(dict(epoch=3), 'found epoch'), ([1, 2], 'found list'), ({}, 'found ')]
)
def test_files_without_tensors(content, found, save):
    with pytest.raises(ValueError, match=f'expected a dict of.*{found}'):
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
    with pytest.raises(ValueError, match='not for Linear'):
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
    with pytest.raises(
        ValueError, match='networks of the streams face, body, and one for fullbody is asked for'
    ):
        model.init_weights()


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


def separate(streams, **options):
    torch.manual_seed(3)
    return MODELS.build(
        dict(type='LateFusionRecognizer', streams={s: recognizer2d() for s in streams}, **options)
    )


def shared(arch='resnet18', shift=False, fusion='mean', num_classes=8):
    tsm = dict(num_segments=3, pretrained2d=False) if shift else {}
    backbone = (
        dict(type='MobileNetV2')
        if arch == 'mobilenet_v2'
        else dict(type='ResNet', depth=int(arch[6:]))
    )
    backbone['type'] += 'TSM' * shift
    return MODELS.build(
        dict(
            type='LateFusionRecognizer',
            streams=('face', 'body'),
            recognizer=recognizer2d(
                num_classes, dict(backbone, pretrained=None, **tsm), channels=CHANNELS[arch]
            ),
            fusion=dict(type='ScoreFusion', mode=fusion),
        )
    )


def head_of(model):
    return model.recognizers['shared'].cls_head.fc_cls


@pytest.mark.parametrize(
    'name, shift', [('resnet18', False), ('resnet18', True), ('mobilenet_v2', False)]
)
def test_an_original_with_its_head(name, shift, tmp_path):
    reference = random_model(name)
    path = save_original(tmp_path / 'a.pth', reference, shift=shift)
    model = shared(name, shift)
    loaded = load_weights(model, path)
    head = reference.fc if name == 'resnet18' else reference.classifier[1]
    assert torch.equal(head_of(model).weight, head.weight)
    assert torch.equal(head_of(model).bias, head.bias)
    assert loaded == LoadedWeights(
        sum('num_batches' not in n for n in model.state_dict()),
        'original',
        [],
        ['threshold'],
    )
    # a stock recognizer as well
    network = MODELS.build(recognizer2d(backbone=dict(type='ResNet', depth=18, pretrained=None)))
    if name == 'resnet18' and not shift:
        assert load_weights(network, path) == loaded
        assert torch.equal(network.cls_head.fc_cls.weight, head.weight)


@pytest.mark.parametrize('file, model', [(True, False), (False, True)])
def test_trained_weights_with_and_without_shift(file, model, tmp_path):
    path = save_original(tmp_path / 'a.pth', random_model('resnet18'), shift=file)
    kinds = ['without temporal shift', r'with temporal shift \(TSM\)']
    with pytest.raises(
        ValueError, match=f'trained {kinds[file]}, the model is one {kinds[model]}.*--shift'
    ):
        load_weights(shared(shift=model), path)
    # as start weights they are the same
    load_weights(shared(shift=model).recognizers['shared'].backbone, path)


@pytest.mark.parametrize(
    'make',
    [
        lambda m: m.state_dict(),
        affectnet_state,
        lambda m: dict(
            state_dict={
                f'backbone.{n}': x for n, x in m.state_dict().items() if not n.startswith('fc.')
            }
        ),
        lambda m: {n: x for n, x in original_state(m).items() if not n.startswith('new_fc.')},
    ],
    ids=['torchvision', 'affectnet', 'mmaction', 'original'],
)
def test_no_head_in_the_file(make, save):
    """Load no head: that of torchvision and AffectNet is for other labels, whatever its size."""
    reference, model = random_model('resnet18'), shared()
    path = save(make(reference))
    before = head_of(model).weight.clone()
    names = [f'recognizers.shared.cls_head.fc_cls.{n}' for n in ('weight', 'bias')]
    with pytest.raises(ValueError, match=f'2 missing: {", ".join(names)}'):
        load_weights(model, path)
    loaded = load_weights(model, path, may_miss=('head',))
    assert loaded.missing == names and loaded.count == 100
    assert torch.equal(head_of(model).weight, before)
    assert torch.equal(
        model.recognizers['shared'].backbone.conv1.conv.weight, reference.conv1.weight
    )


def test_a_head_of_another_size(save):
    path = save(original_state(random_model('resnet18')))
    model = shared(num_classes=3)
    with pytest.raises(
        ValueError,
        match=r'2 of another shape: .*fc_cls.weight'
        r' \(8, 512\) instead of \(3, 512\)',
    ):
        load_weights(model, path)
    loaded = load_weights(model, path, may_miss=['head'])
    assert loaded.count == 100 and len(loaded.missing) == 2
    assert loaded.left_out == ['threshold', 'cls_head.fc_cls.weight', 'cls_head.fc_cls.bias']
    with pytest.raises(ValueError, match='1 missing: .*layer4'):
        state = original_state(random_model('resnet18'))
        del state['base_model.7.0.conv1.weight']
        load_weights(model, save(state), may_miss=['head'])
    with pytest.raises(
        ValueError, match='may_miss: expected some of head, neck, fusion, found backbone'
    ):
        load_weights(model, path, may_miss=['backbone'])


def test_ours_as_a_whole(save):
    source, target = (shared(fusion='weighted') for _ in range(2))
    source.fusion.load_state_dict(
        {n: torch.rand_like(x) for n, x in source.fusion.state_dict().items()}
    )
    path = save(dict(state_dict=source.state_dict()))
    load_weights(target, path)
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor), name
    with pytest.raises(ValueError, match='left over: fusion.'):
        load_weights(shared(), path)
    loaded = load_weights(shared(), path, may_miss=['fusion'])
    assert [n.split('.')[0] for n in loaded.left_out] == ['fusion']
    with pytest.raises(ValueError, match='missing: fusion.'):
        load_weights(target, save(dict(state_dict=shared().state_dict())))


def test_networks_are_never_guessed(save, tmp_path):
    two = separate(('face', 'body'))
    path = save(dict(state_dict=two.state_dict()))
    other = separate(('face', 'body'))
    for parameter in other.parameters():
        parameter.data.zero_()
    load_weights(other, path)
    for stream in ('face', 'body'):
        assert torch.equal(
            other.recognizers[stream].cls_head.fc_cls.weight,
            two.recognizers[stream].cls_head.fc_cls.weight,
        )
    backbone = other.recognizers['face'].backbone
    for model in (shared(), backbone):
        with pytest.raises(
            ValueError,
            match='ambiguous, holds networks of the streams face, body, expected one network',
        ):
            load_weights(model, path)
    load_weights(backbone, path, stream='body')
    assert torch.equal(
        backbone.conv1.conv.weight, two.recognizers['body'].backbone.conv1.conv.weight
    )
    one = save_original(tmp_path / 'one.pth', random_model('resnet18'))
    for file, found in ((one, 'one network'), (path, 'face, body')):
        with pytest.raises(
            ValueError,
            match=f'ambiguous, expected networks of the streams face, fullbody, found {found}',
        ):
            load_weights(separate(('face', 'fullbody')), file)


def test_a_stream_that_was_asked_for_is_never_another(save):
    path = save(dict(state_dict=separate(('body',)).state_dict()))
    backbone = separate(('face',)).recognizers['face'].backbone
    for stream in ('face', 'nonsense'):
        with pytest.raises(
            ValueError,
            match=f'holds networks of the streams body, and one for {stream} is asked for',
        ):
            load_weights(backbone, path, stream=stream)
    for stream in (None, 'body'):
        load_weights(backbone, path, stream=stream)
    # One network of all streams is that of each.
    path = save(dict(state_dict=shared().state_dict()))
    load_weights(backbone, path, stream='face')

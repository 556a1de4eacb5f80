from dataclasses import astuple

import pytest
import torch

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.weights.load_weights import load_weights
from mmaction.registry import MODELS
from tests.factories import recognizer2d
from tests.weights.weight_samples import (
    affectnet_state,
    original_state,
    random_model,
    save_original,
    separate,
    shared,
)

pytestmark = pytest.mark.slow


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
    assert astuple(loaded) == (
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
        InputError, match=f'trained {kinds[file]}, the model is one {kinds[model]}.*--shift'
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
    with pytest.raises(InputError, match=f'2 missing: {", ".join(names)}'):
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
        InputError,
        match=r'2 of another shape: .*fc_cls.weight'
        r' \(8, 512\) instead of \(3, 512\)',
    ):
        load_weights(model, path)
    loaded = load_weights(model, path, may_miss=['head'])
    assert loaded.count == 100 and len(loaded.missing) == 2
    assert loaded.left_out == ['threshold', 'cls_head.fc_cls.weight', 'cls_head.fc_cls.bias']
    with pytest.raises(InputError, match='1 missing: .*layer4'):
        state = original_state(random_model('resnet18'))
        del state['base_model.7.0.conv1.weight']
        load_weights(model, save(state), may_miss=['head'])
    with pytest.raises(InputError, match='may_miss: .*head, neck, fusion, found backbone'):
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
    with pytest.raises(InputError, match='left over: fusion.'):
        load_weights(shared(), path)
    loaded = load_weights(shared(), path, may_miss=['fusion'])
    assert [n.split('.')[0] for n in loaded.left_out] == ['fusion']
    with pytest.raises(InputError, match='missing: fusion.'):
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
        with pytest.raises(InputError, match='ambiguous, .*streams face, body'):
            load_weights(model, path)
    load_weights(backbone, path, stream='body')
    assert torch.equal(
        backbone.conv1.conv.weight, two.recognizers['body'].backbone.conv1.conv.weight
    )
    one = save_original(tmp_path / 'one.pth', random_model('resnet18'))
    for file, found in ((one, 'one network'), (path, 'face, body')):
        with pytest.raises(
            InputError,
            match=f'ambiguous, expected networks of the streams face, fullbody, found {found}',
        ):
            load_weights(separate(('face', 'fullbody')), file)


def test_a_stream_that_was_asked_for_is_never_another(save):
    path = save(dict(state_dict=separate(('body',)).state_dict()))
    backbone = separate(('face',)).recognizers['face'].backbone
    for stream in ('face', 'nonsense'):
        with pytest.raises(
            InputError,
            match=f'holds networks of the streams body, and one for {stream} is asked for',
        ):
            load_weights(backbone, path, stream=stream)
    for stream in (None, 'body'):
        load_weights(backbone, path, stream=stream)
    # One network of all streams is that of each.
    path = save(dict(state_dict=shared().state_dict()))
    load_weights(backbone, path, stream='face')

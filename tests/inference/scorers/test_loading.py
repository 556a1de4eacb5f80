import pytest
import torch
from mmengine.config import Config

from emoreact_plugin import InputError
from emoreact_plugin.inference.scorers.loading import check_device, load_scorer
from emoreact_plugin.inference.scorers.torch_scorer import classes_of
from tests.factories import EMOTIONS


def config(kind, *names):
    dataset = dict(type=kind)
    if names:
        dataset['metainfo'] = dict(classes=names)
    return Config(dict(test_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=dataset))))


@pytest.mark.parametrize(
    'cfg, count, trained, expected',
    [
        (config('EmoReactDataset'), 8, {}, EMOTIONS),
        (config('EmoReactDataset', 'a', 'b'), 2, {}, ('a', 'b')),
        # what the checkpoint was trained on comes first, if it fits
        (config('VideoDataset', 'a', 'b'), 2, dict(classes=['x', 'y']), ('x', 'y')),
        # eight classes are not EmoReact's for that
        (config('VideoDataset'), 8, {}, tuple(f'class {k}' for k in range(8))),
        (config('EmoReactDataset'), 2, {}, ('class 0', 'class 1')),
        (Config(dict()), 1, {}, ('class 0',)),
    ],
)
def test_names_of_classes(cfg, count, trained, expected):
    assert classes_of(cfg, count, trained) == expected


@pytest.mark.parametrize('names', ['xy', ['x'], ['x', 'x'], [1, 2], {'x': 1, 'y': 2}])
def test_other_names_in_a_checkpoint_are_refused(names):
    with pytest.raises(InputError, match='a.pth: expected the names of 2 classes'):
        classes_of(config('VideoDataset', 'a', 'b'), 2, dict(classes=names), 'a.pth')


@pytest.mark.parametrize(
    'cuda, mps, device, facts',
    [
        (0, False, 'cuda', ('cpu (no CUDA', 'found cuda')),
        (0, True, 'cuda:0', ('cpu or mps (no CUDA', 'found cuda:0')),
        (2, False, 'cuda:2', ('cpu or cuda:0 or cuda:1', 'found cuda:2')),
        (2, False, 'GPU', ('cpu or cuda:0 or cuda:1', 'found GPU')),
    ],
)
def test_a_device_that_is_not_there(cuda, mps, device, facts, monkeypatch):

    def empty(size, device):
        raise AssertionError('Torch not compiled with CUDA enabled')

    monkeypatch.setattr(torch, 'empty', empty)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: mps)
    with pytest.raises(InputError) as error:
        # before the checkpoint is looked for
        load_scorer('no.pth', device=device)
    assert all(fact in str(error.value) for fact in ('device: ', *facts))


def test_devices():
    check_device('cpu')
    with pytest.raises(InputError, match='device: expected .*found nothing'):
        check_device('nothing')
    with pytest.raises(InputError, match='device: expected .*found meta'):
        check_device('meta')
    with pytest.raises(InputError, match='device: expected cpu.*found meta'):
        load_scorer('no.onnx', device='meta')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_gpu_that_is_there():
    check_device('cuda')

"""Files of other systems to start weights and checkpoints, as a user does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin.evaluation import read_dump
from emoreact_plugin.weights.load_weights import load_weights
from mmaction.registry import DATASETS, MODELS
from tests.factories import write_config
from tests.weights.weight_samples import affectnet_state, random_model, save_original

pytestmark = pytest.mark.slow


@pytest.fixture
def convert(calls):
    return calls('convert_checkpoint')


@pytest.fixture
def config(tmp_path):
    return str(write_config(tmp_path / 'small.py', more='', init='imagenet', num_workers=0))


@pytest.fixture(scope='module')
def reference():
    return random_model('resnet18')


@pytest.fixture
def original(tmp_path, reference):
    return save_original(tmp_path / 'model_best.pth', reference)


def resnet18(kind='ResNet', **options):
    return MODELS.build(dict(type=kind, depth=18, pretrained=None, **options))


@pytest.mark.parametrize('shift', [False, True])
def test_start_weights(shift, convert, reference, tmp_path):
    path = save_original(tmp_path / 'in.pth', reference, shift=shift)
    out = str(tmp_path / 'new' / 'start.pth')
    code, text, _ = convert(path, '--out', out)
    assert code == 0
    assert text.splitlines() == [
        f'{path}: trained checkpoint of the original system; epoch 7; '
        f'resnet18{" with temporal shift (TSM)" * shift}, 100 tensors, head for 8 labels.',
        'Of classes that are not here, so not read: parse_config.ConfigParser.',
        f'{out}: start weights, the backbone alone.',
        'Left out: threshold, cls_head.fc_cls.weight, cls_head.fc_cls.bias.',
    ]
    written = torch.load(out, weights_only=True)
    expected = {n: x for n, x in reference.state_dict().items() if not n.startswith('fc.')}
    assert set(written['state_dict']) == set(expected)
    assert all(torch.equal(written['state_dict'][n], x) for n, x in expected.items())
    assert written['meta'] == dict(
        converted_from=dict(kind='original', file='in.pth', arch='resnet18', shift=shift, epoch=7)
    )
    for backbone in (resnet18(), resnet18('ResNetTSM', pretrained2d=False)):
        assert load_weights(backbone, out).count == 100
    assert sorted(p.name for p in (tmp_path / 'new').iterdir()) == ['start.pth']


def test_the_best_checkpoint_of_a_work_dir_is_converted(convert, reference, tmp_path):
    (tmp_path / 'run').mkdir()
    best = save_original(tmp_path / 'run' / 'best_roc_auc_micro_epoch_7.pth', reference)
    code, text, _ = convert(str(tmp_path / 'run'), '--out', str(tmp_path / 'new') + '/')
    assert code == 0
    assert text.startswith(f'{best}: trained checkpoint of the original system; epoch 7; ')
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['best_roc_auc_micro_epoch_7.pth']


def plain_scores(reference, cfg, root):
    """Compute the logits (clips, streams, 8) of torchvision's network on the test clips.

    They are pooled and averaged in plain PyTorch.
    """
    cfg = Config.fromfile(cfg, lazy_import=False)
    dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, data_root=str(root)))
    norm = cfg.model.recognizer.data_preprocessor
    mean, std = (torch.tensor(norm[n]).view(3, 1, 1) for n in ('mean', 'std'))
    scores = []
    for sample in dataset:
        with torch.no_grad():
            scores.append(
                [
                    reference((sample['inputs'][f'{s}_imgs'] - mean) / std).mean(0).tolist()
                    for s in ('face', 'body')
                ]
            )
    return np.array(scores)


def test_a_trained_checkpoint_is_tested(
    convert, calls, config, original, reference, tiny, tmp_path
):
    out = str(tmp_path / 'ours.pth')
    code, text, _ = convert(config, original, '--out', out)
    assert code == 0
    assert text.splitlines()[2:] == [
        f'{out}: checkpoint of the config, 102 tensors.',
        'Left out: threshold.',
        'Not in the file, taken from the config: input fusion, mask False, '
        'num_segments 3, shift_div 8.',
    ]
    meta = torch.load(out, weights_only=True)['meta']
    assert meta['converted_from']['file'] == 'model_best.pth'
    assert meta['dataset_meta']['classes'][0] == 'Curiosity'
    stored = Config.fromstring(meta['cfg'], '.py')
    assert stored.model.start_weights is None
    dump = str(tmp_path / 'scores.npz')
    common = [
        out,
        '--data-root',
        str(tiny.root),
        '--work-dir',
        str(tmp_path / 'work'),
        '--cfg-options',
        'test_dataloader.persistent_workers=False',
    ]
    code, text, error = calls('test')(config, *common[:5], '--dump', dump, *common[5:])
    assert code == 0, error
    expected = plain_scores(reference, config, tiny.root)
    found = read_dump(dump)
    size = abs(expected).max()
    for i, stream in enumerate(('face', 'body')):
        assert abs(found.stream_logits[stream] - expected[:, i]).max() <= (1e-4 * size)
    assert abs(found.scores - expected.mean(1)).max() <= 1e-4 * size
    assert abs(expected[:, 0] - expected[:, 1]).max() > 1e-2 * size
    code, _, error = calls('test')(config, *common[:5], '--input', 'face', *common[5:])
    assert code == 1 and 'was trained with other options' in error
    code, _, error = calls('train')(config, '--resume', *common[:1])
    assert code == 1 and f'{out}: expected the checkpoint of a run' in error


def test_no_head(convert, config, reference, tmp_path):
    path, out = str(tmp_path / 'a.pth'), str(tmp_path / 'out.pth')
    torch.save(dict(state_dict=affectnet_state(reference)), path)
    code, text, error = convert(config, path, '--out', out)
    assert code == 1 and '2 missing: recognizers.shared.cls_head' in error
    assert 'AffectNet weights of the original system' in text
    assert not Path(out).exists()
    code, text, _ = convert(config, path, '--out', out, '--may-miss', 'head')
    assert code == 0 and 'checkpoint of the config, 100 tensors' in text
    assert (
        'RANDOM, so not to be tested as it is: recognizers.shared.cls_head'
        '.fc_cls.weight, recognizers.shared.cls_head.fc_cls.bias.'
    ) in text


def test_a_stream_is_chosen(convert, config, tmp_path):
    """Of a run with a network a stream."""
    cfg = Config.fromfile(config, lazy_import=False).model
    network = dict(cfg.recognizer)
    model = MODELS.build(
        dict(type='LateFusionRecognizer', streams=dict(face=network, body=network))
    )
    path, out = str(tmp_path / 'a.pth'), str(tmp_path / 'out.pth')
    torch.save(dict(state_dict=model.state_dict()), path)
    code, _, error = convert(path, '--out', out)
    assert code == 1 and 'ambiguous' in error and 'face, body' in error
    code, text, _ = convert(path, '--out', out, '--stream', 'body')
    assert code == 0 and 'face: resnet18, 100 tensors, head for 8' in text
    assert torch.equal(
        torch.load(out, weights_only=True)['state_dict']['conv1.weight'],
        model.recognizers['body'].backbone.conv1.conv.weight,
    )


@pytest.mark.parametrize(
    'flags, message',
    [
        (['--arch', 'resnet50'], 'does not fit LateFusionRecognizer'),
        (['--shift'], 'trained without temporal shift, the model is one with'),
    ],
)
def test_another_model_is_refused(flags, message, convert, config, original, tmp_path):
    out = tmp_path / 'out.pth'
    code, _, error = convert(config, original, '--out', str(out), *flags)
    assert code == 1 and message in error and original in error
    assert not out.exists()


def test_the_file_that_is_read_is_not_written_over(convert, original):
    before = Path(original).read_bytes()
    link = Path(original).parent / 'link.pth'
    link.symlink_to(original)
    for out in (original, str(link)):
        code, _, error = convert(original, '--out', out)
        assert code == 1 and 'expected a file of its own to write to' in error
    assert Path(original).read_bytes() == before


def test_no_file(convert, tmp_path):
    code, _, error = convert(str(tmp_path / 'no.pth'), '--out', 'out.pth')
    assert code == 1 and 'no.pth: no such checkpoint or weight file' in error

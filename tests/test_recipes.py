import itertools

import pytest
import torch
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin.recipes import INPUTS, build, overriding
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

RUNTIME = "_base_ = []\nfrom emoreact_plugin.recipes import build\n"


def test_what_the_published_recipe_says():
    cfg = build()
    assert cfg['model']['streams'] == ('face', 'body')
    assert cfg['model']['recognizer']['backbone']['depth'] == 50
    assert cfg['model']['partial_bn'] is True
    assert cfg['model']['start_weights'] == 'imagenet'
    assert cfg['optim_wrapper']['optimizer'] == dict(
        type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4)
    assert cfg['train_dataloader']['batch_size'] == 8
    assert cfg['train_cfg']['max_epochs'] == 12
    steps = cfg['train_dataloader']['dataset']['pipeline']
    assert steps[0] == dict(
        type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3,
        test_mode=False)
    inner = next(s for s in steps if s['type'] == 'ForEachStream')
    assert [(t['type'], t.get('scale'), t.get('size'), t.get('flip_ratio'))
            for t in inner['transforms'][:3]] == [
                ('Resize', (256, 256), None, None),
                ('Flip', None, None, 0.5), ('RandomCrop', None, 224, None)]
    for split in ('val', 'test'):
        steps = cfg[f'{split}_dataloader']['dataset']['pipeline']
        assert steps[0]['test_mode'] is True
        inner = next(s for s in steps if s['type'] == 'ForEachStream')
        assert [t['type'] for t in inner['transforms']] == [
            'Resize', 'FormatShape']
        assert inner['transforms'][0]['scale'] == (224, 224)


@pytest.mark.parametrize(
    'input, arch, shift', [(i, 'mobilenet_v2', s) for i, s in
                           itertools.product(INPUTS, (False, True))] +
    [('fusion', 'resnet18', True), ('face', 'resnet50', False)])
def test_every_input_trains_and_tests_a_step(input, arch, shift):
    cfg = build(input=input, arch=arch, shift=shift, init='scratch')
    model = MODELS.build(cfg['model'])
    model.init_weights()
    inputs = {
        f'{s}_imgs': torch.randn(2, 3, 3, 32, 32) for s in INPUTS[input]
    }
    samples = [ActionDataSample().set_gt_label(torch.ones(8))
               for _ in range(2)]
    model.train()
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {f'loss_{s}' for s in INPUTS[input]}
    sum(losses.values()).backward()
    model.eval()
    with torch.no_grad():
        out = model(inputs, samples, mode='predict')
    assert out[0].pred_score.shape == (8, )


@pytest.mark.parametrize('input', INPUTS)
def test_a_mask_is_drawn_before_the_crops_in_every_split(input):
    cfg = build(input=input, mask=True, mask_kind='cloth')
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader']['dataset']
        types = [s['type'] for s in dataset['pipeline']]
        place = types.index('DrawFaceMask')
        assert types[place - 1] == 'LoadLandmarks'
        assert types[place + 1] == 'CropRegions'
        step = dataset['pipeline'][place]
        assert step['kind'] == 'cloth'
        # drawn anew in training, the same every time otherwise
        assert (step['seed'] is None) == (split == 'train')
        assert 'landmarks' in dataset['required']


def test_scratch_leaves_the_norms_free():
    model = build(init='scratch')['model']
    assert model['partial_bn'] is False and model['start_weights'] is None


def test_other_classes_reach_model_and_data():
    cfg = build(classes=('calm', 'angry'))
    assert cfg['model']['recognizer']['cls_head']['num_classes'] == 2
    for split in ('train', 'val', 'test'):
        assert cfg[f'{split}_dataloader']['dataset']['metainfo'] == dict(
            classes=('calm', 'angry'))


@pytest.mark.parametrize('options, message', [
    (dict(input='hands'),
     'input: expected one of face, body, fullbody, fusion, found hands'),
    (dict(num_segments=2), 'expected one of 1, 3, 5, 10, found 2'),
    (dict(num_segments=True), 'found True'),
    (dict(arch='vgg'), 'resnet50, mobilenet_v2, resnet18, found vgg'),
    (dict(shift='yes'), 'shift: expected one of False, True'),
    (dict(shift=1), 'found 1'),
    (dict(shift_div=3), 'expected one of 4, 8, found 3'),
    (dict(init=None), "'imagenet', 'scratch' or a path"),
    (dict(segments=3), "unknown option 'segments', expected one of input"),
])
def test_impossible_options(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_a_text_config_calls_it_and_dumps_to_a_plain_file(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(RUNTIME + "globals().update(build(input='face'))\n")
    cfg = Config.fromfile(str(path))
    assert cfg.model.streams == ('face', )
    cfg.dump(str(tmp_path / 'plain.py'))
    text = (tmp_path / 'plain.py').read_text()
    assert 'import' not in text and 'build' not in text
    again = Config.fromfile(str(tmp_path / 'plain.py'))
    assert again.to_dict() == cfg.to_dict()


def test_the_command_line_wins_over_the_configs_options(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(RUNTIME + 'globals().update(build(num_segments=3))\n')
    with overriding(dict(num_segments=5)) as calls:
        cfg = Config.fromfile(str(path))
    steps = cfg.test_dataloader.dataset.pipeline
    assert steps[0].num_clips == 5 and cfg.recipe.num_segments == 5
    assert [c['recipe']['num_segments'] for c in calls[0]] == [3, 5]
    assert build()['recipe']['num_segments'] == 3  # over with the block

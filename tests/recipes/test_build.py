import itertools
import warnings

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.recipes import CHOICES, INPUTS, build
from mmaction.models.backbones.resnet import Bottleneck, ResNet
from mmaction.registry import DATASETS, MODELS
from mmaction.structures import ActionDataSample

RUNTIME = '_base_ = []\nfrom emoreact_plugin.recipes import build\n'


def test_what_the_published_recipe_says():
    cfg = build()
    assert cfg['model']['streams'] == ('face', 'body')
    assert cfg['model']['recognizer']['backbone']['depth'] == 50
    assert cfg['model']['partial_bn'] is True
    assert cfg['model']['start_weights'] == 'imagenet'
    assert cfg['optim_wrapper']['optimizer'] == dict(
        type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4
    )
    assert cfg['train_dataloader']['batch_size'] == 8
    assert cfg['train_cfg']['max_epochs'] == 12
    steps = cfg['train_dataloader']['dataset']['pipeline']
    assert steps[0] == dict(
        type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3, test_mode=False
    )
    inner = next(s for s in steps if s['type'] == 'ForEachStream')
    assert [
        (t['type'], t.get('scale'), t.get('size'), t.get('flip_ratio'))
        for t in inner['transforms'][:3]
    ] == [
        ('Resize', (256, 256), None, None),
        ('Flip', None, None, 0.5),
        ('RandomCrop', None, 224, None),
    ]
    for split in ('val', 'test'):
        steps = cfg[f'{split}_dataloader']['dataset']['pipeline']
        assert steps[0]['test_mode'] is True
        inner = next(s for s in steps if s['type'] == 'ForEachStream')
        assert [t['type'] for t in inner['transforms']] == ['Resize', 'FormatShape']
        assert inner['transforms'][0]['scale'] == (224, 224)


OPTIONS = dict(
    input=tuple(INPUTS),
    mask=(False, True),
    num_segments=CHOICES['num_segments'],
    arch=('resnet50', 'mobilenet_v2'),
    shift=(None, 8, 4),
)


def covering_combinations():
    """Few combinations that hold every pair of values of two options."""
    names = list(OPTIONS)
    every = list(itertools.product(*OPTIONS.values()))

    def pairs(values):
        return set(itertools.combinations(zip(names, values, strict=True), 2))

    missing = set().union(*map(pairs, every))
    while missing:
        best = max(every, key=lambda values: len(pairs(values) & missing))
        missing -= pairs(best)
        yield dict(zip(names, best, strict=True))


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:shift with num_segments=1')
@pytest.mark.parametrize(
    'options', list(covering_combinations()), ids=lambda o: '-'.join(str(v) for v in o.values())
)
def test_every_pair_of_options_trains_and_tests_a_step(options, tiny, monkeypatch):
    """All 192 combinations: tools/dev/validate_grid.py."""
    # The stages of a ResNet-50, of one block each.
    monkeypatch.setitem(ResNet.arch_settings, 50, (Bottleneck, (1, 1, 1, 1)))
    shift = options.pop('shift')
    if shift:
        options.update(shift=True, shift_div=shift)
    cfg = build(**options, init='scratch', image_size=32, data_root=str(tiny.root))
    model = MODELS.build(cfg['model'])
    model.init_weights()
    for split, mode in (('train', 'loss'), ('test', 'predict')):
        dataset = DATASETS.build(cfg[f'{split}_dataloader']['dataset'])
        batch = pseudo_collate([dataset[0], dataset[1]])
        model.train(mode == 'loss')
        out = model(**model.data_preprocessor(batch, mode == 'loss'), mode=mode)
        if mode == 'loss':
            loss, _ = model.parse_losses(out)
            loss.backward()
            assert loss.isfinite()
    assert [s.pred_score.shape for s in out] == [(8,)] * 2
    assert all(s.pred_score.isfinite().all() for s in out)


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


CLIP = dict(type='SampleFrames', clip_len=8, frame_interval=2, num_clips=1)
SLOWONLY = dict(
    type='Recognizer3D',
    backbone=dict(type='ResNet3dSlowOnly', depth=50, pretrained=None),
    cls_head=dict(type='I3DHead', num_classes=400, in_channels=2048),
    data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCTHW'),
)


def test_a_stock_recognizer_and_its_frames_beside_the_recipes_own():
    cfg = build(
        recognizers=dict(face=SLOWONLY),
        mask=True,
        sampling=dict(face=CLIP, body=dict(share='face', num_frames=3)),
    )
    model = cfg['model']
    assert model['streams']['face']['cls_head']['num_classes'] == 8
    assert SLOWONLY['cls_head']['num_classes'] == 400  # left as it was
    assert model['streams']['body']['type'] == 'Recognizer2D'
    # the stock recognizer's start weights are its own affair
    assert model['start_weights'] == dict(body='imagenet')
    for split in ('train', 'test'):
        steps = cfg[f'{split}_dataloader']['dataset']['pipeline']
        assert steps[0]['streams']['face'] == dict(CLIP, test_mode=split == 'test')
        assert steps[0]['streams']['body'] == dict(share='face', num_frames=3)
        inner = next(s for s in steps if s['type'] == 'ForEachStream')
        assert {
            name: each[-1]['input_format'] for name, each in inner['transforms'].items()
        } == dict(face='NCTHW', body='NCHW')
    assert 'test_mode' not in CLIP
    face = dict(SLOWONLY, backbone=dict(pretrained='file.pth'))
    for init, expected in (('scratch', None), ('imagenet', 'file.pth')):
        model = build(recognizers=dict(face=face), init=init)['model']
        assert model['streams']['face']['backbone']['pretrained'] == expected


@pytest.mark.parametrize(
    'given, message',
    [
        (
            dict(recognizers=dict(hands=SLOWONLY)),
            'recognizers: expected the streams face, body, found hands',
        ),
        (dict(sampling=dict(face=CLIP)), 'sampling: expected the streams face, body, found face'),
    ],
)
def test_recognizers_and_frames_are_of_streams_there_are(given, message):
    with pytest.raises(InputError, match=message):
        build(**given)


def test_scratch_leaves_the_norms_free():
    model = build(init='scratch')['model']
    assert model['partial_bn'] is False and model['start_weights'] is None
    assert model['joint_batch_norm'] is True
    assert build()['model']['joint_batch_norm'] is False
    assert 'joint_batch_norm' not in build(init='scratch', shared=False)['model']


def test_other_classes_reach_model_and_data():
    cfg = build(classes=('calm', 'angry'))
    assert cfg['model']['recognizer']['cls_head']['num_classes'] == 2
    for split in ('train', 'val', 'test'):
        assert cfg[f'{split}_dataloader']['dataset']['metainfo'] == dict(classes=('calm', 'angry'))


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(input='hands'),
            'input: expected one of face, body, fullbody, '
            'fusion, or different regions joined by .*, found hands',
        ),
        (dict(input='face+hands'), 'found face.hands'),
        (dict(input='face+face'), 'different regions'),
        (dict(input=None), 'found None'),
        (dict(num_segments=2), 'expected one of 1, 3, 5, 10, found 2'),
        (dict(num_segments=True), 'found True'),
        (dict(arch='vgg'), 'resnet50, mobilenet_v2, resnet18, found vgg'),
        (dict(shift='yes'), 'shift: expected one of False, True'),
        (dict(shift=1), 'found 1'),
        (dict(shift_div=3), 'expected one of 4, 8, found 3'),
        (dict(init=None), "'imagenet', 'scratch' or a path"),
        (dict(segments=3), "unknown option 'segments', expected one of input"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(InputError, match=message):
        build(**options)


def test_more_than_two_streams():
    cfg = build(input='face+body+fullbody', arch='resnet18', init='scratch')
    assert cfg['train_dataloader']['dataset']['required'] == ['keypoints', 'landmarks']
    model = MODELS.build(cfg['model']).eval()
    inputs = {f'{s}_imgs': torch.randn(2, 3, 3, 32, 32) for s in ('face', 'body', 'fullbody')}
    with torch.no_grad():
        logits = model(inputs)
        out = model(inputs, [ActionDataSample() for _ in range(2)], mode='predict')
    mean = (logits['face'] + logits['body'] + logits['fullbody']) / 3
    torch.testing.assert_close(torch.stack([s.pred_logits for s in out]), mean)


def test_face_and_body_are_the_fusion():
    assert build(input='face+body') == build(input='fusion')


def test_shift_of_one_segment_warns():
    with pytest.warns(UserWarning, match='num_segments=1.*2/8 of the chan'):
        build(shift=True, num_segments=1)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        build(shift=True, num_segments=3)
        build(num_segments=1)


def test_shift_div_without_shift_warns():
    with pytest.warns(UserWarning, match='shift_div=4 has no effect'):
        build(shift_div=4)


@pytest.mark.parametrize('arch', ['resnet50', 'mobilenet_v2'])
@pytest.mark.parametrize('shift', [False, True])
def test_the_order_of_frames_counts_with_tsm_only(arch, shift):
    cfg = build(input='face', arch=arch, shift=shift, init='scratch', num_segments=3)
    torch.manual_seed(0)
    model = MODELS.build(cfg['model']).eval()
    model.init_weights()
    # Random features are tiny, and must not drown in it.
    torch.nn.init.zeros_(model.recognizers['shared'].cls_head.fc_cls.bias)
    frames = torch.randn(1, 3, 3, 64, 64)
    with torch.no_grad():
        forth = model(dict(face_imgs=frames))['face']
        back = model(dict(face_imgs=frames.flip(1)))['face']
    difference = ((forth - back).abs().max() / forth.abs().max()).item()
    if shift:
        assert difference > 1e-3
    else:
        assert difference < 1e-5


def test_a_text_config_calls_it_and_dumps_to_a_plain_file(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(RUNTIME + "globals().update(build(input='face'))\n")
    cfg = Config.fromfile(str(path))
    assert cfg.model.streams == ('face',)
    cfg.dump(str(tmp_path / 'plain.py'))
    text = (tmp_path / 'plain.py').read_text()
    assert 'import' not in text and 'build' not in text
    again = Config.fromfile(str(tmp_path / 'plain.py'))
    assert again.to_dict() == cfg.to_dict()


def test_prepared_crops_take_the_place_of_what_makes_them():
    plain, cropped = build(), build(crops='small')
    for split in ('train', 'val', 'test'):
        data = cropped[f'{split}_dataloader']['dataset']
        assert data['data_prefix'] == dict(crops='small')
        assert data['required'] == []
        steps = [s['type'] for s in data['pipeline']]
        assert steps == ['SampleFrames', 'LoadCrops', 'ForEachStream', 'PackActionInputs']
        assert data['pipeline'][2:] == plain[f'{split}_dataloader']['dataset']['pipeline'][4:]
    # the same network: its checkpoints fit
    assert cropped['recipe'] == plain['recipe']
    assert build(data_prefix=dict(crops='small')) == cropped


@pytest.mark.parametrize('options', [dict(crops='small'), dict(data_prefix=dict(crops='small'))])
def test_no_mask_is_drawn_on_prepared_crops(options):
    with pytest.raises(
        InputError,
        match='no mask can be drawn on the crops '
        'in small; prepare masked ones with .*--as crops --mask',
    ):
        build(mask=True, **options)


def test_further_arguments_of_the_data_set():
    cfg = build(dataset=dict(soft_labels=True))
    for split in ('train', 'val', 'test'):
        assert cfg[f'{split}_dataloader']['dataset']['soft_labels'] is True

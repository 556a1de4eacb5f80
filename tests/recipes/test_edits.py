"""Edits of configs that give each stream its own network, frames and transforms."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from emoreact_plugin import InputError
from emoreact_plugin.recipes import build, edit
from mmaction.registry import MODELS

MIXED = Path(__file__).parents[2] / 'configs' / 'mixed'
SPLITS = ('train', 'val', 'test')


@pytest.fixture
def slowonly():
    """Read: the face as 8 frames of SlowOnly, which brings its weights, the body as 3 of TSN."""
    return Config.fromfile(MIXED / 'slowonly_face_tsn_body.py')


@pytest.fixture
def torchvision():
    """Read: two streams alike, of a backbone that brings its weights."""
    return Config.fromfile(MIXED / 'torchvision_streams.py')


def steps_of(cfg, split='train'):
    return {step.type: step for step in cfg[f'{split}_dataloader'].dataset.pipeline}


@pytest.mark.parametrize('stream, weights', [('face', None), ('body', dict(body='imagenet'))])
def test_one_of_two_streams_keeps_its_own_settings(slowonly, stream, weights):
    before = deepcopy(slowonly)
    if stream == 'body':  # which shares the frames of the face
        for split in SPLITS:
            own = dict(type='SampleFrames', clip_len=1, num_clips=3)
            steps_of(slowonly, split)['SampleStreamFrames'].streams['body'] = own
    edit(slowonly, dict(input=stream))
    assert slowonly.model.streams == {stream: before.model.streams[stream]}
    assert slowonly.model.start_weights == weights
    for split in SPLITS:
        steps = steps_of(slowonly, split)
        assert steps['CropRegions'].regions == (stream,)
        assert list(steps['SampleStreamFrames'].streams) == [stream]
        transforms = steps_of(before, split)['ForEachStream'].transforms
        assert steps['ForEachStream'].transforms == {stream: transforms[stream]}
        packed = steps['PackActionInputs']
        assert packed.collect_keys == (f'{stream}_imgs',)
        assert packed.meta_keys == ('video_id', 'valence', 'groups', f'{stream}_found')


def test_a_new_stream_takes_what_all_others_share(torchvision):
    network = deepcopy(torchvision.model.streams.face)
    edit(torchvision, dict(input='face+body+fullbody'))
    assert torchvision.model.streams == dict(face=network, body=network, fullbody=network)
    # ... as a copy
    torchvision.model.streams.fullbody.backbone.weights = None
    assert torchvision.model.streams.face == network


def test_a_new_stream_is_refused_where_the_others_differ(slowonly):
    message = '--input: ForEachStream has settings for face, body that differ, and none for full'
    with pytest.raises(InputError, match=message):
        edit(slowonly, dict(input='fullbody'))


def test_start_weights_go_to_the_streams_that_bring_none(slowonly, torchvision):
    edit(slowonly, dict(init='mine.pth'))
    assert slowonly.model.start_weights == dict(body='mine.pth') and slowonly.model.partial_bn
    edit(torchvision, dict(init='mine.pth'))
    assert torchvision.model.start_weights is None
    assert torchvision.model.streams.face.backbone.weights == 'IMAGENET1K_V1'
    for network in torchvision.model.streams.values():
        network.backbone.weights = None
    edit(torchvision, dict(init='mine.pth'))
    assert torchvision.model.start_weights == 'mine.pth'


def test_from_scratch_no_backbone_loads_anything(slowonly):
    slowonly.model.streams.body.backbone = dict(
        type='ResNetTSM', depth=50, pretrained='torchvision://resnet50', pretrained2d=True
    )
    slowonly.model.streams.face.backbone.partial_bn = True  # as that of a stock TRN
    edit(slowonly, dict(init='scratch'))
    assert slowonly.model.streams.face.backbone.partial_bn is False
    backbone = slowonly.model.streams.body.backbone
    assert (backbone.pretrained, backbone.pretrained2d) == (None, False)
    assert slowonly.model.streams.face.backbone.pretrained is None
    assert slowonly.model.start_weights is None and not slowonly.model.partial_bn


def test_segments_are_counted_by_every_part_of_a_stock_tsm(torchvision):
    face = torchvision.model.streams.face
    face.backbone = dict(type='ResNetTSM', depth=50, num_segments=8)
    face.cls_head = dict(type='TSMHead', num_classes=8, in_channels=2048, num_segments=8)
    edit(torchvision, dict(num_segments=5))
    assert (face.backbone.num_segments, face.cls_head.num_segments) == (5, 5)
    assert 'num_segments' not in torchvision.model.streams.body.backbone
    assert [steps_of(torchvision, split)['SampleFrames'].num_clips for split in SPLITS] == [5] * 3


@pytest.mark.parametrize('option', [dict(arch='resnet50'), dict(shift=True), dict(shift_div=4)])
def test_a_backbone_of_another_kind_is_not_replaced(torchvision, option):
    flag = '--' + next(iter(option)).replace('_', '-')
    with pytest.raises(InputError, match=f'{flag}: .*ResNet.*start_weights, found none'):
        edit(torchvision, option)


def test_no_mask_is_drawn_on_crops_that_a_config_loads():
    cfg = Config(build(crops='small'))
    with pytest.raises(InputError, match='mask: .*prepared crops.*--as crops --mask'):
        edit(cfg, dict(mask=True))
    edit(cfg, dict(mask=False))


def test_prepared_crops_are_of_the_same_max_gap():
    cfg = Config(build())
    for split in SPLITS:
        steps_of(cfg, split)['LoadLandmarks'].max_gap = 3
    edit(cfg, dict(crops='small'))
    for split in SPLITS:
        steps = cfg[f'{split}_dataloader'].dataset.pipeline
        (step,) = (each for each in steps if each['type'] == 'LoadCrops')
        assert step['max_gap'] == 3


def test_prepared_crops_have_no_fallback():
    cfg = Config(build())
    steps_of(cfg, 'val')['CropRegions'].blackout_fallback = True
    with pytest.raises(InputError, match='--crops: .*blackout_fallback=False'):
        edit(cfg, dict(crops='small'))


def test_prepared_crops_have_the_usual_blackout():
    cfg = Config(build())
    steps_of(cfg, 'val')['CropRegions'].blackout = {}
    with pytest.raises(InputError, match=r"--crops: .*blackout={'body': 'face'}, .* found {}"):
        edit(cfg, dict(crops='small'))
    cfg = Config(build())
    steps_of(cfg, 'val')['CropRegions'].blackout = dict(body='face')
    edit(cfg, dict(crops='small'))


@pytest.mark.parametrize(
    'options, shape',
    [
        (dict(shift=False), (256, 2)),  # the stages stay: one stride less than the whole ResNet
        (dict(shift=False, arch='resnet18'), (256, 2)),
        (dict(arch='resnet50'), (2048, 1)),
        (dict(arch='mobilenet_v2', shift=False), (1280, 1)),
    ],
)
def test_stages_belong_to_an_arch(options, shape):
    cfg = Config.fromfile(MIXED.parent / 'sample' / 'fusion.py')
    edit(cfg, options)
    network = MODELS.build(cfg.model.recognizer)
    channels, side = shape
    features = network.backbone(torch.zeros(3, 3, 32, 32))
    assert features.shape == (3, channels, side, side)
    assert network.cls_head(features, num_segs=3).shape == (1, 8)

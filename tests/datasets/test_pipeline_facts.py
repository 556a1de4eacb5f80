"""Transforms in an order that makes wrong inputs are refused."""

import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from emoreact_plugin import InputError
from emoreact_plugin.datasets.pipeline_facts import check_order
from mmaction.datasets.transforms import Resize
from mmaction.registry import TRANSFORMS
from tests.factories import HEIGHT, LOAD, WIDTH, dataset

CROP = dict(type='CropRegions', regions=('face',))
MASK = dict(type='DrawFaceMask')
GEOMETRIC = [
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='Flip', flip_ratio=1),
    dict(type='RandomCrop', size=32),
    dict(type='RandomResizedCrop'),
    dict(type='CenterCrop', crop_size=32),
    dict(type='MultiScaleCrop', input_size=32),
    dict(type='ThreeCrop', crop_size=32),
    dict(type='TenCrop', crop_size=32),
    dict(type='RandomRescale', scale_range=(32, 40)),
    dict(type='mmcv.Pad', size=(99, 99)),
    dict(type='TorchVisionWrapper', op='RandomHorizontalFlip'),
]


@TRANSFORMS.register_module(force=True)
class ResizeOfMyOwn(Resize):
    pass


@TRANSFORMS.register_module(force=True)
class ShiftOfMyOwn(BaseTransform):
    moves_pixels = True

    def transform(self, results):
        return results


def name(step):
    return getattr(step['type'], '__name__', str(step['type'])).split('.')[-1]


@pytest.mark.parametrize('step', GEOMETRIC, ids=name)
def test_a_geometric_transform_between_landmarks_and_crops_is_refused(tiny, step):
    with pytest.raises(InputError, match=f'{name(step)} .*LoadLandmarks.*CropRegions'):
        dataset(tiny.root, 'test', [*LOAD, step, CROP])
    with pytest.raises(InputError, match=f'{name(step)} .*before LoadLandmarks'):
        dataset(tiny.root, 'test', [*LOAD[:2], step, LOAD[2], CROP])


@pytest.mark.parametrize(
    'step',
    [
        dict(type=Resize, scale=(32, 32)),
        dict(type='mmaction.datasets.transforms.Resize', scale=(32, 32)),
        dict(type='ResizeOfMyOwn', scale=(32, 32)),
        dict(type='ShiftOfMyOwn'),
        dict(type='RandomApply', transforms=[dict(type='Flip')]),
    ],
    ids=name,
)
def test_however_it_is_written(tiny, step):
    with pytest.raises(InputError, match='before DrawFaceMask'):
        dataset(tiny.root, 'test', [*LOAD, step, MASK, CROP])


def test_it_is_refused_before_anything_is_prepared(tmp_path):
    with pytest.raises(InputError, match='Flip'):
        dataset(tmp_path / 'nothing', 'train', [*LOAD, dict(type='Flip'), CROP])


def test_colors_and_the_transforms_of_the_streams_may_change(tiny):
    views = dict(type='ForEachStream', streams=('face',), transforms=GEOMETRIC[:2])
    colors = dict(type='ColorJitter')
    data = dataset(tiny.root, 'test', [*LOAD, colors, CROP, views])
    assert len(data[0]['face_imgs']) == 3
    # ... and whole frames, without landmarks
    whole = dataset(tiny.root, 'test', [*LOAD[:2], GEOMETRIC[0]])
    assert whole[0]['imgs'][0].shape == (32, 32, 3)


SAMPLERS = [
    dict(type='SampleFrames', clip_len=1, num_clips=3),
    dict(type='DenseSampleFrames', clip_len=1),
    dict(type='UniformSample', clip_len=3),
    dict(type='UniformSampleFrames', clip_len=3),
    dict(type='UntrimmedSampleFrames', clip_len=1),
    dict(type='SampleStreamFrames', streams=dict(face=dict(type='SampleFrames', clip_len=1))),
    dict(type='SkipUnmasked'),
    dict(type='ChoiceOfMyOwn'),
]
LOADERS = [
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
    dict(type='LoadCrops', regions=('face',)),
    dict(type='PyAVDecode'),
    dict(type='DecordDecode'),
    dict(type='OpenCVDecode'),
    dict(type='RawFrameDecode'),
    dict(type='ArrayDecode'),
    dict(type='ReaderOfMyOwn'),
]


@TRANSFORMS.register_module(force=True)
class ChoiceOfMyOwn(BaseTransform):
    samples_frames = True

    def transform(self, results):
        return results


@TRANSFORMS.register_module(force=True)
class ReaderOfMyOwn(BaseTransform):
    loads_frames = True

    def transform(self, results):
        return results


@pytest.mark.parametrize('sampler', SAMPLERS, ids=name)
@pytest.mark.parametrize('loader', LOADERS, ids=name)
def test_other_frames_than_those_loaded_are_refused(sampler, loader):
    applied = dict(type='RandomApply', transforms=[sampler])
    for late in (sampler, applied):
        with pytest.raises(InputError, match=f'{name(sampler)} .*after {name(loader)} '):
            check_order(Compose([LOAD[0], loader, late]))
    check_order(Compose([LOAD[0], sampler, loader]))


@pytest.mark.parametrize(
    'decoder', ['DecodeVideo', 'PyAVDecode', 'RawFrameDecode', 'ReaderOfMyOwn']
)
@pytest.mark.parametrize('step', [LOAD[2], MASK, CROP, *GEOMETRIC[:2]], ids=name)
def test_what_needs_frames_before_they_are_loaded_is_refused(tiny, step, decoder):
    steps = [LOAD[0], step, dict(type=decoder)]
    with pytest.raises(InputError, match=f'{name(step)} .*before {decoder}'):
        dataset(tiny.root, 'test', steps)
    for whole in ([LOAD[0], dict(type=decoder), step], [LOAD[0], step]):
        check_order(Compose(whole))  # the second: for frames that are given, as in inference


VIEWS = dict(type='ForEachStream', streams=('face',), transforms=GEOMETRIC[:1])


@pytest.mark.parametrize(
    'steps, cropper',
    [
        ([CROP, MASK], 'CropRegions'),
        ([CROP, VIEWS, MASK], 'CropRegions'),
        ([CROP, dict(VIEWS, transforms=[MASK])], 'CropRegions'),
        ([VIEWS, MASK], 'ForEachStream'),
        ([dict(type='LoadCrops', regions=('face',)), MASK], 'LoadCrops'),
    ],
)
def test_a_mask_after_the_crops_is_refused(steps, cropper):
    with pytest.raises(InputError, match=f'DrawFaceMask .*after {cropper} '):
        check_order(Compose([*LOAD, *steps]))
    check_order(Compose([*LOAD, MASK, CROP, VIEWS]))


def test_why_a_late_mask_is_refused(tiny):
    """The crops are as without a mask, once they are copies of the frames."""
    sample = dataset(tiny.root, 'test', [*LOAD, CROP, VIEWS])[0]
    before = [each.copy() for each in sample['face_imgs']]
    after = TRANSFORMS.build(MASK)(sample)
    assert after['masked'].any()
    np.testing.assert_array_equal(after['face_imgs'], before)


def test_why_it_is_refused(tiny):
    """A flipped frame is cropped where the face was: the crop shows another place."""
    crop = TRANSFORMS.build(CROP)
    sample = dataset(tiny.root, 'test', LOAD)[0]
    x = np.arange(WIDTH, dtype=np.uint8)
    frame = np.broadcast_to(x[None, :, None], (HEIGHT, WIDTH, 3))
    right = crop(dict(sample, imgs=[frame] * 3))['face_imgs'][0]
    wrong = crop(dict(sample, imgs=[frame[:, ::-1]] * 3))['face_imgs'][0]
    # Frame 1 has its face in the columns 11 to 31, and the wrong crop only the last of them.
    assert right.min() <= 11 and right.max() >= 30
    assert wrong.min() > 30

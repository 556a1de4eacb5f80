"""Landmarks belong to frames that no transform has moved."""

import numpy as np
import pytest
from mmcv.transforms import BaseTransform

from emoreact_plugin import InputError
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


def test_colours_and_the_transforms_of_the_streams_may_change(tiny):
    views = dict(type='ForEachStream', streams=('face',), transforms=GEOMETRIC[:2])
    colours = dict(type='ColorJitter')
    data = dataset(tiny.root, 'test', [*LOAD, colours, CROP, views])
    assert len(data[0]['face_imgs']) == 3
    # ... and whole frames, without landmarks
    whole = dataset(tiny.root, 'test', [*LOAD[:2], GEOMETRIC[0]])
    assert whole[0]['imgs'][0].shape == (32, 32, 3)


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

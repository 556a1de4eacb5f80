"""The type of a part of a config, however it is written."""

import pytest

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.utils.parts import class_of, is_a, type_name
from mmaction.datasets.transforms import DenseSampleFrames, SampleFrames
from mmaction.registry import DATASETS, TRANSFORMS


@DATASETS.register_module(force=True)
class DataOfMyOwn(EmoReactDataset):
    pass


WRITTEN = [
    'SampleFrames',
    'mmaction.SampleFrames',
    'mmaction.datasets.transforms.SampleFrames',
    'mmaction.datasets.transforms.loading.SampleFrames',
    SampleFrames,
]


@pytest.mark.parametrize('kind', WRITTEN, ids=str)
def test_all_ways_to_write_a_type(kind):
    step = dict(type=kind, clip_len=1)
    assert type_name(step) == 'SampleFrames'
    assert is_a(step, 'DecodeVideo', 'SampleFrames')
    assert not is_a(step, 'UniformSample', registry=TRANSFORMS)
    assert class_of(step, TRANSFORMS) is SampleFrames


@pytest.mark.parametrize(
    'kind', ['DenseSampleFrames', 'mmaction.DenseSampleFrames', DenseSampleFrames], ids=str
)
def test_a_derived_class_is_its_base_as_well(kind):
    # DenseSampleFrames is derived from SampleFrames in MMAction2.
    assert is_a(dict(type=kind), 'SampleFrames', registry=TRANSFORMS)
    assert not is_a(dict(type='SampleFrames'), 'DenseSampleFrames', registry=TRANSFORMS)


def test_a_data_set_of_ones_own():
    assert is_a(dict(type=DataOfMyOwn), 'EmoReactDataset')
    assert is_a(dict(type='DataOfMyOwn'), 'EmoReactDataset', registry=DATASETS)
    assert not is_a(dict(type='DataOfMyOwn'), 'EmoReactDataset')


@pytest.mark.parametrize('part', [None, {}, dict(type=None), 'SampleFrames', 3])
def test_what_has_no_type(part):
    assert not is_a(part, 'SampleFrames', registry=TRANSFORMS)
    assert class_of(part, TRANSFORMS) is None


def test_an_unknown_name_is_not_imported():
    part = dict(type='no.such.module.SampleFramesOfMine')
    assert class_of(part, TRANSFORMS) is None
    assert not is_a(part, 'SampleFrames', registry=TRANSFORMS)

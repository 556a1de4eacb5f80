"""MMEngine's wrappers are looked into."""

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset

from emoreact_plugin.datasets.wrappers import labels_of, summary_of, unwrap, video_ids_of
from tests.factories import dataset


@pytest.fixture
def train(tiny):
    return dataset(tiny.root, indices=3)


@pytest.fixture
def val(tiny):
    return dataset(tiny.root, 'val', indices=2)


def test_the_data_sets_within_are_found_in_their_order(train, val, tiny):
    nested = ConcatDataset([train])
    nested.datasets = [RepeatDataset(train, 2), ConcatDataset([val])]
    assert list(unwrap(nested)) == [train, val]
    assert list(unwrap(nested, repeating=False)) == [val]
    assert list(unwrap(ClassBalancedDataset(train, 0.5))) == [train]
    assert list(unwrap(train)) == [train]
    names = [*tiny.videos['train'][:3], *tiny.videos['val'][:2]]
    assert video_ids_of(nested) == [name[:-4] for name in names]


def test_labels_are_in_the_order_of_the_samples(train, val):
    joined = ConcatDataset([train, val])
    expected = [joined.get_data_info(k)['label'].numpy() for k in range(5)]
    np.testing.assert_array_equal(labels_of(joined), expected)


def test_a_data_set_that_tells_nothing(val):
    joined = ConcatDataset([val])
    joined.datasets = [val, range(3)]
    assert labels_of(joined) is None and labels_of(range(3)) is None
    assert len(video_ids_of(joined)) == 2
    assert summary_of(range(3)) == '3 samples'


def test_the_summary_names_the_wrapper(train, val):
    assert summary_of(train) == '3 clips, 18 frames'
    assert summary_of(ConcatDataset([train, val])) == (
        '3 clips, 18 frames + 2 clips, 12 frames (ConcatDataset: 5 samples)'
    )
    assert summary_of(RepeatDataset(val, 3)) == '2 clips, 12 frames (RepeatDataset: 6 samples)'

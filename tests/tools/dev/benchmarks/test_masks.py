import numpy as np
import pytest
from benchmarks.loading import LoadingData, data_of_folder
from benchmarks.masks import DECODE, mask_groups

from emoreact_plugin import InputError
from emoreact_plugin.preparation.frames import extract
from emoreact_plugin.transforms import DrawFaceMask
from tests.factories import FRAMES, make_tiny, write_openface
from tests.transforms.masks.faces import face

pytestmark = pytest.mark.slow


@pytest.fixture
def root(tmp_path):
    root = make_tiny(tmp_path, (2, 2, 2)).root
    for path in root.glob('videos/*/*.csv'):
        write_openface(path, np.stack([face(scale=0.2, center=(30, 24))] * FRAMES))
    return root


def test_a_mask_of_each_kind_is_drawn(root):
    (group,) = mask_groups(data_of_folder(str(root)), 2, 2)
    assert list(group.calls) == [DECODE, 'surgical', 'cloth', 'kn95', 'n95']
    assert set(group.units.values()) == {6}
    first, again = (group.calls['surgical'](1) for _ in range(2))
    # Of the same frames each time: drawing leaves them as they were.
    for sample, other in zip(first, again, strict=True):
        assert sample['masked'].all()
        np.testing.assert_array_equal(sample['imgs'], other['imgs'])
    drawn = [sample['imgs'][0] for kind in ('surgical', 'cloth') for sample in group.calls[kind](0)]
    assert not np.array_equal(drawn[0], drawn[2])
    group.calls[DECODE](1)


def test_nothing_is_drawn_on_masks(root):
    extract([str(root / 'videos')], str(root / 'masked'), DrawFaceMask(seed=0), workers=1)
    data = data_of_folder(str(root))
    data = LoadingData(
        data.dataset, dict(frames=dict(frames='masked', landmarks='videos', keypoints='videos'))
    )
    assert list(mask_groups(data, 1)) == []


def test_crops_alone_are_refused():
    data = LoadingData({}, dict(crops=dict(crops='cut')))
    with pytest.raises(InputError, match='frames or videos.*only cut'):
        next(mask_groups(data, 1))

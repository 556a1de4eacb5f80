import numpy as np
import pytest

from emoreact_plugin.inference.pipeline import ClipPipeline
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.recipes import build_pipeline
from emoreact_plugin.transforms import CropRegions, DrawFaceMask, SkipUnmasked
from tests.factories import FRAMES, dataset, small_config, to_frames, write_openface
from tests.transforms.masks.faces import face


def lose(own, *frames):
    name = own.videos['train'][0]
    faces = np.stack([face(scale=0.2, center=(30, 24))] * FRAMES)
    faces[list(frames)] = np.nan
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)


def sampled(own, frames, max_gap=0, **data):
    """Sample some frames of the first clip of train; give those that are left."""
    first = dataset(own.root, **data).get_data_info(0)
    inds = np.array(frames, np.int32) + first['start_index']
    found = SkipUnmasked(max_gap)(dict(first, frame_inds=inds))['frame_inds']
    assert found.dtype == np.int32
    return (found - first['start_index']).tolist()


@pytest.mark.parametrize(
    'lost, max_gap, expected',
    [
        ((), 0, [0, 1, 2, 3, 4, 5]),
        ((0, 3, 5), 0, [1, 1, 2, 2, 4, 4]),
        ((2,), 0, [0, 0, 1, 3, 4, 5]),
        ((2,), 1, [0, 1, 2, 3, 4, 5]),  # filled, so there is a mask
        (tuple(range(FRAMES)), 0, [0, 1, 2, 3, 4, 5]),  # nothing else to take
    ],
)
def test_frames_without_a_face_are_left_out(own, lost, max_gap, expected):
    lose(own, *lost)
    assert sampled(own, range(FRAMES), max_gap) == expected


def test_of_folders_of_frames_that_count_from_7(own):
    lose(own, 0, 1, 2)
    to_frames(own.root, own.videos['train'], start=7)
    prefix = dict(frames='frames', landmarks='videos', keypoints='videos')
    frames = dict(data_prefix=prefix, filename_tmpl='{:06d}.png')
    assert sampled(own, range(FRAMES), **frames) == [3, 3, 4, 4, 5, 5]


def test_of_a_part_of_a_video(own):
    """Frames 3 to 5, of which 4 is lost."""
    lose(own, 0, 4)
    name = own.videos['train'][0]
    (own.root / 'train.csv').write_text(f'video,from,to,calm\n{name},3,6,1\n')
    more = dict(metainfo=dict(classes=('calm',)), columns=dict(start='from', end='to'))
    first = dataset(own.root, **more).get_data_info(0)
    assert (first['first_frame'], first['total_frames']) == (3, 3)
    assert sampled(own, range(3), **more) == [0, 0, 2]


def test_all_frames_that_training_samples_are_masked(own):
    lose(own, 0, 1, 4)
    pipeline = build_pipeline(['face', 'body'], 3, 32, mask_kind='surgical')
    for skip in (False, True):
        if skip:
            pipeline.insert(1, dict(type='SkipUnmasked'))
        data = dataset(own.root, pipeline=pipeline)
        sample = data.get_data_info(0)
        for step in data.pipeline.transforms[: 5 + skip]:
            sample = step(sample)
        assert sample['masked'].all() == skip
        said = 'face not blacked out, not sampled, unless the clip has no others'
        assert (said in data.summary()) == skip and ('no mask drawn' in data.summary()) != skip


def test_of_prepared_crops(own):
    lose(own, 0, 1, 2)
    out = own.root / 'crops'
    mask = DrawFaceMask(seed=0)
    extract_crops([str(own.root / 'videos')], str(out), CropRegions(('face',)), mask, step=2)
    found = sampled(own, range(3), data_prefix=dict(crops='crops'))
    assert found == [2, 2, 2]  # crops are of the frames 0, 2 and 4


def test_inference_leaves_it_out():
    cfg = small_config()
    cfg.test_dataloader.dataset.pipeline.insert(1, dict(type='SkipUnmasked'))
    pipeline = ClipPipeline(cfg)
    assert pipeline.sample(6)['frame_inds'].tolist()
    assert 'SkipUnmasked' not in str(pipeline._steps)

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.crops import read_record
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.transforms import CropRegions, LoadCrops, LoadLandmarks
from emoreact_plugin.video.folders import read_frame_files
from tests.factories import FRAMES, LOAD, dataset, face_of, to_frames, write_openface


def lose(own, *frames):
    """Remove the face from some frames of the first clip of train, and return its faces."""
    name = own.videos['train'][0]
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces[list(frames)] = np.nan
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)
    return faces


def steps(max_gap):
    """Load all 6 frames."""
    return [dict(LOAD[0], num_clips=FRAMES), LOAD[1], dict(LOAD[2], max_gap=max_gap)]


@pytest.mark.parametrize('max_gap, filled', [(0, False), (1, False), (2, True)])
def test_a_gap_of_two_frames(own, max_gap, filled):
    faces = lose(own, 2, 3)
    found = dataset(own.root, pipeline=steps(max_gap))[0]['face_landmarks']
    if filled:
        faces[2] = 2 / 3 * faces[1] + 1 / 3 * faces[4]
        faces[3] = 1 / 3 * faces[1] + 2 / 3 * faces[4]
    np.testing.assert_allclose(found, faces, atol=0.06)


def test_a_part_of_a_video_knows_the_frames_around_it(own):
    """Frames 2 and 3 alone: the faces before and after them are of the video, not of the part."""
    faces = lose(own, 2, 3)
    name = own.videos['train'][0]
    (own.root / 'train.csv').write_text(f'video,from,to,calm\n{name},2,4,1\n')
    data = dataset(
        own.root,
        pipeline=[*steps(2), dict(type='CropRegions', regions=('face',))],
        metainfo=dict(classes=('calm',)),
        columns=dict(start='from', end='to'),
    )
    sample = data[0]
    assert sample['face_found'].all()
    np.testing.assert_allclose(
        sample['face_landmarks'][-1], 1 / 3 * faces[1] + 2 / 3 * faces[4], atol=0.06
    )
    assert data.summary() == '1 clip, 2 frames'


@pytest.mark.slow
def test_crops_with_filled_gaps(own):
    """The crops are those of the pipeline, and another `max_gap` than theirs is refused."""
    lose(own, 2)
    cropper, out = CropRegions(('face',)), own.root / 'crops'
    report = extract_crops([str(own.root / 'videos')], str(out), cropper, step=2, max_gap=1)
    assert not report.errors
    crops = read_record(str(out / own.videos['train'][0][:-4]))
    assert crops.max_gap == 1 and crops.found['face'].all() and crops.coverage.face.all()
    frames = dict(LOAD[0], num_clips=3)
    step = dict(type='LoadCrops', regions=('face',))
    prefix = dict(crops='crops')
    found = dataset(own.root, 'train', [frames, dict(step, max_gap=1)], data_prefix=prefix)[0]
    # frames 0, 2 and 4, of the video that has all 6
    expected = dataset(own.root, pipeline=[*steps(1), dict(type='CropRegions', regions=('face',))])[
        0
    ]
    np.testing.assert_array_equal(found['face_boxes'], expected['face_boxes'][::2])
    with pytest.raises(InputError, match='expected crops with max_gap=0, found 1'):
        dataset(own.root, 'train', [frames, step], data_prefix=prefix)


@pytest.mark.parametrize('max_gap', [-1, 1.5, True, '2'])
@pytest.mark.parametrize('load', [LoadLandmarks, lambda **kwargs: LoadCrops('face', **kwargs)])
def test_a_number_of_frames(load, max_gap):
    with pytest.raises(InputError, match='max_gap: expected a number of frames, 0 or more, found'):
        load(max_gap=max_gap)


def test_frames_of_two_sizes_are_refused(own):
    """The first frame alone says nothing of the others, whose boxes would be off."""
    sample = dataset(own.root, pipeline=steps(0)[:2])[0]
    assert LoadLandmarks()(dict(sample))['face_landmarks'].shape == (FRAMES, 68, 2)
    sample['imgs'][3] = np.repeat(np.repeat(sample['imgs'][3], 2, 0), 2, 1)
    with pytest.raises(InputError, match='frames of 64x48 pixels.* 128x96'):
        LoadLandmarks()(sample)


def test_landmarks_that_change_are_read_again(own):
    """They are kept in memory, as long as their cache file stays as it is."""
    before = dataset(own.root, pipeline=steps(0))[0]['face_landmarks']
    faces = lose(own, 2)
    after = dataset(own.root, pipeline=steps(0))[0]['face_landmarks']
    assert np.isfinite(before).all() and np.isnan(faces[2]).all()
    np.testing.assert_array_equal(np.isnan(after), np.isnan(faces))


def test_frames_of_a_folder_are_those_of_the_stock_decoder(own):
    to_frames(own.root, own.videos['train'], 1)
    prefix = dict(frames='frames', landmarks='videos', keypoints='videos')
    inds = dict(type='SampleFrames', clip_len=2 * FRAMES, num_clips=1)  # it starts over: twice
    ours, stock = (
        dataset(
            own.root,
            pipeline=[inds, dict(type=kind)],
            data_prefix=prefix,
            filename_tmpl='{:06d}.png',
        )[0]
        for kind in ('DecodeVideo', 'RawFrameDecode')
    )
    assert ours['img_shape'] == ours['original_shape'] == stock['img_shape']
    assert len({*map(id, ours['imgs'])}) == 2 * FRAMES
    np.testing.assert_array_equal(ours['imgs'], stock['imgs'])
    with pytest.raises(InputError, match=r'x/000004\.png: cannot be read'):
        read_frame_files('x', '{:06d}.png', [4])

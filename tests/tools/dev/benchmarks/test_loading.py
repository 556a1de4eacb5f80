import numpy as np
import pytest
import torch
from benchmarks.loading import (
    DECODE,
    PUBLISHED,
    LoadingData,
    Loads,
    data_of_config,
    data_of_folder,
    decode,
    describe_data,
    jpegs_of,
    loading_groups,
    read_to,
    text_files_of,
)
from mmcv.transforms import Compose
from mmengine.config import Config

from emoreact_plugin import InputError
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.preparation.frames import extract
from emoreact_plugin.recipes import INPUTS, build
from emoreact_plugin.transforms import CropRegions
from tests.factories import FRAMES, HEIGHT, WIDTH, make_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Clips as videos, frames and crops."""
    root = make_tiny(tmp_path_factory.mktemp('data'), (3, 2, 2)).root
    videos = [str(root / 'videos')]
    extract(videos, str(root / 'frames'), workers=1)
    extract_crops(videos, str(root / 'crops'), CropRegions(('face', 'body', 'fullbody')), workers=1)
    return root


def test_a_folder_is_read_in_all_its_forms(root):
    data = data_of_folder(str(root))
    assert list(data.prefixes) == ['frames', 'video', 'crops']
    assert data.whole_source() == 'frames'
    for source in data.prefixes:
        (sample,) = Loads(data, source, 1, 1).load(data.pipeline('fusion', source), 0)
        assert set(sample['inputs']) == {'face_imgs', 'body_imgs'}
        assert sample['inputs']['face_imgs'].shape == (3, 3, 224, 224)


def test_a_config_is_read_as_it_says(root):
    cfg = Config(
        build(
            input='face',
            data_root=str(root),
            image_size=32,
            num_segments=5,
            dataset=dict(allow_missing=True),
        )
    )
    data = data_of_config(cfg)
    assert data.prefixes == dict(video=dict(video='videos'))
    assert (data.num_segments, data.image_size) == (5, 32)
    loads = Loads(data, 'video', 1, 1)
    assert loads.dataset.allow_missing
    (sample,) = loads.load(data.pipeline('fusion', 'video'), 0)
    assert sample['inputs']['body_imgs'].shape == (5, 3, 32, 32)
    more = data_of_config(cfg, 'crops')
    assert more.prefixes['crops'] == dict(crops='crops')
    # The config itself stays as it is.
    assert cfg.train_dataloader.dataset.type == 'EmoReactDataset'
    assert 'pipeline' in cfg.train_dataloader.dataset


def test_errors(root, tmp_path):
    with pytest.raises(FileNotFoundError, match='frames, videos, crops'):
        data_of_folder(str(tmp_path))
    with pytest.raises(InputError, match='EmoReactDataset, found Repeat'):
        data_of_config(Config(dict(train_dataloader=dict(dataset=dict(type='RepeatDataset')))))
    only = LoadingData({}, dict(crops=dict(crops='cut')))
    with pytest.raises(InputError, match='frames or videos.*only cut'):
        only.whole_source()
    with pytest.raises(InputError, match='frames or videos'):
        next(loading_groups(only, 1))


@pytest.mark.parametrize('source', ['frames', 'video'])
def test_the_yardstick_decodes_the_frames_that_are_loaded(root, source):
    data = data_of_folder(str(root))
    loads = Loads(data, source, 3, 2)
    assert loads.clips == [[0, 1], [2, 0], [1, 2]]
    decoded = Compose(data.pipeline('face', source).transforms[:2])
    for k in range(3):
        loaded = loads.load(decoded, k)
        for sample, own in zip(loaded, loads.sampled(k), strict=True):
            assert sample['frame_inds'].tolist() == own['frame_inds'].tolist()
            for image, plain in zip(sample['imgs'], decode(jpegs_of(own)), strict=True):
                plain = plain[..., ::-1]
                if source == 'frames':
                    assert (image == plain).all()
                else:  # encoded as JPEG for the yardstick
                    assert np.abs(image.astype(int) - plain).max() < 8


def test_all_sources_draw_the_same_frames(root):
    data = data_of_folder(str(root))

    def drawn(source):
        loads = Loads(data, source, 4, 3)
        return [
            (sample['video_id'], tuple(sample['frame_inds'] - sample['start_index']))
            for k in range(4)
            for sample in loads.sampled(k)
        ]

    frames, video, crops = map(drawn, data.prefixes)
    assert frames == video == crops
    assert len({inds for _, inds in frames}) > 1
    # Fewer clips of a repetition draw what they draw among more.
    (one,) = Loads(data, 'frames', 4, 3).sampled(1, [2])
    assert (one['video_id'], tuple(one['frame_inds'] - one['start_index'])) == frames[3 + 2]


def test_a_repetition_can_be_loaded_again(root):
    data = data_of_folder(str(root))
    loads = Loads(data, 'frames', 2, 1)
    pipeline = data.pipeline('face', 'frames')
    first, again = (loads.load(pipeline, 1)[0]['inputs']['face_imgs'] for _ in range(2))
    assert torch.equal(first, again)


def test_no_more_samples_than_clips(root):
    loads = Loads(data_of_folder(str(root)), 'frames', 1, 8)
    assert loads.clips == [[0, 1, 2]] and loads.samples == 3


def test_the_plain_way_gives_the_same_frames_of_a_video(root):
    path = str(root / 'videos' / 'TRAIN100_2.mp4')
    frames = read_to(path, 4)
    assert len(frames) == 5 and frames[0].shape == (HEIGHT, WIDTH, 3)
    brightness = [frame.mean() for frame in frames]
    np.testing.assert_allclose(brightness, 20 + 30 * np.arange(5), atol=2)


def test_groups(root):
    data = data_of_folder(str(root))._replace(image_size=32)
    groups = {each.title: each for each in loading_groups(data, 1, 2)}
    assert list(groups) == [
        'training sample from JPEG frames',
        'training sample from JPEG frames, masks drawn',
        'training sample from video',
        'training sample from prepared crops',
        'frames of a video',
        'landmarks and keypoints of a clip',
    ]
    for each in groups.values():
        for call in each.calls.values():
            call(0)
        assert all({c.name, c.yardstick} <= set(each.calls) for c in each.comparisons)
    frames, masks, video, *_ = groups.values()
    assert {c.name: c.published for c in frames.comparisons} == PUBLISHED
    assert all(c.published is None for c in masks.comparisons)
    assert set(frames.units.values()) == {2}
    assert video.units == dict.fromkeys((DECODE, *INPUTS), 1)
    # Each input loads its own streams.
    for input_, regions in INPUTS.items():
        sample = frames.calls[input_](0)[0]
        assert set(sample['inputs']) == {f'{r}_imgs' for r in regions}
    for plain, masked in zip(frames.calls['face'](0), masks.calls['face'](0), strict=True):
        assert not torch.equal(plain['inputs']['face_imgs'], masked['inputs']['face_imgs'])


def test_without_text_files_there_is_nothing_to_read_first(root):
    dataset = data_of_folder(str(root)).build('video')
    files = text_files_of(dataset)
    assert len(files) == 3 and files[0][0].endswith('TRAIN100_2.csv')
    dataset.find = lambda row: LoadingFiles('a.npz', 'a.npz')
    assert text_files_of(dataset) == []


class LoadingFiles:
    def __init__(self, landmarks, keypoints):
        self.landmarks, self.keypoints = landmarks, keypoints


def test_description(root):
    text = describe_data(data_of_folder(str(root)))
    size = np.mean([path.stat().st_size for path in root.glob('frames/TRAIN*/*.jpg')])
    assert text == (
        f'3 clips of {FRAMES} frames on average, {WIDTH}x{HEIGHT},'
        f' JPEG of {size / 1000:.0f} KB; 3 segments'
    )

import json
import os
import shutil

import cv2
import numpy as np
import pytest

from emoreact_plugin.clips.cache_file import CachedClip, stamp_of, write_cached
from emoreact_plugin.clips.crops import read_record
from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.recipes import build_pipeline
from emoreact_plugin.transforms import CropRegions, DrawFaceMask
from emoreact_plugin.utils.errors import InputError
from tests.factories import (
    FRAMES,
    HEIGHT,
    WIDTH,
    dataset,
    face_of,
    left_over,
    write_annotations,
    write_openface,
    write_video,
)
from tests.transforms.masks.faces import face, skin

pytestmark = pytest.mark.slow

REGIONS = ('face', 'body', 'fullbody')


def run(root, out='crops', regions=REGIONS, errors=0, **kwargs):
    report = extract_crops([str(root / 'videos')], str(root / out), CropRegions(regions), **kwargs)
    assert len(report.errors) == errors, report.errors
    return report


@pytest.fixture
def smooth(own):
    """Clips as in nature: not one colour a frame."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frames = np.stack(
        [np.stack([3 * x + 5 * k, 4 * y, 120 + 2 * (x - y)], -1) for k in range(FRAMES)]
    )
    for names in own.videos.values():
        for name in names:
            write_video(own.root / 'videos' / name, frames.clip(0, 255).astype(np.uint8))
    return own


@pytest.mark.parametrize('train', [False, True])
def test_training_gets_the_same_crops(smooth, train):
    report = run(smooth.root)
    assert len(report.clips) == 7
    samples = []
    for source, prefix in (('video', dict(video='videos')), ('crops', dict(crops='crops'))):
        # 224: what the crops of 256 are made for in training; in val and
        # test they are resized once more
        side = 224 if train else 256
        data = dataset(
            smooth.root,
            'train',
            build_pipeline(REGIONS, 3, side, train, source=source),
            data_prefix=prefix,
        )
        data.set_epoch(3, 5)
        samples.append(data[1])
    assert set(samples[0]['inputs']) == set(samples[1]['inputs'])
    for name, expected in samples[0]['inputs'].items():
        found = samples[1]['inputs'][name]
        assert found.shape == expected.shape
        assert (found.float() - expected.float()).abs().mean() <= 3
        assert expected.float().std() > 10  # there is something to see
    for region in REGIONS:
        np.testing.assert_array_equal(*(s['data_samples'].get(f'{region}_found') for s in samples))


def test_what_is_written(smooth):
    write_openface(
        smooth.root / 'videos' / 'TRAIN100_2.mp4_openface' / 'TRAIN100_2.csv',
        np.stack([face_of(k) if k else np.full((68, 2), np.nan) for k in range(FRAMES)]),
    )
    run(smooth.root, size=32)
    folder = smooth.root / 'crops' / 'TRAIN100_2'
    assert sorted(os.listdir(folder)) == ['body', 'crops.json', 'face', 'fullbody']
    for region in REGIONS:
        assert sorted(os.listdir(folder / region)) == [f'{k:06d}.jpg' for k in range(1, FRAMES + 1)]
        assert cv2.imread(str(folder / region / '000006.jpg')).shape == (32, 32, 3)
    crops = read_record(str(folder))
    assert crops.frame_size == (WIDTH, HEIGHT) and crops.mask == ''
    assert crops.found['face'].tolist() == [False] + [True] * 5
    assert crops.coverage.face.tolist() == [False] + [True] * 5
    assert crops.coverage.body.all() and crops.found['body'].all()
    # extent x 10 + k .. 30 + k and y 5 .. 25, a tenth of 20 more each side
    assert crops.boxes['face'].tolist() == [[0, 0, WIDTH, HEIGHT]] + [
        [8 + k, 3, 32 + k, 27] for k in range(1, FRAMES)
    ]


def test_no_mask_on_a_box(smooth):
    videos = smooth.root / 'videos'
    for k, path in enumerate(sorted(videos.glob('*.mp4'))):
        is_box = np.arange(FRAMES) == k % 2
        write_cached(
            smooth.root / 'marks' / f'{path.stem}.safetensors',
            CachedClip(
                np.stack([face(scale=0.2, center=(30, 24))] * FRAMES).astype('f4'),
                np.ones(FRAMES, 'f4'),
                np.full((FRAMES, 0, 2), np.nan, 'f4'),
                FRAMES,
                (WIDTH, HEIGHT),
                dict(source=stamp_of(path)),
                is_box,
            ),
        )
    report = run(
        smooth.root,
        mask=DrawFaceMask(seed=0),
        regions=('face',),
        landmarks=str(smooth.root / 'marks'),
    )
    for k, crops in enumerate(report.clips):
        assert crops.masked.tolist() == (np.arange(FRAMES) != k % 2).tolist()


def test_every_nth(smooth):
    run(smooth.root, step=4)
    full = run(smooth.root, 'full')
    crops = read_record(str(smooth.root / 'crops' / 'VAL100_2'))
    assert crops.total_frames == 2 and crops.source_frames == FRAMES
    # frames 0 and 4
    np.testing.assert_array_equal(
        crops.boxes['face'],
        read_record(str(smooth.root / 'full' / 'VAL100_2')).boxes['face'][[0, 4]],
    )
    for name, of_all in (('000001.jpg', '000001.jpg'), ('000002.jpg', '000005.jpg')):
        a, b = (
            smooth.root / folder / 'VAL100_2' / 'face' / file
            for folder, file in (('crops', name), ('full', of_all))
        )
        assert a.read_bytes() == b.read_bytes()
    assert len(full.clips) == 7
    data = dataset(
        smooth.root,
        'val',
        build_pipeline(('face',), 3, 32, source='crops'),
        data_prefix=dict(crops='crops'),
    )
    assert data.summary() == '2 clips, 4 frames'
    assert data[0]['inputs']['face_imgs'].shape == (3, 3, 32, 32)


def test_parts_of_a_video(smooth):
    run(smooth.root, step=2)  # frames 0, 2, 4
    path = smooth.root / 'train.csv'
    path.write_text('video,from,to,calm\nTRAIN100_2.mp4,1,4,1\nTRAIN100_2.mp4,3,,0\n')
    kwargs = dict(
        data_prefix=dict(crops='crops'),
        metainfo=dict(classes=('calm',)),
        columns=dict(start='from', end='to'),
    )
    steps = [
        dict(type='SampleFrames', clip_len=1, num_clips=1),
        dict(type='LoadCrops', regions=('face',)),
    ]
    boxes = read_record(str(smooth.root / 'crops' / 'TRAIN100_2')).boxes
    data = dataset(smooth.root, 'train', steps, **kwargs)
    # frame 2, which is the second crop, and frame 4
    for i, expected in enumerate([1, 2]):
        np.testing.assert_array_equal(data[i]['face_boxes'], boxes['face'][[expected]])
    path.write_text('video,from,to,calm\nTRAIN100_2.mp4,3,4,1\n')
    with pytest.raises(
        InputError,
        match=r'line 2: .* \(every 2th\), found 3 '
        'to 4',
    ):
        dataset(smooth.root, 'train', steps, **kwargs)


class TestMasks:
    @pytest.fixture
    def faces(self, tmp_path):
        points = np.stack([face(4 * k) for k in range(4)])
        points[2] = np.nan
        path = tmp_path / 'videos' / 'a.mp4'
        write_video(path, np.stack([skin()] * 4))
        write_openface(tmp_path / 'videos' / 'a.mp4_openface' / 'a.csv', points)
        write_annotations(tmp_path / 'train.csv', ['a.mp4'], [[0] * 8])
        return tmp_path

    def test_they_are_those_of_the_pipeline(self, faces):
        report = run(faces, regions=('face',), mask=DrawFaceMask(seed=0))
        crops = report.clips[0]
        assert crops.mask == 'surgical'
        assert crops.masked.tolist() == [True, True, False, True]
        data = [
            dataset(faces, 'train', build_pipeline(('face',), 4, 256, **kwargs), data_prefix=prefix)
            for kwargs, prefix in (
                (dict(), dict(video='videos')),
                (dict(mask_kind='surgical'), dict(video='videos')),
                (dict(source='crops'), dict(crops='crops')),
            )
        ]
        plain, drawn, read = (each[0]['inputs']['face_imgs'].float() for each in data)
        assert (read - drawn).abs().mean() <= 3
        assert (read - plain).abs().mean() > 5
        assert data[2].get_data_info(0)['masked_beforehand'] is True
        assert data[2].summary() == (
            '1 clip, 4 frames, masked beforehand; no face in 1 frame of 1 '
            'clip: whole frame used, no mask drawn'
        )

    def test_masks_are_not_drawn_twice(self, faces):
        run(faces, regions=('face',), mask=DrawFaceMask(seed=0))
        with pytest.raises(InputError, match='DrawFaceMask needs frames.*LoadCrops'):
            dataset(
                faces,
                'train',
                [dict(type='DrawFaceMask'), dict(type='LoadCrops', regions='face')],
                data_prefix=dict(crops='crops'),
            )

    def test_videos_masked_beforehand_are_refused(self, faces):
        (faces / 'videos' / 'masks.csv').write_text(
            'path,mask,frames,unmasked_frames\na.mp4,kn95,4,1\n'
        )
        with pytest.raises(InputError, match='expected videos without masks'):
            run(faces, mask=DrawFaceMask(seed=0))

    def test_some_masked_and_some_not(self, faces):
        run(faces, regions=('face',), mask=DrawFaceMask(seed=0))
        shutil.copytree(faces / 'crops' / 'a', faces / 'crops' / 'b')
        path = faces / 'crops' / 'b' / 'crops.json'
        record = json.loads(path.read_text())
        path.write_text(json.dumps(dict(record, mask='')))
        write_annotations(faces / 'train.csv', ['a.mp4', 'b.mp4'], [[0] * 8] * 2)
        with pytest.raises(InputError, match='1 masked .* 1 not masked'):
            dataset(faces, 'train', [], data_prefix=dict(crops='crops'))


class TestGoingOn:
    def test_what_is_there_is_left_alone(self, smooth):
        run(smooth.root)
        path = smooth.root / 'crops' / 'VAL100_2' / 'face' / '000001.jpg'
        stamp = path.stat().st_mtime_ns
        shutil.rmtree(smooth.root / 'crops' / 'VAL101_2')
        # as a run leaves it that was killed
        (smooth.root / 'crops' / left_over('VAL101_2') / 'face').mkdir(parents=True)
        report = run(smooth.root)
        assert report.before == 6 and len(report.clips) == 7
        assert path.stat().st_mtime_ns == stamp
        assert (smooth.root / 'crops' / 'VAL101_2' / 'crops.json').is_file()
        assert not list((smooth.root / 'crops').glob('.*'))

    @pytest.mark.parametrize(
        'kwargs, message',
        [
            (dict(step=2), 'every n-th frame, n: expected 2, found 1'),
            (dict(mask=DrawFaceMask('kn95', seed=0)), 'masks: expected kn95, found none'),
            (
                dict(regions=('face',)),
                "the regions: expected ['face'], found ['body', 'face', 'fullbody']",
            ),
            (dict(size=8), 'the size: expected 8, found 256'),
            (dict(max_gap=2), 'max_gap: expected 2, found 0'),
        ],
    )
    def test_other_settings(self, smooth, kwargs, message):
        run(smooth.root)
        report = run(smooth.root, errors=7, **kwargs)
        assert not report.clips
        assert message in str(report.errors[0][1])

    def test_one_bad_clip_does_not_stop_the_others(self, smooth):
        path = smooth.root / 'videos' / 'TRAIN101_2.mp4'
        path.write_bytes(b'no video')
        (smooth.root / 'videos' / 'VAL100_2.mp4_hol.txt').unlink()
        report = run(smooth.root, required=('landmarks', 'keypoints'), errors=2)
        assert len(report.clips) == 5
        assert [os.path.basename(video) for video, _ in report.errors] == [
            'TRAIN101_2.mp4',
            'VAL100_2.mp4',
        ]
        assert 'no keypoints in' in str(report.errors[1][1])
        assert 'VAL100_2.mp4_hol.txt' in str(report.errors[1][1])
        assert sorted(os.listdir(smooth.root / 'crops')) == [
            'TEST100_2',
            'TEST101_2',
            'TRAIN100_2',
            'TRAIN102_2',
            'VAL101_2',
        ]

    def test_landmarks_of_another_clip(self, smooth):
        folder = smooth.root / 'videos'
        write_video(folder / 'VAL100_2.mp4', np.zeros((4, HEIGHT, WIDTH, 3), np.uint8))
        write_openface(
            folder / 'VAL100_2.mp4_openface' / 'VAL100_2.csv',
            np.stack([face_of(k) for k in range(20)]),
        )
        report = run(smooth.root, errors=1)
        assert 'does it belong to another clip' in str(report.errors[0][1])

    def test_clips_without_any_landmarks(self, smooth):
        for path in (smooth.root / 'videos').glob('VAL100_2.mp4_*'):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        crops = run(smooth.root).clips[5]
        assert not crops.coverage.face.any() and not crops.coverage.body.any()
        assert not crops.found['body'].any()


class TestBadInput:
    @pytest.mark.parametrize(
        'kwargs, message',
        [
            (dict(step=0), 'step: expected 1 or more, found 0'),
            (dict(size=0), 'size: expected 1 or more, found 0'),
            (dict(landmarks='nowhere'), 'nowhere: no such folder of landmarks'),
            (dict(keypoints='nowhere'), 'nowhere: no such folder of keypoints'),
        ],
    )
    def test_arguments(self, own, kwargs, message):
        with pytest.raises((InputError, FileNotFoundError)) as error:
            run(own.root, **kwargs)
        assert message in str(error.value)
        assert not (own.root / 'crops').exists()

    def read(self, root, regions=('face',), split='train'):
        return dataset(
            root,
            split,
            build_pipeline(regions, 3, 32, source='crops'),
            data_prefix=dict(crops='crops'),
        )

    def test_no_crops_of_a_clip(self, own):
        run(own.root, size=16)
        shutil.rmtree(own.root / 'crops' / 'TRAIN101_2')
        with pytest.raises(FileNotFoundError, match='train.csv: .*1 of 3 clips.*TRAIN101_2'):
            self.read(own.root)

    def test_a_region_that_was_not_prepared(self, own):
        run(own.root, regions=('face',), size=16)
        with pytest.raises(InputError, match="expected crops of 'fullbody', found face"):
            self.read(own.root, ('fullbody',))

    @pytest.mark.parametrize(
        'change, message',
        [
            (lambda r: '{', 'crops.json: this record'),
            (lambda r: dict(r, version=0), 'expected version 1, found 0'),
            (lambda r: dict(r, masked='000'), 'expected 3 values in each list'),
            (lambda r: dict(r, masked='00000x'), 'expected 0 and 1 only'),
            (lambda r: dict(r, step=2), 'a crop of every 2th of 6 frames, found'),
            (lambda r: {k: v for k, v in r.items() if k != 'step'}, "'step'"),
            (lambda r: [], 'crops.json'),
        ],
    )
    def test_a_damaged_record(self, own, change, message):
        run(own.root, size=16)
        path = own.root / 'crops' / 'TRAIN100_2' / 'crops.json'
        record = change(json.loads(path.read_text()))
        path.write_text(record if isinstance(record, str) else json.dumps(record))
        with pytest.raises(InputError, match='TRAIN100_2.crops.json') as error:
            self.read(own.root)
        assert message in str(error.value)
        assert 'Delete its folder' in str(error.value)

    def test_a_damaged_crop(self, own):
        run(own.root, size=16)
        path = own.root / 'crops' / 'TRAIN100_2' / 'face' / '000002.jpg'
        path.write_bytes(b'no image')
        data = dataset(
            own.root,
            'train',
            [
                dict(type='SampleFrames', clip_len=1, num_clips=6),
                dict(type='LoadCrops', regions='face'),
            ],
            data_prefix=dict(crops='crops'),
        )
        with pytest.raises(InputError, match='000002.jpg: cannot be read'):
            data[0]

    def test_people(self, own):
        run(own.root, size=16)
        (own.root / 'train.csv').write_text('video,who,calm\nTRAIN100_2.mp4,1,0\n')
        with pytest.raises(InputError, match='no column for the person'):
            dataset(
                own.root,
                'train',
                [],
                data_prefix=dict(crops='crops'),
                metainfo=dict(classes=('calm',)),
                columns=dict(person='who'),
            )

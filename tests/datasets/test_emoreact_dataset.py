import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from emoreact_plugin import InputError
from emoreact_plugin.clips.cache_file import cache_clip
from emoreact_plugin.datasets import EMOTIONS
from emoreact_plugin.recipes import build, build_pipeline
from mmaction.registry import DATASETS
from tests.factories import (
    FRAMES,
    HEIGHT,
    LOAD,
    LOAD_FRAMES,
    WIDTH,
    body_of,
    dataset,
    face_of,
    make_tiny,
    to_frames,
    write_annotations,
    write_openface,
)


def test_a_sample(tiny):
    data = dataset(tiny.root, 'test')
    assert len(data) == len(tiny.videos['test'])
    assert data.classes == EMOTIONS
    info = data.get_data_info(2)
    assert info['video_id'] == tiny.videos['test'][2][:-4]
    assert info['total_frames'] == FRAMES and info['start_index'] == 0
    assert info['label'].dtype == torch.float32
    assert info['label'].tolist() == tiny.labels['test'][2].tolist()
    assert info['valence'] == 1.5
    assert info['landmarks_file'] == info['keypoints_file']
    np.testing.assert_array_equal(data.labels, tiny.labels['test'])


@pytest.mark.parametrize('serialize', [True, False])
def test_ids_and_labels_of_a_subset_are_its_own(tiny, serialize):
    data = dataset(tiny.root, 'test', serialize_data=serialize)
    names, labels = [name[:-4] for name in tiny.videos['test']], tiny.labels['test']
    data.labels[:] = 5  # a copy
    part = data.get_subset([2, 0])
    data.get_subset_([1, 2, 0])
    for found, order in ((data, [1, 2, 0]), (part, [2, 0])):
        assert found.video_ids == [names[k] for k in order]
        np.testing.assert_array_equal(found.labels, labels[order])


def test_frames_and_landmarks_are_of_the_same_moment(tiny):
    sample = dataset(tiny.root, 'test', LOAD)[0]
    # the middle of three segments of two frames
    assert sample['frame_inds'].tolist() == [1, 3, 5]
    for i, k in enumerate([1, 3, 5]):
        # frame k has the brightness 20 + 30 k and a face k pixels further
        assert abs(sample['imgs'][i].mean() - (20 + 30 * k)) < 3
        np.testing.assert_allclose(sample['face_landmarks'][i], face_of(k), atol=0.06)
        np.testing.assert_allclose(
            sample['body_keypoints'][i], body_of(k) * (WIDTH, HEIGHT), atol=1e-4
        )


@pytest.mark.parametrize('start', [0, 1, 37])
def test_the_number_of_the_first_frame_changes_nothing(own, start):
    to_frames(own.root, own.videos['test'], start)
    video = dataset(own.root, 'test', LOAD)[0]
    frames = dataset(
        own.root,
        'test',
        LOAD_FRAMES,
        filename_tmpl='{:06d}.png',
        data_prefix=dict(frames='frames', landmarks='videos', keypoints='videos'),
    )
    sample = frames[0]
    assert sample['frame_inds'].tolist() == [1 + start, 3 + start, 5 + start]
    assert [int(x.mean()) for x in sample['imgs']] == [50, 110, 170]
    for key in ('face_landmarks', 'body_keypoints'):
        np.testing.assert_array_equal(sample[key], video[key])


def test_folders_and_names_can_be_others(own):
    root, names = own.root, own.videos['test']
    to_frames(root, names, 1, 'jpg')
    for name in names:
        (root / 'jpg' / name[:-4]).rename(root / 'jpg' / f'{name}_frames')
        folder = root / 'videos' / f'{name}_openface'
        (root / 'csv').mkdir(exist_ok=True)
        shutil.move(folder / f'{name[:-4]}.csv', root / 'csv')
        (root / 'pose').mkdir(exist_ok=True)
        shutil.move(root / 'videos' / f'{name}_hol.txt', root / 'pose' / f'{name[:-4]}_hol.txt')
    data = dataset(
        root,
        'test',
        LOAD_FRAMES,
        filename_tmpl='{:06d}.png',
        frame_dir_tmpl='{video}_frames',
        required=('landmarks', 'keypoints'),
        data_prefix=dict(frames='jpg', landmarks='csv', keypoints='pose'),
    )
    np.testing.assert_allclose(data[0]['face_landmarks'][0], face_of(1), atol=0.06)


def test_the_whole_pipeline(tiny):
    pipeline = build_pipeline(('face', 'body'), 3, 32, train=True)
    sample = dataset(tiny.root, 'train', pipeline)[0]
    assert set(sample['inputs']) == {'face_imgs', 'body_imgs'}
    for x in sample['inputs'].values():
        assert x.shape == (3, 3, 32, 32) and x.dtype == torch.uint8
    assert sample['data_samples'].gt_label.dtype == torch.float32
    assert sample['data_samples'].valence == 1.0
    assert sample['data_samples'].video_id == tiny.videos['train'][0][:-4]
    # the black of the face is in the body and not in the face
    assert (sample['inputs']['body_imgs'] == 0).any()
    assert (sample['inputs']['face_imgs'] > 10).all()


def test_a_mask_reaches_every_stream_but_the_black_face(tiny):
    streams = ('face', 'body', 'fullbody')
    plain, masked = (
        dataset(tiny.root, 'test', build_pipeline(streams, 3, 32, mask_kind=kind))[0]['inputs']
        for kind in (None, 'surgical')
    )
    changed = {s: (plain[f'{s}_imgs'] != masked[f'{s}_imgs']).float().mean() for s in streams}
    assert changed['face'] > 0.05 and changed['fullbody'] > 0.005
    # ear bands and shadow may leave the face's box by a little
    assert changed['body'] < changed['fullbody'] / 2


class TestDraws:
    @staticmethod
    def views(data, index=0):
        return data[index]['inputs']['face_imgs']

    def test_they_depend_on_seed_epoch_and_index_only(self, tiny):
        pipeline = build_pipeline(('face',), 3, 32, train=True)
        data = dataset(tiny.root, 'train', pipeline)
        seen = {}
        for seed, epoch in [(1, 0), (1, 1), (2, 0)]:
            data.set_epoch(epoch, seed)
            np.random.seed(len(seen))  # must not matter
            seen[seed, epoch] = self.views(data)
            np.random.seed(100)
            torch.testing.assert_close(self.views(data), seen[seed, epoch])
        different = list(seen.values())
        assert not torch.equal(different[0], different[1])
        assert not torch.equal(different[0], different[2])

    def test_the_generators_are_left_where_they_were(self, tiny):
        data = dataset(tiny.root, 'train', build_pipeline(('face',), 3, 32, train=True))
        data.set_epoch(0, 0)
        np.random.seed(3), torch.manual_seed(3)
        expected = np.random.rand(), torch.rand(()).item()
        np.random.seed(3), torch.manual_seed(3)
        data[0]
        assert (np.random.rand(), torch.rand(()).item()) == expected

    def test_without_an_epoch_they_are_numpys(self, tiny):
        data = dataset(tiny.root, 'train', build_pipeline(('face',), 3, 32, train=True))
        assert not torch.equal(self.views(data), self.views(data))

    @pytest.mark.parametrize('workers, persistent', [(0, False), (2, False), (2, True)])
    def test_workers_make_no_difference(self, tiny, workers, persistent):
        data = dataset(tiny.root, 'train', build_pipeline(('face',), 3, 32, train=True))
        loader = torch.utils.data.DataLoader(
            data, num_workers=workers, persistent_workers=persistent, collate_fn=list
        )
        for epoch in range(2):
            data.set_epoch(epoch, 5)
            loaded = [b[0]['inputs']['face_imgs'] for b in loader]
            for i, views in enumerate(loaded):
                torch.testing.assert_close(views, self.views(data, i))


class TestBadInput:
    def error(self, kind, root, split='train', **kwargs):
        with pytest.raises(kind) as error:
            dataset(root, split, **kwargs)
        return str(error.value)

    def test_a_missing_video(self, own):
        (own.root / 'videos' / own.videos['train'][1]).unlink()
        text = self.error(FileNotFoundError, own.root)
        assert '1 of 3 clips are not there' in text
        assert own.videos['train'][1] in text and 'train.csv' in text

    def test_all_clips_missing(self, own):
        (own.root / 'videos').rename(own.root / 'clips')
        text = self.error(FileNotFoundError, own.root)
        assert f'{own.root / "videos"}, is not there' in text
        assert '--data-root' in text and 'data_prefix=dict(video=...)' in text
        (own.root / 'videos').mkdir()
        (own.root / 'videos' / 'talk.mp4').touch()
        text = self.error(FileNotFoundError, own.root)
        assert f'{own.root / "videos"}, has 1 file: talk.mp4.' in text

    def test_a_missing_annotation_file(self, own):
        (own.root / 'train.csv').unlink()
        assert 'train.csv' in self.error(FileNotFoundError, own.root)

    def test_a_name_that_leaves_the_folder(self, own):
        write_annotations(own.root / 'train.csv', ['../x.mp4'], [[0] * 8])
        assert '../x.mp4' in self.error(InputError, own.root)

    def test_an_unknown_emotion(self, own):
        text = self.error(InputError, own.root, metainfo=dict(classes=('Joy',)))
        assert "'Joy'" in text and 'Happiness' in text

    def test_a_video_that_is_none(self, own):
        path = own.root / 'videos' / own.videos['train'][2]
        path.write_bytes(b'no video')
        text = self.error(InputError, own.root)
        assert path.name in text and '1 of 3' in text

    @pytest.mark.parametrize('rows, error', [(FRAMES + 5, False), (FRAMES + 6, True)])
    def test_landmarks_of_another_clip(self, own, rows, error):
        name = own.videos['train'][0]
        path = own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv'
        write_openface(path, np.stack([face_of(k) for k in range(rows)]))
        if not error:
            dataset(own.root)
            return
        text = self.error(InputError, own.root)
        assert path.name in text
        assert str(rows) in text and str(FRAMES) in text
        dataset(own.root, check_landmarks=False)

    @pytest.mark.parametrize('kind', ['landmarks', 'keypoints'])
    def test_missing_landmark_files(self, own, kind):
        for i, name in enumerate(own.videos['train']):
            if kind == 'landmarks':
                shutil.rmtree(own.root / 'videos' / f'{name}_openface')
            else:
                (own.root / 'videos' / f'{name}_hol.txt').unlink()
            text = self.error(FileNotFoundError, own.root, required=(kind,))
            assert f'{i + 1 if i < 2 else "none"} of 3 clips' in text and kind in text
            assert own.videos['train'][0] in text
            dataset(own.root)  # not needed, not missed
            if i < 2:
                data = dataset(own.root, required=(kind,), allow_missing=True, pipeline=LOAD)
                key = dict(landmarks='face_landmarks', keypoints='body_keypoints')[kind]
                assert np.isnan(data[0][key]).all()
                assert not np.isnan(data[2][key]).any()
        self.error(FileNotFoundError, own.root, required=(kind,), allow_missing=True)

    def test_a_clip_that_fails_later_names_itself(self, own):
        data = dataset(own.root, pipeline=LOAD)
        path = own.root / 'videos' / own.videos['train'][1]
        path.write_bytes(b'gone bad')
        data[0]
        with pytest.raises(InputError, match=path.stem) as error:
            data[1]
        assert str(path) in str(error.value)

    def test_a_prepared_file_of_another_clip(self, own, tmp_path):
        to_frames(own.root, own.videos['train'], 1)
        given = own.root / 'prepared'
        for frames, size in [(FRAMES + 1, (WIDTH, HEIGHT)), (FRAMES, (WIDTH, HEIGHT + 1))]:
            for name in own.videos['train']:
                cache_clip(
                    given / f'{name[:-4]}.safetensors',
                    total_frames=frames,
                    frame_size=size,
                    source=own.root,
                )
            text = self.error(
                InputError,
                own.root,
                filename_tmpl='{:06d}.png',
                data_prefix=dict(frames='frames', landmarks='prepared'),
            )
            assert f'{frames} frames of {size[0]}x{size[1]}' in text
            assert f'has {FRAMES} of {WIDTH}x{HEIGHT}' in text

    def test_a_prepared_file_without_keypoints_has_none(self, own):
        for name in own.videos['train']:
            video = own.root / 'videos' / name
            cache_clip(
                own.root / 'prepared' / f'{name[:-4]}.safetensors',
                total_frames=FRAMES,
                frame_size=(WIDTH, HEIGHT),
                source=video,
                landmarks_file=video.with_name(f'{name}_openface') / f'{name[:-4]}.csv',
            )
        prefix = dict(video='videos', landmarks='prepared')
        dataset(own.root, data_prefix=prefix, required=('landmarks',))
        text = self.error(
            FileNotFoundError, own.root, data_prefix=prefix, required=('landmarks', 'keypoints')
        )
        assert 'none of 3 clips has keypoints' in text

    def test_a_damaged_prepared_file_is_made_anew(self, own, tmp_path):
        data = dataset(own.root, pipeline=LOAD, cache_dir=str(tmp_path / 'c'))
        path = Path(data.get_data_info(0)['landmarks_file'])
        expected = data[0]['face_landmarks']
        path.write_bytes(path.read_bytes()[:-700])
        data = dataset(own.root, pipeline=LOAD, cache_dir=str(tmp_path / 'c'))
        np.testing.assert_array_equal(data[0]['face_landmarks'], expected)

    def test_a_cache_that_cannot_be_one(self, own, tmp_path):
        (tmp_path / 'file').touch()
        text = self.error(InputError, own.root, cache_dir=tmp_path / 'file')
        assert 'file: cannot be the folder' in text and '--cache-dir' in text

    def test_what_is_required_has_a_name(self, own):
        text = self.error(InputError, own.root, required=('faces',))
        assert "'landmarks' and 'keypoints'" in text

    def test_names_of_frames_have_one_number(self, own):
        to_frames(own.root, own.videos['train'], 1)
        text = self.error(
            InputError, own.root, filename_tmpl='%06d.png', data_prefix=dict(frames='frames')
        )
        assert 'expected one number' in text

    @pytest.mark.parametrize('prefix', [dict(), dict(landmarks='x'), dict(video='v', frames='f')])
    def test_video_or_frames(self, own, prefix):
        text = self.error(InputError, own.root, data_prefix=prefix)
        assert 'expected one of video, frames, crops, found' in text

    @pytest.mark.parametrize(
        'change, message',
        [
            (lambda d: (d / '000003.png').unlink(), '000003.png is missing'),
            (lambda d: [f.unlink() for f in d.iterdir()], 'found none'),
            (lambda d: (d / '000001.png').write_bytes(b'x'), 'cannot be read'),
            (lambda d: shutil.rmtree(d), 'clips are not there'),
        ],
        ids=['gap', 'empty', 'corrupt', 'no folder'],
    )
    def test_frames_that_are_not_whole(self, own, change, message):
        to_frames(own.root, own.videos['train'], 1)
        change(own.root / 'frames' / own.videos['train'][0][:-4])
        with pytest.raises((InputError, FileNotFoundError), match=message):
            dataset(own.root, filename_tmpl='{:06d}.png', data_prefix=dict(frames='frames'))


@pytest.mark.parametrize('drawn', [False, True])
@pytest.mark.parametrize('masked', [False, True])
def test_what_a_checkpoint_will_say_of_the_data(drawn, masked, tmp_path):
    root = make_tiny(tmp_path / 'tiny', counts=(2, 2, 2)).root
    if drawn:
        for name in ('settings.json', 'cues.json'):
            (root / name).write_text('{}')
    config = build(data_root=str(root), mask=masked, image_size=32)
    metainfo = DATASETS.build(config['val_dataloader']['dataset']).metainfo
    assert metainfo['drawn_sample_data'] is drawn
    assert metainfo['masked'] is masked


def test_class_balanced_dataset_repeats_clips_of_rare_labels(own):
    from mmengine.dataset import ClassBalancedDataset

    table = np.zeros((3, 8), int)
    table[:, 3] = 1
    table[1, [0, 5]] = 1
    table[2, 3] = 0
    write_annotations(own.root / 'train.csv', own.videos['train'], table)
    data = dataset(own.root)
    assert [data.get_cat_ids(i) for i in range(3)] == [[3], [0, 3, 5], []]
    # Repeats as in https://arxiv.org/abs/1908.03195: sqrt(t / f), rounded up. Labels 0 and 5 have
    # the frequency 1/3, label 3 has 2/3.
    assert ClassBalancedDataset(data, 1.0).repeat_indices == [0, 0, 1, 1, 2]
    assert ClassBalancedDataset(data, 0.5).repeat_indices == [0, 1, 1, 2]


def test_soft_labels_count_as_categories_from_one_half_on(own):
    table = np.full((3, 8), 0.49)
    table[0, 2], table[0, 4], table[1, 7] = 0.5, 0.9, 1
    write_annotations(own.root / 'train.csv', own.videos['train'], table)
    data = dataset(own.root, soft_labels=True)
    assert [*map(data.get_cat_ids, range(3))] == [[2, 4], [7], []]

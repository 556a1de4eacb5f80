import os
import shutil

import numpy as np

from emoreact_plugin.clips import cache_file
from emoreact_plugin.datasets import EMOTIONS, sources
from tests.factories import FRAMES, LOAD, dataset, face_of, write_openface


def test_cache_files_are_made_once(own, tmp_path):
    cache = tmp_path / 'cache'
    dataset(own.root, 'val', cache_dir=str(cache)).full_init()
    files = {f: f.stat().st_mtime_ns for f in cache.iterdir()}
    assert len(files) == 2
    dataset(own.root, 'val', cache_dir=str(cache)).full_init()
    assert {f: f.stat().st_mtime_ns for f in cache.iterdir()} == files


def test_nothing_is_written_beside_the_data(own, tmp_path):
    before = sorted(own.root.rglob('*'))
    dataset(own.root, 'val', cache_dir=str(tmp_path / 'c')).full_init()
    assert sorted(own.root.rglob('*')) == before


def test_a_changed_csv_is_read_again(own):
    name = own.videos['val'][0]
    path = own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv'
    dataset(own.root, 'val', LOAD)[0]
    write_openface(path, np.stack([face_of(k) + 1 for k in range(FRAMES)]))
    os.utime(path, ns=(1, 1))
    sample = dataset(own.root, 'val', LOAD)[0]
    np.testing.assert_allclose(sample['face_landmarks'][0], face_of(1) + 1, atol=0.06)


def test_a_prepared_file_in_the_landmark_folder_is_used(own, tmp_path):
    cache, given = tmp_path / 'c', own.root / 'prepared'
    first = dataset(own.root, 'val', LOAD, cache_dir=str(cache))
    given.mkdir()
    for i, name in enumerate(own.videos['val']):
        shutil.copy(first.get_data_info(i)['landmarks_file'], given / f'{name[:-4]}.safetensors')
        shutil.rmtree(own.root / 'videos' / f'{name}_openface')
    prefix = dict(video='videos', landmarks='prepared')
    data = dataset(
        own.root,
        'val',
        LOAD,
        data_prefix=prefix,
        required=('landmarks', 'keypoints'),
        cache_dir=str(tmp_path / 'other'),
    )
    np.testing.assert_array_equal(data[1]['face_landmarks'], first[1]['face_landmarks'])
    assert str(given) in data.get_data_info(0)['landmarks_file']


def test_parts_of_one_video_read_its_files_once(own, monkeypatch):
    name = own.videos['train'][0]
    lines = [f'{name},{k},{k + 2}' + ',0,1' * 4 for k in range(FRAMES - 1)]
    header = 'video,from,to,' + ','.join(EMOTIONS)
    (own.root / 'train.csv').write_text('\n'.join([header, *lines]))
    opened = []
    monkeypatch.setattr(sources, 'load_cached', lambda path: opened.append(path) or load(path))
    load = cache_file.load_cached
    data = dataset(own.root, 'train', LOAD, columns=dict(start='from', end='to'))
    assert len(opened) == 1
    assert data.video_ids == [f'{name[:-4]}_f{k}-{k + 2}' for k in range(FRAMES - 1)]
    assert data.summary() == '5 clips, 10 frames'
    np.testing.assert_array_equal(data.labels, [[0, 1] * 4] * 5)
    np.testing.assert_allclose(data[3]['face_landmarks'][0], face_of(3), atol=0.06)

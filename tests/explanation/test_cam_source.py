import csv
import shutil

import numpy as np
import pytest
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.explanation.cam_source import clips_of, open_source
from emoreact_plugin.inference import opening
from mmaction.registry import DATASETS
from tests.factories import FRAMES, make_tiny, small_config
from tests.inference.test_inferencer_landmarks import TwoPeople


def config(root, **options):
    return small_config(data_root=str(root), **options)


@pytest.mark.parametrize('name', ['TEST102_2', 'TEST102_2.mp4', 'TRAIN101_2'])
def test_a_clip_of_the_data_set(name, tiny):
    source = open_source(config(tiny.root), name)
    stem = name.replace('.mp4', '')
    split = 'test' if stem.startswith('TEST') else 'train'
    row = tiny.labels[split][tiny.videos[split].index(f'{stem}.mp4')]
    assert (source.name, source.video, source.label, source.split) == (
        stem,
        stem,
        tuple(row == 1),
        split,
    )
    expected = Clip(str(tiny.root / 'videos' / f'{stem}.mp4'))
    assert source.clip.total_frames == FRAMES
    assert source.clip.has_landmarks and source.clip.has_keypoints
    for found, known in zip(source.clip.landmarks, expected.landmarks, strict=True):
        np.testing.assert_array_equal(found, known)


def test_only_that_clip_is_read(tmp_path):
    data = make_tiny(tmp_path / 'data')
    for name in data.videos['test'][1:]:
        (data.root / 'videos' / name).write_bytes(b'')
    cfg = config(data.root)
    cfg.test_dataloader.dataset.cache_dir = str(tmp_path / 'cache')
    open_source(cfg, 'TEST100_2')
    assert len(list((tmp_path / 'cache').iterdir())) == 1


def test_a_path(tiny):
    path = tiny.root / 'videos' / 'TEST100_2.mp4'
    source = open_source(config('nowhere'), str(path))
    assert (source.name, source.video, source.label, source.split) == (
        'TEST100_2',
        'TEST100_2.mp4',
        None,
        None,
    )
    assert source.clip.has_landmarks


def test_landmarks_from_another_folder(tiny, tmp_path):
    path = tiny.root / 'videos' / 'TEST100_2.mp4'
    source = open_source(config(tiny.root), str(path), str(tmp_path))
    assert not source.clip.has_landmarks


def test_whom_of_several_people(tiny, tmp_path, monkeypatch, capsys):
    """Grad-CAM follows whom the demo does: by default the largest one."""
    monkeypatch.setattr(opening, 'LandmarkDetector', TwoPeople)
    cfg = config(tiny.root)
    path = tmp_path / 'a.mp4'
    shutil.copy(tiny.root / 'videos' / 'TEST100_2.mp4', path)
    open_source(cfg, str(path), 'extract')
    assert 'a.mp4: 2 people seen, person 2 taken' in capsys.readouterr().out
    open_source(cfg, str(path), 'extract', person='left')
    assert 'a.mp4: 2 people seen, person 1 taken' in capsys.readouterr().out
    shutil.copy(tiny.root / 'videos' / 'TEST100_2.mp4_hol.txt', tmp_path / 'a.mp4_eva_hol.txt')
    monkeypatch.setattr(opening, 'has_landmark_models', lambda: False)
    assert open_source(cfg, str(path), person='eva').clip.has_keypoints
    for person, error in (('adam', 'no landmarks of adam in'), ('all', 'expected one person')):
        with pytest.raises((FileNotFoundError, InputError), match=error):
            open_source(cfg, str(path), person=person)
    with pytest.raises(InputError, match='expected a video, found a clip of the data set'):
        open_source(cfg, 'TEST100_2', person='left')
    with pytest.raises(FileNotFoundError, match='no such folder of landmarks'):
        open_source(cfg, str(path), str(tmp_path / 'nowhere'))


def test_prepared_crops_are_cut_out_of_the_video(tiny):
    source = open_source(config(tiny.root, crops='crops'), 'TEST100_2')
    assert source.clip.path == str(tiny.root / 'videos' / 'TEST100_2.mp4')


def test_a_part_of_a_video(tmp_path):
    data = make_tiny(tmp_path, counts=(2, 2, 2))
    with open(tmp_path / 'test.csv', newline='') as file:
        header, *rows = csv.reader(file)
    with open(tmp_path / 'test.csv', 'w', newline='') as file:
        csv.writer(file).writerows(
            [[*header, 'first', 'last'], [*rows[0], 2, 5], [*rows[1], '', 9]]
        )
    cfg = config(data.root)
    cfg.test_dataloader.dataset.columns = dict(start='first', end='last')
    source = open_source(cfg, 'TEST100_2_f2-5')
    clip, whole = source.clip, Clip(str(tmp_path / 'videos' / 'TEST100_2.mp4'))
    assert clip.total_frames == 3 and source.name == 'TEST100_2_f2-5'
    np.testing.assert_array_equal(clip.landmarks.face, whole.landmarks.face[2:5])
    frames = list(whole.frames())
    np.testing.assert_array_equal(list(clip.frames()), frames[2:5])
    np.testing.assert_array_equal(clip.read(np.array([2, 0])), [frames[4], frames[2]])
    with pytest.raises(InputError, match='6 frames, found 0 to 9'):
        open_source(cfg, 'TEST101_2_f0-9')


def test_what_is_not_there(tiny, tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match='TEST10_2: no such file or '
        'folder; expected one, or a clip of the data set, such '
        'as TEST10',
    ):
        open_source(config(tiny.root), 'TEST10_2')
    with pytest.raises(FileNotFoundError, match='found none .*no such annotation file'):
        open_source(config(tmp_path), 'TEST100_2')
    with pytest.raises(FileNotFoundError, match='has no EmoReactDataset'):
        open_source(Config(dict(model=dict())), 'TEST100_2')
    data = make_tiny(tmp_path, counts=(2, 2, 2))
    (data.root / 'videos' / 'TEST100_2.mp4').unlink()
    with pytest.raises(FileNotFoundError, match='expected .*TEST100_2'):
        open_source(config(data.root), 'TEST100_2')


def test_data_sets_in_wrappers(tiny):
    cfg = config(tiny.root)
    inner = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[dict(type='RepeatDataset', times=2, dataset=inner)]
    )
    assert [row.clip_id for _, row in clips_of(cfg, 'test')] == [
        name[:-4] for name in tiny.videos['test']
    ]
    assert DATASETS.build(inner).video_ids[0] == 'TEST100_2'

"""The files of the sample data set."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt, read_openface_csv
from emoreact_plugin.datasets.annotations import EMOTIONS
from emoreact_plugin.sample_data import dataset
from emoreact_plugin.sample_data.dataset import keypoints_txt, make_sample_dataset, openface_csv
from emoreact_plugin.sample_data.geometry import place_child, place_frames
from emoreact_plugin.sample_data.plan import clip_parts, plan_clips
from emoreact_plugin.video.reading import VideoInfo, probe_video, read_frames

pytestmark = pytest.mark.slow

COUNTS = dict(num_train=10, num_val=2, num_test=4)
FEW = dict(num_train=2, num_val=1, num_test=1)


@pytest.fixture(scope='module')
def sample(tmp_path_factory):
    out = tmp_path_factory.mktemp('sample')
    return make_sample_dataset(out, 7, **COUNTS, workers=1, progress=False)


@pytest.fixture
def facts(sample):
    return json.loads((sample / 'cues.json').read_text())


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def test_same_bytes_with_one_or_two_workers(tmp_path):
    one, two = (
        make_sample_dataset(tmp_path / f'{k}', 7, **FEW, workers=k, progress=False) for k in (1, 2)
    )
    assert len(list(one.rglob('*.mp4'))) == 4
    assert contents(one) == contents(two)


def test_layout_is_that_of_emoreact(sample):
    for split, count in zip(('train', 'val', 'test'), COUNTS.values(), strict=True):
        with open(sample / f'{split}.csv', newline='') as file:
            header, *rows = csv.reader(file)
        assert header == ['', 'video', *EMOTIONS, 'Valence']
        assert [row[0] for row in rows] == [str(k) for k in range(count)]
        for row in rows:
            assert set(row[2:10]) <= {'0', '1'}
            assert 1 <= float(row[10]) <= 7
            video = sample / 'videos' / row[1]
            folder = video.with_name(f'{row[1]}_openface')
            assert probe_video(video) == VideoInfo(15, 400, 300, 10)
            assert (folder / f'{video.stem}.csv').is_file()
            assert video.with_name(f'{row[1]}_hol.txt').is_file()
    assert not list(sample.rglob('*.part'))


def test_landmark_file_is_that_of_openface(sample):
    plan = plan_clips(7, **COUNTS)[0]
    file = sample / 'videos' / f'{plan.name}_openface' / (plan.name[:-4] + '.csv')
    lines = file.read_text().splitlines()
    assert lines[0].startswith('frame, face_id, timestamp, confidence, success, x_0, x_1')
    rows = [[float(cell) for cell in line.split(',')] for line in lines[1:]]
    assert [row[:3] for row in rows[:2]] == [[1, 0, 0], [2, 0, 0.1]]
    parts = clip_parts(plan)
    for t, row in enumerate(rows):
        points = np.array(row[5:]).reshape(2, 68).T
        np.testing.assert_allclose(points, place_child(*parts, t).landmarks, atol=0.0501)


def test_the_package_reads_the_files(sample, facts):
    for name, clip in facts['clips'].items():
        video = sample / 'videos' / name
        landmarks, confidence, _ = read_openface_csv(
            video.with_name(f'{name}_openface') / f'{video.stem}.csv'
        )
        found = np.isfinite(landmarks).all((1, 2))
        assert np.nonzero(~found)[0].tolist() == clip['missing_face']
        assert (confidence[found] > 0.9).all()
        keypoints, _ = read_keypoints_txt(video.with_name(f'{name}_hol.txt'), 15)
        seen = np.isfinite(keypoints).any((1, 2))
        assert np.nonzero(~seen)[0].tolist() == clip['missing_body']


def test_video_shows_what_was_drawn(sample):
    from emoreact_plugin.sample_data.drawing import draw_clip

    plan = plan_clips(7, **COUNTS)[1]
    child, content, tracks = clip_parts(plan)
    drawn = draw_clip(child, content, place_frames(child, content, tracks))
    read = read_frames(sample / 'videos' / plan.name, range(15))
    error = np.abs(np.stack(read).astype(int) - drawn).mean((1, 2, 3))
    # colours are stored at half the size, so that edges differ somewhat
    assert error.max() < 4


def test_rows_of_missing_frames_are_zeros_or_old():
    points = np.arange(3 * 68 * 2, dtype=float).reshape(3, 68, 2)
    for stale, expected in ((False, np.zeros((68, 2))), (True, points[0])):
        rows = openface_csv(points, missing=(1,), stale=stale).splitlines()
        assert [row.split(', ')[4] for row in rows[1:]] == ['1', '0', '1']
        cells = np.array(rows[2].split(', '), float)
        assert cells[3] < 0.7
        np.testing.assert_array_equal(cells[5:].reshape(2, 68).T, expected)


def test_keypoints_outside_the_frame_are_left_out():
    points = np.array([[[100, 150], [500, 10]], [[-1, 5], [200, 30]], [[1, 1], [2, 2]]], float)
    assert keypoints_txt(points, missing=(2,)) == ('0.2500 0.5000\n0.5000 0.1000\n\n')


def test_json_holds_the_best_roc_auc_of_the_true_cues(sample, facts):
    clips = [c for c in facts['clips'].values() if c['split'] == 'train']
    cues = np.array([clip['cues'] for clip in clips])
    labels = np.array([clip['labels'] for clip in clips])
    best = facts['best_roc_auc']['train']['fusion/TSM']
    for k, name in enumerate(EMOTIONS):
        if 0 < labels[:, k].sum() < len(labels):
            assert best[name] == pytest.approx(roc_auc_score(labels[:, k], cues[:, k]), abs=1e-4)
        else:
            assert best[name] is None


def test_json_agrees_with_annotations_and_frames(sample, facts):
    with open(sample / 'train.csv', newline='') as file:
        for row in csv.DictReader(file):
            clip = facts['clips'][row['video']]
            assert clip['labels'] == [int(row[name]) for name in EMOTIONS]
            for name in EMOTIONS:
                boxes = np.array(clip['boxes'][name])
                assert boxes.shape == (15, 4)
                assert (boxes[:, :2] < boxes[:, 2:]).all()
                assert boxes.min() >= 0 and (boxes[:, 2:] <= (400, 300)).all()
    listed = facts['clips_with_missing_landmarks']['train']
    assert listed == [
        name
        for name, clip in facts['clips'].items()
        if clip['split'] == 'train' and clip['missing_face']
    ]
    assert len(listed) == 1


def test_readme_names_every_emotion_and_listed_clip(sample, facts):
    text = (sample / 'README.md').read_text()
    for name, emotion in facts['emotions'].items():
        assert f'| {name} | {emotion["what"]} |' in text
    for names in facts['clips_with_missing_landmarks'].values():
        assert all(name in text for name in names)


def test_a_complete_data_set_is_left_as_it_is(sample, capsys):
    before = {p: p.stat().st_mtime_ns for p in sample.rglob('*')}
    make_sample_dataset(sample, 7, **COUNTS, workers=1)
    assert {p: p.stat().st_mtime_ns for p in sample.rglob('*')} == before
    assert capsys.readouterr().out.count('\n') == 1


def test_an_interrupted_run_goes_on(sample, tmp_path, monkeypatch):
    write, calls = dataset.write_video, []

    def break_down(path, frames, fps=10):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(path, frames, fps)

    monkeypatch.setattr(dataset, 'write_video', break_down)
    with pytest.raises(KeyboardInterrupt):
        make_sample_dataset(tmp_path, **FEW, workers=1, progress=False)
    assert not list(tmp_path.glob('*.csv'))
    assert len(list((tmp_path / 'videos').glob('*.mp4'))) == 2
    make_sample_dataset(tmp_path, **FEW, workers=1, progress=False)
    assert len(calls) == 3 + 2  # the first two clips were not drawn again
    assert {p.name for p in tmp_path.glob('*.csv')} == {'train.csv', 'val.csv', 'test.csv'}


def test_force_draws_anew(tmp_path):
    counts = dict(num_train=1, num_val=1, num_test=1, progress=False)
    make_sample_dataset(tmp_path, 0, **counts, workers=1)
    with pytest.raises(InputError, match="other settings.*'seed': 1"):
        make_sample_dataset(tmp_path, 1, **counts, workers=1)
    make_sample_dataset(tmp_path, 1, **counts, workers=1, force=True)
    facts = json.loads((tmp_path / 'cues.json').read_text())
    assert facts['settings']['seed'] == 1


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / 'train.csv').write_text('mine')
    for force in (False, True):
        with pytest.raises(InputError, match='holds no sample data set'):
            make_sample_dataset(tmp_path, force=force)
    assert (tmp_path / 'train.csv').read_text() == 'mine'


def test_an_empty_split_is_refused(tmp_path):
    with pytest.raises(InputError, match='num_val must be at least 1'):
        make_sample_dataset(tmp_path / 'new', num_val=0)
    assert not (tmp_path / 'new').exists()

import os
import threading
from dataclasses import astuple

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.cache_file import load_cached
from emoreact_plugin.clips.clip_files import expected_names
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt, read_openface_csv
from emoreact_plugin.preparation.landmarks import extract_landmarks
from emoreact_plugin.preparation.mediapipe.detector import FrameLandmarks
from emoreact_plugin.preparation.mediapipe.regions import Box
from tests.factories import FRAMES, HEIGHT, LOAD, WIDTH, dataset, make_tiny, write_video

NO_FACE, BOX = 2, 4


class FakeDetector:
    """Finds points that tell which frame of the clip it was given."""

    alive = 0

    def __init__(self):
        type(self).alive += 1
        self.count = None
        self.busy = threading.Lock()

    def look(self, frame):
        return []

    def reset(self, guide):
        self.count = 0

    def __call__(self, frame):
        assert self.busy.acquire(blocking=False)  # one thread at a time
        assert frame.shape == (HEIGHT, WIDTH, 3)
        k, self.count = self.count, self.count + 1
        assert abs(frame.mean() - (20 + 30 * k)) < 3
        face = np.full((68, 2), 10 + k, np.float32)
        face[:34] += 8
        if k == NO_FACE:
            face[:] = np.nan
        body = np.full((33, 2), (WIDTH / 2, 12 + k), np.float32)
        body[1] += 8
        body[5:] = np.nan
        self.busy.release()
        return FrameLandmarks(face, k == BOX, body)

    def close(self):
        type(self).alive -= 1


@pytest.fixture
def data(tmp_path):
    yield make_tiny(tmp_path, counts=(2, 2, 2)).root
    assert FakeDetector.alive == 0


def run(root, source='videos', out='marks', **kwargs):
    return extract_landmarks(
        [str(root / source)], str(root / out), **{'make_detector': FakeDetector, **kwargs}
    )


def test_prepared_files(data):
    write_video(
        data / 'videos' / 'sub' / 'a.mov',
        np.stack([np.full((HEIGHT, WIDTH, 3), 20 + 30 * k, np.uint8) for k in range(FRAMES)]),
    )
    report = run(data)
    assert report.errors == [] and report.before == 0
    assert [c.path for c in report.clips] == sorted(
        f'{name}10{i}_2.safetensors' for name in ('TRAIN', 'VAL', 'TEST') for i in range(2)
    ) + ['sub/a.safetensors']
    assert {astuple(c)[1:-1] for c in report.clips} == {(FRAMES, 5, 1, 6)}
    clip = load_cached(data / 'marks' / 'sub' / 'a.safetensors')
    assert clip.frame_size == (WIDTH, HEIGHT) and clip.total_frames == FRAMES
    assert clip.face_is_box.tolist() == [k == BOX for k in range(FRAMES)]
    assert clip.face_confidence.tolist() == [1, 1, 0, 1, 0, 1]
    assert np.isnan(clip.face_landmarks[NO_FACE]).all()
    for k in (0, 1, 3, 4, 5):
        assert (clip.face_landmarks[k, :34] == 18 + k).all()
        assert (clip.face_landmarks[k, 34:] == 10 + k).all()
    expected = np.tile((0.5, 15 / HEIGHT), (5, 1))
    expected[1] += 8 / WIDTH, 8 / HEIGHT
    np.testing.assert_allclose(clip.body_keypoints[3, :5], expected)
    assert np.isnan(clip.body_keypoints[:, 5:]).all()
    assert os.listdir(data / 'marks' / 'sub') == ['a.safetensors']


def test_the_data_set_takes_them(data):
    run(data)
    for path in (data / 'videos').glob('*_hol.txt'):
        path.unlink()  # the one file holds both
    samples = dataset(
        data,
        pipeline=[dict(LOAD[0], num_clips=FRAMES), *LOAD[1:], dict(type='DrawFaceMask')],
        data_prefix=dict(video='videos', landmarks='marks'),
    )
    sample = samples[0]
    assert sample['landmarks_file'].endswith('marks/TRAIN100_2.safetensors')
    assert sample['keypoints_file'] == sample['landmarks_file']
    assert sample['face_is_box'].tolist() == [k == BOX for k in range(FRAMES)]
    np.testing.assert_allclose(sample['body_keypoints'][3, 0], (32, 15))
    # Neither without a face nor with a box only.
    assert not sample['masked'][[NO_FACE, BOX]].any()


class TwoPeople(FakeDetector):
    """Sees two; the one on the right has the smaller face."""

    def look(self, frame):
        return [Box(45, 20, 10, 10), Box(15, 20, 20, 20)]

    def reset(self, guide):
        super().reset(guide)
        self.guide = guide

    def __call__(self, frame):
        found = super().__call__(frame)
        return found._replace(face=found.face + np.float32(self.guide.at(self.count - 1).x))


def test_all_people_have_files_of_their_own(data):
    kwargs = dict(make_detector=TwoPeople, person='all', keypoints=True, openface=True)
    report = run(data, **kwargs)
    assert report.errors == [] and len(report.clips) == 12
    assert [each.path for each in report.clips[:2]] == [
        'TEST100_2_1.safetensors',
        'TEST100_2_2.safetensors',
    ]
    assert report.clips[1].people == dict(seen=2, taken=[2], choice='all')
    for k, x in ((1, 15), (2, 45)):
        clip = load_cached(data / 'marks' / f'TEST100_2_{k}.safetensors')
        assert clip.face_landmarks[0, 0, 0] == 18 + x
        assert clip.people == dict(seen=2, taken=[k], choice='all')
        # the names that the data set reads
        for kind in ('landmarks', 'keypoints'):
            names = expected_names(kind, 'TEST100_2.mp4', str(k))
            assert any((data / 'marks' / name).is_file() for name in names)
    assert run(data, **kwargs).before == 6


@pytest.mark.parametrize('person, x', [('largest', 15), ('right', 45)])
def test_whom_of_two(data, person, x):
    report = run(data, make_detector=TwoPeople, person=person)
    clip = load_cached(data / 'marks' / 'VAL100_2.safetensors')
    assert clip.face_landmarks[0, 0, 0] == 18 + x
    assert clip.people == report.clips[0].people
    assert clip.people == dict(seen=2, taken=[1 if x == 15 else 2], choice=person)
    # what is there is of this person
    ((_, error), *_) = run(data, make_detector=TwoPeople, person='central').errors
    assert f'was made with --person {person}, expected central' in str(error)


def test_other_layouts_read_back(data):
    run(data, openface=True, keypoints=True)
    folder = data / 'marks'
    assert len(os.listdir(folder)) == 3 * 6
    clip = load_cached(folder / 'VAL100_2.safetensors')
    faces, confidence, _ = read_openface_csv(folder / 'VAL100_2.csv')
    assert confidence.tolist() == [1, 1, 0, 1, 0, 1]
    expected = clip.face_landmarks.copy()
    expected[BOX] = np.nan
    np.testing.assert_allclose(faces, expected, atol=1e-3)
    lines = (folder / 'VAL100_2.csv').read_text().splitlines()
    assert lines[3].split(', ')[2] == '0.080'  # 25 frames a second
    joints, _ = read_keypoints_txt(folder / 'VAL100_2.mp4_hol.txt', FRAMES)
    np.testing.assert_allclose(joints, clip.body_keypoints[:, :5], atol=1e-6)


def test_what_is_there_is_left_alone(data):
    run(data)
    (data / 'marks' / 'VAL100_2.safetensors').unlink()
    times = {p: p.stat().st_mtime_ns for p in (data / 'marks').iterdir()}
    made = []
    report = run(
        data,
        keypoints=True,
        workers=8,
        make_detector=lambda: made.append(FakeDetector()) or made[-1],
    )
    assert len(report.clips) == 6 and report.before == 5 and len(made) == 1
    assert {p: p.stat().st_mtime_ns for p in times} == times
    # What else is wanted is made of what is there.
    assert len(list((data / 'marks').glob('*_hol.txt'))) == 6
    report = run(data, make_detector=None)  # not needed any more
    assert report.before == 6


def test_one_bad_clip_does_not_stop_the_others(data):
    (data / 'videos' / 'TEST100_2.mp4').write_bytes(b'no video')
    report = run(data, workers=1)
    assert len(report.clips) == 5
    ((path, error),) = report.errors
    assert path.endswith('TEST100_2.mp4') and 'expected a video' in str(error)
    assert not (data / 'marks' / 'TEST100_2.safetensors').exists()


def test_a_stop_leaves_whole_clips_only(data, interrupted, monkeypatch):
    # A stop while clips are under way: those are left where they are.
    started, stopped = interrupted

    class Slow(FakeDetector):
        def __call__(self, frame):
            started.set()
            if self.count == 3:
                stopped.wait(10)
            return super().__call__(frame)

    with pytest.raises(KeyboardInterrupt):
        run(data, workers=2, make_detector=Slow)
    assert Slow.alive == 0 and os.listdir(data / 'marks') == []
    monkeypatch.undo()
    assert len(run(data).clips) == 6


def test_another_video_of_this_name(data):
    run(data)
    path = data / 'videos' / 'VAL100_2.mp4'
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b'more')
    ((_, error),) = run(data).errors
    assert str(error) == (
        f'{data / "marks" / "VAL100_2.safetensors"}: was made from a video of {size} '
        f'bytes, but {path} has {size + 4}. Delete it, and it is made anew'
    )


def test_other_landmarks_are_not_hidden(data):
    # The tiny videos have OpenFace's files beside them.
    report = run(data, out='videos')
    assert report.clips == [] and len(report.errors) == 6
    for path, error in report.errors:
        assert 'is there already, and would not be read any more' in str(error)
        assert f'{path}_openface' in str(error)
    assert not list((data / 'videos').glob('*.npz'))


def test_what_cannot_be_done(data):
    with pytest.raises(FileNotFoundError, match='nothing: no such video or'):
        run(data, 'nothing')
    (data / 'empty').mkdir()
    with pytest.raises(InputError, match='expected videos .*found none'):
        run(data, 'empty')
    assert not (data / 'marks').exists()

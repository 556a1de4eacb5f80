import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.inference import opening as module
from emoreact_plugin.inference.annotate import overlay_of, split_warnings
from emoreact_plugin.inference.sources import find_sources
from emoreact_plugin.preparation.mediapipe.detector import FrameLandmarks
from emoreact_plugin.preparation.mediapipe.regions import Box
from tests.factories import (
    FRAMES,
    HEIGHT,
    WIDTH,
    face_of,
    save_checkpoint,
    small_config,
    write_openface,
)

QUIET = dict(progress=False)


def test_without_landmarks(checkpoint, videos, tmp_path, no_mediapipe, capsys):
    shutil.copy(videos[0], tmp_path / 'a.mp4')
    inferencer = EmotionInferencer(checkpoint)
    results = inferencer([tmp_path / 'a.mp4'] * 2, **QUIET)
    for result in results:
        assert result.landmarks == 'none' and not result.reliable
        assert result.frames_without == {} and result.not_sought == ['face', 'body']
        assert result.warnings[0].startswith(
            'no landmarks: the whole frame is used instead of face and body'
        )
        assert not result.windows[0].reliable
    # said once
    assert capsys.readouterr().out.count('WARNING: no landmarks') == 1


def test_landmarks_of_a_folder(checkpoint, videos, tmp_path):
    """The names are relative to the folder that is searched."""
    for name in ('a/x.mp4', 'b/x.mp4'):
        (tmp_path / 'v' / name).parent.mkdir(parents=True)
        shutil.copy(videos[0], tmp_path / 'v' / name)
    source = Path(f'{videos[0]}_hol.txt')
    (tmp_path / 'marks/b').mkdir(parents=True)
    shutil.copy(source, tmp_path / 'marks/b/x.mp4_hol.txt')
    first, second = EmotionInferencer(checkpoint, landmarks=str(tmp_path / 'marks'))(
        tmp_path / 'v', **QUIET
    )
    assert first.landmarks == 'none'
    assert second.landmarks == 'files'
    assert second.frames_without == dict(body=0) and second.not_sought == ['face']
    (warning,) = second.warnings
    assert warning.startswith('face not sought, because there is no file of it')
    assert not second.reliable and not second.windows[0].reliable
    assert second.windows[0].found == dict(body=1)


def test_close_ups_are_counted(checkpoint, videos, tmp_path):
    """The face of the first frames covers the frame, with the body in it."""
    for count, said in ((FRAMES // 2, False), (FRAMES - 1, True)):
        video = tmp_path / f'{count}.mp4'
        shutil.copy(videos[0], video)
        shutil.copy(f'{videos[0]}_hol.txt', f'{video}_hol.txt')
        faces = np.stack([face_of(k) for k in range(FRAMES)])
        faces[:count] = np.tile([(2, 2), (WIDTH - 2, HEIGHT - 2)], (34, 1))
        write_openface(tmp_path / f'{count}.csv', faces)
        (result,) = EmotionInferencer(checkpoint)(video, **QUIET)
        assert result.landmarks == 'files' and result.black_body == count
        assert result.row()['black_body_share'] == pytest.approx(count / FRAMES)
        assert any('face covers most of the body crop' in w for w in result.warnings) == said


def test_landmarks_of_one_of_several_people(checkpoint, videos, tmp_path):
    shutil.copy(videos[0], tmp_path / 'a.mp4')
    shutil.copy(f'{videos[0]}_hol.txt', tmp_path / 'a.mp4_eva_hol.txt')
    inferencer = EmotionInferencer(checkpoint, person='eva')
    (result,) = inferencer(tmp_path / 'a.mp4', **QUIET)
    assert result.landmarks.startswith('files')  # the face is found, if the extra is there
    assert result.frames_without['body'] == 0
    (result,) = EmotionInferencer(checkpoint, person='adam')(tmp_path / 'a.mp4', **QUIET)
    assert 'no landmarks of adam in' in result.error
    assert 'a_adam.safetensors or a_adam.npz or a_adam.csv' in result.error


class Finder:
    """A detector that sees one face and body, but not in the first frame."""

    made, closed = 0, 0

    def __init__(self, body, choice):
        Finder.made += 1
        self.body, self.choice, self.count = body, choice, 0

    def look(self, frame):
        return []

    def reset(self, guide):
        self.count = 0

    def close(self):
        Finder.closed += 1

    def __call__(self, frame):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        self.count += 1
        rng = np.random.default_rng(0)
        face = rng.uniform(10, 30, (68, 2)).astype(np.float32)
        if self.count == 1:
            face[:] = np.nan
        return FrameLandmarks(face, False, rng.uniform(5, 45, (33, 2)).astype(np.float32))


def test_landmarks_are_found_on_the_way(checkpoint, videos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, 'LandmarkDetector', Finder)
    monkeypatch.setattr(module, 'has_landmark_models', lambda: True)
    monkeypatch.setattr(Finder, 'made', 0)
    monkeypatch.setattr(Finder, 'closed', 0)
    for name in 'a.mp4', 'b.mp4':
        shutil.copy(videos[0], tmp_path / name)
    with EmotionInferencer(checkpoint) as inferencer:
        assert Finder.made == 0
        results = inferencer([tmp_path, videos[1]], **QUIET)
    assert [r.landmarks for r in results] == ['extracted', 'extracted', 'files']
    assert results[1].frames_without == dict(face=1, body=0)
    assert (Finder.made, Finder.closed) == (1, 1)
    assert 'finding face landmarks and body keypoints with mediapipe' in capsys.readouterr().out
    # also where there are files
    with EmotionInferencer(checkpoint, landmarks='extract') as inferencer:
        assert inferencer(videos[1], **QUIET)[0].landmarks == 'extracted'


def test_what_files_lack_is_found(checkpoint, videos, tmp_path, monkeypatch, capsys):
    """The file's own part stays as it is."""
    monkeypatch.setattr(module, 'LandmarkDetector', Finder)
    monkeypatch.setattr(module, 'has_landmark_models', lambda: True)
    video = Path(videos[0])
    openface = video.parent / f'{video.name}_openface' / f'{video.stem}.csv'
    for name, file, ending in (('a', openface, '.csv'), ('b', f'{video}_hol.txt', '.mp4_hol.txt')):
        shutil.copy(video, tmp_path / f'{name}.mp4')
        shutil.copy(file, tmp_path / f'{name}{ending}')
    with EmotionInferencer(checkpoint) as inferencer:
        face, body = (inferencer.open(each) for each in find_sources(tmp_path))
        results = inferencer(tmp_path, **QUIET)
    whole = Clip(str(video)).landmarks
    np.testing.assert_array_equal(face.clip.landmarks.face, whole.face)
    assert face.clip.landmarks.body.shape == (FRAMES, 33, 2)
    np.testing.assert_array_equal(body.clip.landmarks.body, whole.body)
    # the detector has no face in the first frame, the file of the first clip has
    assert [each.frames_without for each in results] == [dict(face=0, body=0), dict(face=1, body=0)]
    for each in results:
        assert each.landmarks == 'files+extracted' and each.not_sought == [] and each.reliable
    said = capsys.readouterr().out
    assert 'finding body keypoints with mediapipe' in said
    assert 'finding face landmarks with mediapipe' in said


class TwoPeople(Finder):
    def look(self, frame):
        return [Box(40, 20, 20, 20), Box(15, 20, 10, 10)]


def test_all_people_are_scored(checkpoint, videos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, 'LandmarkDetector', TwoPeople)
    monkeypatch.setattr(module, 'has_landmark_models', lambda: True)
    shutil.copy(videos[0], tmp_path / 'a.mp4')
    with EmotionInferencer(checkpoint, person='all') as inferencer:
        results = inferencer(tmp_path / 'a.mp4', str(tmp_path / 'out'), **QUIET)
    assert [each.name for each in results] == ['a.mp4, person 1', 'a.mp4, person 2']
    assert [each.people['taken'] for each in results] == [[1], [2]]
    names = sorted(os.listdir(tmp_path / 'out'))
    assert names == ['a.mp4_p1_annotated.mp4', 'a.mp4_p2_annotated.mp4']
    assert [row['person'] for row in results.rows()] == ['1', '2']
    # one of them
    with EmotionInferencer(checkpoint, person='left') as inferencer:
        (result,) = inferencer(tmp_path / 'a.mp4', **QUIET)
    assert result.people == dict(seen=2, taken=[1], choice='left') and result.name == 'a.mp4'
    assert 'a.mp4: 2 people seen, person 1 taken' in capsys.readouterr().out
    # those of files
    for k in (1, 2):
        shutil.copy(f'{videos[0]}_hol.txt', tmp_path / f'a.mp4_{k}_hol.txt')
    inferencer = EmotionInferencer(checkpoint, landmarks=str(tmp_path), person='all')
    results = inferencer(tmp_path / 'a.mp4', **QUIET)
    assert [(each.landmarks, each.person) for each in results] == [('files', '1'), ('files', '2')]


def test_all_people_of_a_video_that_cannot_be_read(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'LandmarkDetector', TwoPeople)
    (tmp_path / 'a.mp4').write_text('no video')
    with EmotionInferencer(checkpoint, landmarks='extract', person='all') as inferencer:
        (result,) = inferencer(tmp_path / 'a.mp4', **QUIET)
    assert 'expected a video' in result.error
    with pytest.raises(InputError, match='expected one person for a stream'):
        inferencer.stream([], fps=10)


def test_the_picture_says_what_was_not_sought(checkpoint, videos, tmp_path, no_mediapipe):
    shutil.copy(videos[0], tmp_path / 'a.mp4')
    shutil.copy(f'{videos[0]}_hol.txt', tmp_path / 'a.mp4_hol.txt')
    inferencer = EmotionInferencer(checkpoint)
    (result,) = inferencer(tmp_path / 'a.mp4', **QUIET)
    overlay = overlay_of(result, (WIDTH, HEIGHT), inferencer)
    assert overlay.not_sought == {'face'} and overlay.curve.marks == ['face not sought']
    banner, notes = split_warnings(result)
    assert banner[0].startswith('face not sought') and notes == []
    assert result.row()['not_sought'] == 'face' and 'face_share' not in result.row()


def test_gaps_are_filled_as_the_configuration_says(own, tmp_path):
    """Of 6 frames, the first and the third have no face; only the third is between two others."""
    name = own.videos['test'][0]
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces[[0, 2]] = np.nan
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)
    cfg = small_config()
    for max_gap, expected in ((0, 2), (1, 1)):
        cfg.test_dataloader.dataset.pipeline[2].max_gap = max_gap
        path = save_checkpoint(tmp_path / f'{max_gap}.pth', cfg=cfg)
        inferencer = EmotionInferencer(path)
        (result,) = inferencer(own.root / 'videos' / name, **QUIET)
        assert result.error is None and result.frames_without['face'] == expected
        # a stream does not know the frames to come
        said = [note for note in inferencer.warnings_of(None, 'extracted') if 'gaps' in note]
        assert len(said) == max_gap

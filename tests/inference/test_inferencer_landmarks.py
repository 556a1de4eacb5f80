import shutil
from pathlib import Path

import numpy as np

from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.inference import inferencer as module
from emoreact_plugin.preparation.mediapipe.detector import FrameLandmarks
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
        assert result.frames_without == dict(face=FRAMES, body=FRAMES)
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
    assert second.frames_without == dict(face=FRAMES, body=0)
    assert second.warnings == ['no face found in any frame: the whole frame is used instead']
    assert not second.reliable


def test_landmarks_of_one_of_several_people(checkpoint, videos, tmp_path):
    shutil.copy(videos[0], tmp_path / 'a.mp4')
    shutil.copy(f'{videos[0]}_hol.txt', tmp_path / 'a.mp4_eva_hol.txt')
    inferencer = EmotionInferencer(checkpoint, person='eva')
    (result,) = inferencer(tmp_path / 'a.mp4', **QUIET)
    assert result.landmarks == 'files' and result.frames_without['body'] == 0
    (result,) = EmotionInferencer(checkpoint, person='adam')(tmp_path / 'a.mp4', **QUIET)
    assert 'no landmarks of adam in' in result.error
    assert 'a_adam.safetensors or a_adam.npz or a_adam.csv' in result.error


class Finder:
    """A detector that sees one face and body, but not in the first frame."""

    made, closed = 0, 0

    def __init__(self, body):
        Finder.made += 1
        self.body, self.count = body, 0

    def reset(self):
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
    monkeypatch.setattr(module, 'has_mediapipe', lambda: True)
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
    assert 'finding landmarks with mediapipe' in capsys.readouterr().out
    # also where there are files
    with EmotionInferencer(checkpoint, landmarks='extract') as inferencer:
        assert inferencer(videos[1], **QUIET)[0].landmarks == 'extracted'


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

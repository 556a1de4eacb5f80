import os
import sys
from pathlib import Path

import numpy as np
import pytest

from emoreact_plugin.clips.cache_file import load_cached
from emoreact_plugin.preparation.mediapipe.models import LandmarkModels
from tests.factories import write_video
from tests.preparation.mediapipe.fake_mediapipe import HEIGHT, WIDTH, Person, World

COUNT = 5
MODELS = LandmarkModels  # the real ones


@pytest.fixture
def call(tmp_path, monkeypatch, calls):
    """Return a caller of the tool next to two clips of one person: (code, stdout, stderr).

    In frame 2 only the face's box is found, in frame 3 nothing.
    """
    person = Person(120, 60)
    world = World([person], [person], [person._replace(mesh=False)], [], [person])
    look = world.look

    def by_brightness(kind, image, corner=(0, 0), region=None):
        # An encoded video keeps no numbers in its pixels.
        drawn = np.zeros_like(image)
        if len(image) == HEIGHT:
            y, x = np.mgrid[:HEIGHT, :WIDTH]
            drawn = np.stack([np.full_like(x, round(image.mean() / 40)), x, y], axis=2).astype(
                np.uint8
            )
        return look(kind, drawn, corner, region)

    world.look = by_brightness
    world.install(monkeypatch)
    # The whole frame instead of the face's neighbourhood, for this reason.
    monkeypatch.setattr(
        'emoreact_plugin.preparation.mediapipe.detector.cut_out',
        lambda image, *_: (image, (0, 0)),
    )
    frames = np.stack([np.full((HEIGHT, WIDTH, 3), 40 * k, np.uint8) for k in range(COUNT)])
    for name in ('a.mp4', 'sub/b.mp4'):
        write_video(tmp_path / 'videos' / name, frames)
    monkeypatch.chdir(tmp_path)
    return calls('extract_landmarks')


def test_files(call):
    code, out, _ = call('videos', '--out', 'marks', '--write-openface', '--write-keypoints')
    assert code == 0 and out.splitlines() == [
        "models of mediapipe 0.10.14: the points are like OpenFace's, and not OpenFace's",
        '2 clips, 10 frames in marks',
        'a.safetensors: face in 4 of 5 frames (only its box in 1), body in 4; 1 person seen',
        'sub/b.safetensors: face in 4 of 5 frames (only its box in 1), body in 4; 1 person seen',
    ]
    assert sorted(os.listdir('marks')) == ['a.csv', 'a.mp4_hol.txt', 'a.safetensors', 'sub']
    clip = load_cached('marks/sub/b.safetensors')
    np.testing.assert_allclose(clip.face_landmarks[[0, 1, 4], 8], [(120, 80)] * 3, atol=1e-3)
    np.testing.assert_allclose(clip.body_keypoints[0, 1], (120 / WIDTH, 60 / HEIGHT), atol=1e-5)
    code, out, _ = call('videos/a.mp4', '--out', 'marks')
    assert '1 clip, 5 frames in marks; 1 clip there already\n' in out


def test_failed_clips_are_listed(call):
    Path('videos/a.mp4').write_bytes(b'no video')
    code, out, err = call('videos', '--out', 'marks', '--workers', '1')
    assert code == 1 and '1 clip, 5 frames in marks\n' in out
    assert 'error: videos/a.mp4: expected a video' in err
    assert err.endswith('1 clip failed\n')


def test_it_can_be_stopped(call, monkeypatch):

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(call.tool, 'extract_landmarks', stop)
    code, out, _ = call('videos', '--out', 'x')
    assert code == 130 and out.endswith('stopped; the same command goes on\n')


def test_without_litert(call, monkeypatch):
    monkeypatch.setattr('emoreact_plugin.preparation.mediapipe.detector.LandmarkModels', MODELS)
    monkeypatch.setitem(sys.modules, 'ai_edge_litert', None)
    code, _, err = call('videos', '--out', 'x')
    assert code == 1 and "pip install 'emoreact_plugin[landmarks]'" in err
    assert 'Traceback' not in err and not Path('x').exists()


def test_flags_without_sense(call):
    code, _, err = call('videos', '--out', 'x', '--workers', '0')
    assert code == 1 and '--workers: expected 1 or more, found 0' in err

import shutil
from functools import partial

import cv2
import numpy as np
import pytest

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.inference.sources import find_sources
from emoreact_plugin.preparation.landmarks import detect_landmarks
from emoreact_plugin.preparation.mediapipe.detector import FrameLandmarks
from emoreact_plugin.preparation.mediapipe.people import Guide
from emoreact_plugin.video.reading import read_frames
from tests.factories import FRAMES, HEIGHT, WIDTH, body_of, face_of


@pytest.fixture
def video(tiny):
    return tiny.root / 'videos' / tiny.videos['test'][0]


def test_a_video_with_openface_and_keypoints_beside_it(video):
    clip = Clip(str(video))
    assert (clip.total_frames, clip.size, clip.fps) == (FRAMES, (WIDTH, HEIGHT), 25.0)
    assert clip.name == video.name
    assert clip.has_landmarks and clip.has_keypoints
    for k in range(FRAMES):
        np.testing.assert_allclose(clip.landmarks.face[k], face_of(k), atol=0.06)
        np.testing.assert_allclose(clip.landmarks.body[k], body_of(k) * (WIDTH, HEIGHT), rtol=1e-5)
    frames = list(clip.frames())
    assert len(frames) == FRAMES
    np.testing.assert_array_equal(clip.read([4, 1])[0], frames[4])


def test_without_landmarks(video, tmp_path):
    shutil.copy(video, tmp_path)
    for clip in (Clip(str(tmp_path / video.name)), Clip(str(video), use_landmarks=False)):
        assert not clip.has_landmarks and not clip.has_keypoints
        assert np.isnan(clip.landmarks.face).all()


def test_landmarks_of_another_folder(video, tmp_path):
    shutil.copy(video, tmp_path)
    clip = Clip(str(tmp_path / video.name), landmarks=str(video.parent))
    assert np.isfinite(clip.landmarks.face).all()
    with pytest.raises(FileNotFoundError, match='nowhere: no such folder of'):
        Clip(str(video), landmarks=str(tmp_path / 'nowhere'))


def test_a_folder_of_frames(video, tmp_path):
    folder = tmp_path / video.stem
    folder.mkdir()
    frames = read_frames(video, range(FRAMES))
    for k, frame in enumerate(frames, 1):
        cv2.imwrite(str(folder / f'{k:06d}.jpg'), frame[..., ::-1])
    clip = Clip(str(folder), landmarks=str(video.parent), video=video.name)
    assert (clip.total_frames, clip.size, clip.fps) == (FRAMES, (WIDTH, HEIGHT), 0.0)
    assert clip.has_landmarks and clip.has_keypoints
    assert np.isfinite(clip.landmarks.face).all()
    np.testing.assert_allclose(clip.read([2])[0], frames[2], atol=8)
    assert len(list(clip.frames())) == FRAMES


def test_a_folder_of_frames_of_two_sizes(video, tmp_path):
    folder = tmp_path / video.stem
    folder.mkdir()
    for k, frame in enumerate(read_frames(video, range(FRAMES)), 1):
        cv2.imwrite(str(folder / f'{k:06d}.jpg'), frame if k < 5 else frame[::2, ::2])
    with pytest.raises(InputError, match='000005.jpg: expected 64x48 pixels.* found 32x24'):
        Clip(str(folder), landmarks=str(video.parent), video=video.name)
    clip = Clip(str(folder), use_landmarks=False)
    with pytest.raises(InputError, match='000005.jpg: expected 64x48 pixels.* found 32x24'):
        list(clip.frames())


def test_a_detector_finds_the_landmarks_now(video):
    class Detector:
        def reset(self, guide):
            pass

        def __call__(self, frame):
            return FrameLandmarks(
                np.full((68, 2), 9, np.float32), False, np.full((33, 2), 3, np.float32)
            )

    detect = partial(detect_landmarks, detector=Detector(), guide=Guide((), (), 0, 'largest'))
    clip = Clip(str(video), detect=detect)
    assert (clip.landmarks.face == 9).all()
    np.testing.assert_allclose(clip.landmarks.body, 3, rtol=1e-5)


def test_wrong_paths_are_told_by_their_names(video, tmp_path):
    wrong = [str(tmp_path / 'x' / 'no.mp4'), str(tmp_path / 'folder' / '')]
    assert find_sources([wrong[0], video, wrong[1]]) == [
        (wrong[0], 'no.mp4'),
        (str(video), video.name),
        (wrong[1], 'folder'),
    ]
    with pytest.raises(FileNotFoundError) as error:
        find_sources(wrong)
    assert str(error.value) == f'{", ".join(wrong)}: no such video or folder'


def test_what_is_not_there_or_no_video(tmp_path):
    with pytest.raises(FileNotFoundError, match='no.mp4'):
        Clip(str(tmp_path / 'no.mp4'))
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(InputError, match='text.mp4: expected a video'):
        Clip(str(tmp_path / 'text.mp4'))

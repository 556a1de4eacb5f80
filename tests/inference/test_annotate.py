import os
import shutil

import av
import numpy as np
import pytest

from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.inference import annotate as module
from emoreact_plugin.transforms import DrawFaceMask
from emoreact_plugin.video.reading import frame_times, read_frames
from tests.factories import FRAMES, save_checkpoint, write_timed

QUIET = dict(progress=False)


@pytest.fixture
def video(tiny):
    return tiny.root / 'videos' / tiny.videos['test'][0]


def drawn(monkeypatch):
    """Record the arguments of the overlays that are made, and the frames they draw."""
    made, frames, stock = [], [], module.VideoOverlay

    class Spy(stock):
        def __init__(self, *args):
            made.append(args)
            super().__init__(*args)

        def draw(self, frame, time, boxes):
            frames.append((frame.copy(), time, boxes))
            return super().draw(frame, time, boxes)

    monkeypatch.setattr(module, 'VideoOverlay', Spy)
    return made, frames


def test_frames_and_times_are_the_videos(checkpoint, tmp_path, monkeypatch):
    _, frames = drawn(monkeypatch)
    times = [k / 30 for k in range(15)] + [0.5 + k / 10 for k in range(10)]
    path = write_timed(tmp_path / 'a.mov', times, 62, 46)
    (result,) = EmotionInferencer(checkpoint, landmarks='none')(
        path, str(tmp_path / 'out'), **QUIET
    )
    assert os.listdir(tmp_path / 'out') == ['a.mov_annotated.mp4']
    assert result.annotated == str(tmp_path / 'out/a.mov_annotated.mp4')
    np.testing.assert_allclose(frame_times(result.annotated), times, atol=1e-3)
    with av.open(result.annotated) as container:
        (stream,) = container.streams
        assert stream.codec_context.name == 'h264'
        assert stream.codec_context.pix_fmt == 'yuv420p'
    for k, (frame, time, boxes) in enumerate(frames):
        np.testing.assert_array_equal(frame, read_frames(path, [k])[0])
        assert time == pytest.approx(times[k], abs=1e-3)
        assert boxes == dict(face=None, body=None)
    # the annotated picture is the video's, brighter and brighter
    first, last = read_frames(result.annotated, [0, 24])
    assert last[-60:-20, 20:200].mean() - first[-60:-20, 20:200].mean() > 100


def test_boxes_are_those_of_each_frame(checkpoint, video, tmp_path, monkeypatch):
    _, frames = drawn(monkeypatch)
    EmotionInferencer(checkpoint)(video, str(tmp_path), **QUIET)
    # face_of: x 10 + k .. 30 + k, y 5 .. 25; body_of: .1 .. .9, .2 .. 1
    for k, (_, _, boxes) in enumerate(frames):
        assert boxes == dict(face=(8 + k, 3, 32 + k, 27), body=(1, 6, 63, 48))


def test_masks_are_drawn_when_asked_for(checkpoint, video, tmp_path, monkeypatch):
    _, frames = drawn(monkeypatch)
    for kind in None, 'surgical':
        EmotionInferencer(checkpoint, mask=kind)(video, str(tmp_path), **QUIET)
    plain, masked = frames[:FRAMES], frames[FRAMES:]
    landmarks, draw = Clip(str(video)).landmarks, DrawFaceMask(seed=0)
    for k, (before, after) in enumerate(zip(plain, masked, strict=True)):
        (expected,) = draw(
            dict(imgs=[before[0]], face_landmarks=landmarks.face[[k]], video_id=video.stem)
        )['imgs']
        np.testing.assert_array_equal(after[0], expected)
    assert any((a[0] != b[0]).any() for a, b in zip(plain, masked, strict=True))


def test_the_mask_that_is_drawn_is_the_one_that_is_scored(checkpoint, video, tmp_path, monkeypatch):
    seen, stock = [], DrawFaceMask.transform

    def transform(self, results):
        seen.append((len(results['imgs']), results['video_id']))
        return stock(self, results)

    monkeypatch.setattr(DrawFaceMask, 'transform', transform)
    shutil.copy(video, tmp_path / 'a.avi.mp4')
    EmotionInferencer(checkpoint, mask='surgical', landmarks='none')(
        tmp_path / 'a.avi.mp4', str(tmp_path / 'out'), **QUIET
    )
    # the three frames of the clip, then each; one ending is taken off
    assert seen == [(3, 'a.avi')] + [(1, 'a.avi')] * FRAMES


def test_warnings_stand_in_the_picture(video, tmp_path, monkeypatch):
    made, _ = drawn(monkeypatch)
    path = save_checkpoint(
        tmp_path / 'x.pth', mask=True, meta=dict(drawn_sample_data=True, masked=True)
    )
    out = str(tmp_path / 'out')
    EmotionInferencer(path, landmarks='none')(video, out, **QUIET, full_size=True)
    banner, notes, _, full_size = made[0][-4:]
    assert full_size
    assert len(banner) == 2
    assert banner[0].startswith('this checkpoint was trained on drawn sample')
    assert banner[1] == (
        'no landmarks: the whole frame is used instead of '
        'face and body, which the model was not trained for'
    )
    assert notes == [
        'trained on faces with masks, and none are drawn here',
        'probabilities not calibrated',
    ]


def test_the_sound_is_kept(checkpoint, tmp_path):
    path, times = tmp_path / 'a.mp4', np.arange(20) / 10
    with av.open(str(path), 'w') as container:
        video = container.add_stream('libx264', 10)
        video.width, video.height, video.pix_fmt = 64, 48, 'yuv420p'
        sound = container.add_stream('aac', 8000, layout='mono')
        for _ in times:
            image = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format='rgb24')
            container.mux(video.encode(image))
        samples = np.sin(np.arange(16000) / 5)[None].astype(np.float32)
        for start in range(0, 16000, 1000):
            frame = av.AudioFrame.from_ndarray(samples[:, start : start + 1000], 'fltp', 'mono')
            frame.sample_rate, frame.pts = 8000, start
            container.mux(sound.encode(frame))
        container.mux([*video.encode(), *sound.encode()])
    (result,) = EmotionInferencer(checkpoint, landmarks='none')(
        path, str(tmp_path / 'out'), **QUIET
    )

    def heard(name):
        with av.open(str(name)) as container:
            return np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])

    np.testing.assert_allclose(heard(result.annotated), heard(path))
    with av.open(result.annotated) as container:
        assert container.streams.video[0].start_time == 0
    np.testing.assert_allclose(frame_times(result.annotated), times, atol=1e-3)


def test_stopped_in_the_middle(checkpoint, video, tmp_path, monkeypatch):
    inferencer = EmotionInferencer(checkpoint, landmarks='none')
    shutil.copy(video, tmp_path / 'b.mp4')
    shutil.copy(video, tmp_path / 'a.mp4')
    stock, calls = module.VideoOverlay.draw, []

    def draw(self, *args):
        calls.append(args)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return stock(self, *args)

    monkeypatch.setattr(module.VideoOverlay, 'draw', draw)
    done = []
    with pytest.raises(KeyboardInterrupt):
        for result in inferencer.run(tmp_path, str(tmp_path / 'out'), False):
            done.append(result)
    assert [each.name for each in done] == ['a.mp4', 'b.mp4']
    assert [each.error for each in done] == [None, 'drawing it was stopped']
    # what was scored is kept
    assert done[1].probabilities and done[1].annotated is None
    assert os.listdir(tmp_path / 'out') == ['a.mp4_annotated.mp4']


def test_a_video_that_cannot_be_drawn(checkpoint, video, tmp_path, monkeypatch):

    def fail(*args):
        raise ValueError('no room')

    monkeypatch.setattr(module, 'write_timed_video', fail)
    (result,) = EmotionInferencer(checkpoint)(video, str(tmp_path / 'out'), **QUIET)
    assert result.error == 'drawing it failed: no room'
    assert result.probabilities and result.annotated is None
    assert os.listdir(tmp_path / 'out') == []


@pytest.mark.parametrize('letters, shortened', [(236, False), (251, True)])
def test_a_name_that_was_shortened_is_said(letters, shortened, video, tmp_path):
    path = tmp_path / f'{"n" * letters}.mp4'
    shutil.copy(video, path)
    checkpoint = save_checkpoint(tmp_path / 'x.pth', input='face')
    (result,) = EmotionInferencer(checkpoint, landmarks='none')(
        path, str(tmp_path / 'out'), **QUIET
    )
    assert result.error is None and os.path.isfile(result.annotated)
    assert result.to_dict()['annotated_name_shortened'] is shortened
    whole = path.name + '_annotated.mp4'
    assert (os.path.basename(result.annotated) == whole) is not shortened

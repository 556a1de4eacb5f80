import itertools
from queue import Queue

import cv2
import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.inference import opening as module
from emoreact_plugin.inference.live import streaming
from emoreact_plugin.inference.live.camera import Camera
from emoreact_plugin.inference.live.streaming import EmotionStream
from emoreact_plugin.preparation.mediapipe.detector import FrameLandmarks
from emoreact_plugin.video.reading import iterate_frames
from tests.factories import write_timed
from tests.inference.camera import Clock, FakeCapture


def frame(k):
    return np.full((48, 64, 3), k % 256, np.uint8)


@pytest.fixture
def inferencer(checkpoint):
    return EmotionInferencer(checkpoint, landmarks='none', window_seconds=1.0, stride_seconds=0.5)


def test_windows_of_a_stream_are_those_of_the_file(inferencer, tmp_path):
    path = write_timed(tmp_path / 'a.mp4', [k / 10 for k in range(31)])
    (expected,) = inferencer(path, progress=False)
    results = list(inferencer.stream(iterate_frames(path), fps=10))
    # the last window of a file is aligned to its end, which a stream has not
    assert len(results) == len(expected.windows) - 1 == 5
    for found, window in zip(results, expected.windows[:-1], strict=True):
        assert found.start_s == pytest.approx(window.start_s)
        assert found.end_s == pytest.approx(window.end_s)
        for name, value in window.probabilities.items():
            assert found.probabilities[name] == pytest.approx(value, abs=1e-5)
        assert found.labels == window.labels
        assert found.face_share is None and found.dropped == 0
        assert not found.as_window().reliable


def test_a_result_comes_with_the_last_frame_of_its_window(inferencer):
    taken = []

    def frames():
        for k in itertools.count():
            taken.append(k)
            yield frame(k)

    results = inferencer.stream(frames(), fps=10)
    for last, result in zip((9, 14, 19), results, strict=False):
        assert taken[-1] == last
        assert result.frame[0, 0, 0] == last


@pytest.mark.parametrize(
    'times',
    [
        # at 10, then at 20 frames a second
        [k / 10 for k in range(10)] + [1 + k / 20 for k in range(40)],
        # early and late in turn
        [k / 10 + 0.03 * (k % 2) for k in range(30)],
        [k / 10 - 0.03 * (k % 2) for k in range(30)],
    ],
    ids=['faster', 'late', 'early'],
)
def test_the_frame_nearest_in_time_is_taken(times, inferencer, monkeypatch):
    packed, stock = [], inferencer.pipeline.pack

    def pack(sample, frames, landmarks):
        packed.append([int(each[0, 0, 0]) for each in frames])
        return stock(sample, frames, landmarks)

    monkeypatch.setattr(inferencer.pipeline, 'pack', pack)
    list(inferencer.stream(((t, frame(k)) for k, t in enumerate(times)), fps=10))
    # a window is sampled as ten frames at the stated rate
    inds = inferencer.pipeline.sample(10)['frame_inds']
    expected = []
    for start in (0, 0.5, 1.0, 1.5):
        wanted = start + inds / 10
        expected.append([int(np.abs(np.array(times) - w).argmin()) for w in wanted])
    assert packed[:4] == expected


@pytest.mark.parametrize('count', [1, 7, 100])
def test_a_stream_that_is_shorter_than_its_window(count, inferencer, tmp_path):
    """It has one result: that of a file with the same frames, while all of them are kept."""
    times = [k / 10 for k in range(count)]
    path = write_timed(tmp_path / 'a.mp4', times)
    frames = list(iterate_frames(path))
    (result,) = inferencer.stream(frames, fps=10, window_seconds=20)
    assert result.short and result.as_window().short and result.start_s == 0
    assert result.end_s == pytest.approx(count / 10)
    if count < 32:
        (expected,) = inferencer(path, progress=False)
        for name, value in expected.probabilities.items():
            assert result.probabilities[name] == pytest.approx(value, abs=1e-5)


def test_a_stream_has_a_window_of_its_own(inferencer):
    frames = [frame(k) for k in range(31)]
    stream = inferencer.stream(frames, fps=10, window_seconds=2, stride_seconds=0.2)
    assert [r.end_s for r in stream] == pytest.approx([2 + 0.2 * k for k in range(6)])
    assert not any(r.short for r in inferencer.stream(frames, fps=10))
    with pytest.raises(InputError, match='window: expected more than 0'):
        inferencer.stream(frames, fps=10, window_seconds=0)


def test_pairs_need_no_rate(inferencer):
    results = list(inferencer.stream((5 + k / 10, frame(k)) for k in range(21)))
    assert [r.start_s for r in results] == [0, 0.5, 1.0]


def test_only_frames_that_windows_need_are_kept(inferencer):
    import gc
    import weakref

    alive = []

    def frames():
        for k in range(200):
            each = frame(k)
            alive.append(weakref.ref(each))
            yield each
            del each

    most = 0
    for result in inferencer.stream(frames(), fps=50):
        del result
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
    # three windows under way, three frames each, the newest and the one before
    assert 0 < most <= 3 * 3 + 2


def test_latency_with_and_without_landmarks(checkpoint, monkeypatch):
    clock = Clock()

    class Detector:
        def __init__(self, body, choice):
            self.count = 0

        def reset(self):
            pass

        def close(self):
            pass

        def __call__(self, image):
            clock.now += 0.02
            self.count += 1
            face = np.random.default_rng(0).uniform(9, 30, (68, 2))
            if self.count % 2:
                face[:] = np.nan
            return FrameLandmarks(
                face.astype(np.float32), False, np.full((33, 2), np.nan, np.float32)
            )

    monkeypatch.setattr(module, 'LandmarkDetector', Detector)
    inferencer = EmotionInferencer(
        checkpoint, landmarks='extract', window_seconds=1.0, stride_seconds=1.0
    )
    stock = inferencer.scorer

    def scorer(clips):
        clock.now += 0.03
        return stock(clips)

    inferencer.scorer = scorer
    (result,) = EmotionStream(inferencer, (frame(k) for k in range(10)), fps=10, clock=clock)
    assert result.latency_ms == pytest.approx(50)
    assert result.landmarks_ms == pytest.approx(20)
    assert result.face_share == 0.5 and result.found['body'] == 0
    assert result.boxes['face'] is not None and result.boxes['body'] is None


def test_late_frames_are_dropped_in_real_time(inferencer):
    clock = Clock()

    def frames(slow):
        for k in range(41):
            # taken every tenth of a second, handed over when there is time
            clock.now = max(clock.now, k / 10) + (2.05 if k == slow else 0)
            yield k / 10, frame(k)

    stream = EmotionStream(inferencer, frames(12), fps=10, realtime=True, clock=clock)
    results = list(stream)
    # 12 came at 3.25 s, and so did all up to 30, more than .2 s late
    assert [r.dropped for r in results] == [0, 19, 19, 19]
    # of those that were complete by then the newest only; 1.5 and 2.0 have
    # no frame that was not late
    assert [r.start_s for r in results] == [0.0, 1.0, 2.5, 3.0]
    # without, nothing is lost
    clock.now = 0.0
    stream = EmotionStream(inferencer, frames(12), fps=10, clock=clock)
    assert [r.start_s for r in stream] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert stream.dropped == 0


def test_a_window_shorter_than_the_stride(checkpoint):
    inferencer = EmotionInferencer(
        checkpoint, landmarks='none', window_seconds=0.3, stride_seconds=1.0
    )
    results = list(inferencer.stream((frame(k) for k in range(30)), fps=10))
    assert [r.start_s for r in results] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize('gap', [60.0, 3600.0, 1e12])
@pytest.mark.parametrize('fps', [10, None])
def test_windows_in_a_pause_are_left_out(gap, fps, inferencer):
    times = [k / 10 for k in range(11)] + [gap + k / 10 for k in range(11)]
    stream = inferencer.stream(((t, frame(k)) for k, t in enumerate(times)), fps=fps)
    # 0.5 and 1.0 end in the pause, and gap - 0.5 begins in it
    assert [r.start_s for r in stream] == [0.0, 0.5, 1.0, gap - 0.5, gap]


def test_the_rate_is_learned_also_between_windows(checkpoint, monkeypatch):
    inferencer = EmotionInferencer(
        checkpoint, landmarks='none', window_seconds=0.5, stride_seconds=2.0
    )
    counts, stock = [], inferencer.pipeline.sample

    def sample(count, name):
        counts.append(count)
        return stock(count, name)

    monkeypatch.setattr(inferencer.pipeline, 'sample', sample)
    list(inferencer.stream((k / 10, frame(k)) for k in range(70)))
    # before the second frame 25 a second are assumed
    assert counts == [12, 5, 5, 5]


@pytest.mark.parametrize(
    'frames, options, message',
    [
        ([frame(0)], {}, 'stream: expected fps=..., or pairs'),
        ([frame(0).astype(float)], dict(fps=10), 'frames .H, W, 3. of uint8, fou'),
        ([frame(0)[0]], dict(fps=10), r'found \(64, 3\) of uint8'),
        ([frame(0)], dict(fps=0), 'fps: expected frames a second'),
        ([frame(0)], dict(realtime=True), 'expected fps=... with realtime'),
        ('a.mp4', dict(fps=10), "number of a camera, found 'a.mp4'"),
    ],
)
def test_frames_that_are_none(frames, options, message, inferencer):
    with pytest.raises(InputError, match=message):
        list(inferencer.stream(frames, **options))


def test_files_of_landmarks_are_none_of_a_stream(checkpoint, tmp_path):
    inferencer = EmotionInferencer(checkpoint, landmarks=str(tmp_path))
    with pytest.raises(InputError, match="landmarks: expected 'auto', 'extra"):
        inferencer.stream([])


def test_results_of_a_stream_in_files(inferencer):
    stream = inferencer.stream((frame(k) for k in range(30)), fps=10)
    results = [each.without_frame() for each in stream]
    assert results[0].frame is None
    clip = stream.as_clip(results)
    assert len(clip.windows) == 5 and not clip.reliable
    assert clip.warnings[0].startswith('no landmarks')
    assert clip.mean_probabilities['Fear'] == pytest.approx(
        np.mean([each.probabilities['Fear'] for each in results])
    )
    assert stream.as_clip([]).mean_probabilities == {}


def test_a_stream_of_a_camera(fake_camera, inferencer, monkeypatch):
    clock = Clock()
    stamps = iter(k / 10 for k in range(100))

    class Steady(Camera):
        """Its frames are taken at once, and come every tenth of a second."""

        def __iter__(self):
            for stamp in stamps:
                if stamp > 2.05:
                    return
                clock.now = stamp + 0.004
                yield stamp, frame(7)

    monkeypatch.setattr(streaming, 'Camera', Steady)
    with EmotionStream(inferencer, 0, clock=clock) as stream:
        results = list(stream)
        assert not FakeCapture.last.released
    assert FakeCapture.last.released
    assert [each.start_s for each in results] == [0.0, 0.5, 1.0]
    assert results[0].latency_ms == pytest.approx(4)
    assert results[0].landmarks_ms == 0
    assert stream.as_clip(results).name == 'camera'


# Seconds: a reading thread that is broken must not hang the tests.
LONGEST = 10.0


class HeldCapture(FakeCapture):
    """A camera whose frames come when they are shown to it."""

    def __init__(self, clock):
        super().__init__(0)
        self.clock, self.queue, self.reads = clock, Queue(), 0

    def show(self, *times):
        """Come back when the reading thread has kept the last one."""
        for each in times:
            self.queue.put(each)
        kept = self.queue.all_tasks_done  # join() has no timeout
        with kept:
            assert kept.wait_for(lambda: not self.queue.unfinished_tasks, LONGEST), (
                'the camera is not read any more'
            )

    def read(self):
        if self.reads:
            self.queue.task_done()
        self.reads += 1
        time = self.queue.get()
        if time is None:
            self.queue.put(None)  # nor will there be more
            return False, None
        self.clock.now = time
        return True, frame(round(10 * time))


def test_a_camera_that_is_faster_than_the_scores(checkpoint, monkeypatch):
    inferencer = EmotionInferencer(
        checkpoint, landmarks='none', window_seconds=1.0, stride_seconds=0.2
    )
    clock = Clock()
    capture = HeldCapture(clock)
    monkeypatch.setattr(cv2, 'VideoCapture', lambda index: capture)
    stream = EmotionStream(inferencer, 0, clock=clock)
    stock, look = inferencer.scorer, stream._look

    def slow(clips):
        if clock.now < 1.05:
            capture.show(*(k / 10 for k in range(11, 17)))
        return stock(clips)

    def look_and_go_on(stamp, image):
        # the next frame comes while this one is looked at
        if stamp < 0.95:
            capture.show(round(10 * stamp + 1) / 10)
        else:
            capture.queue.put(None)
        return look(stamp, image)

    monkeypatch.setattr(inferencer, 'scorer', slow)
    monkeypatch.setattr(stream, '_look', look_and_go_on)
    capture.show(0.0)
    with stream:
        results = list(stream)
    # while the first window was scored, up to 1.6 s, those from 0.2, 0.4 and
    # 0.6 s on were complete
    assert [each.start_s for each in results] == [0.0, pytest.approx(0.6)]
    # of 1.0 to 1.6 only the newest is taken
    assert [each.dropped for each in results] == [6, 6]
    assert results[1].frame[0, 0, 0] == 16
    assert results[0].latency_ms == pytest.approx(700)


def test_a_held_camera_that_nobody_reads(monkeypatch):
    monkeypatch.setattr(f'{__name__}.LONGEST', 0.05)
    with pytest.raises(AssertionError, match='is not read any more'):
        HeldCapture(Clock()).show(0.0)


def test_a_camera_that_cannot_be_opened(fake_camera, inferencer, monkeypatch):
    monkeypatch.setattr(FakeCapture, 'opened', False)
    with pytest.raises(InputError, match='camera 7: cannot be opened'):
        inferencer.stream(7)
    assert FakeCapture.last.released


def test_opencv_is_silent_where_there_is_no_camera(inferencer, capfd):
    with pytest.raises(InputError, match='camera 63: cannot be opened'):
        inferencer.stream(63)
    assert capfd.readouterr().err == ''

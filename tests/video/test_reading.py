"""Test reading with clips whose frames carry their own index."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.video import reading as video
from emoreact_plugin.video.reading import (
    VideoInfo,
    frame_rate,
    iterate_frames,
    probe_video,
    read_frames,
)
from tests.factories import REAL_DATA, write_timed
from tests.video.conftest import CLIPS, COUNT, HEIGHT, SHORTCUT, WIDTH, draw, index_in, write_clip


@pytest.fixture
def from_start(monkeypatch):
    """Record the calls that decode a file from its start."""
    calls, original = [], video.select_frames

    def spy(path, wanted):
        calls.append(list(wanted))
        return original(path, wanted)

    monkeypatch.setattr(video, 'select_frames', spy)
    return calls


def decode_all(path):
    with av.open(str(path)) as container:
        return [frame.to_rgb().to_ndarray() for frame in container.decode(video=0)]


@pytest.mark.parametrize('name', CLIPS)
def test_each_frame_alone_is_the_right_one(clip, name, from_start):
    path = clip(name)
    expected = decode_all(path)
    assert [index_in(image) for image in expected] == list(range(COUNT))
    for index in range(COUNT):
        (image,) = read_frames(path, [index], COUNT)
        assert index_in(image) == index
        assert np.array_equal(image, expected[index])
        assert image.shape == (HEIGHT, WIDTH, 3) and image.dtype == np.uint8
    assert len(from_start) == (0 if name in SHORTCUT else COUNT)


@pytest.mark.parametrize('name', CLIPS)
def test_several_frames_at_once(clip, name):
    path = clip(name)
    expected = decode_all(path)
    for seed in range(4):
        inds = np.random.default_rng(seed).integers(0, COUNT, 7)
        for index, image in zip(inds, read_frames(path, inds), strict=True):
            assert np.array_equal(image, expected[index])


def test_order_and_duplicates(clip):
    images = read_frames(clip('b_frames'), [41, 3, 41, 0, 59])
    assert [index_in(image) for image in images] == [41, 3, 41, 0, 59]
    images[0][:] = 0
    assert index_in(images[2]) == 41
    assert read_frames(clip('b_frames'), []) == []


def test_cut_clip_counts_from_its_first_shown_frame(tmp_path):
    # time stamps from -7: the edit list hides the frames before 0, although
    # the first shown frames need them
    path = write_clip(
        tmp_path / 'cut.mp4',
        'libx264',
        dict(g='12', bf='3'),
        dict(avoid_negative_ts='disabled'),
        -7,
    )
    assert probe_video(path).total_frames == COUNT - 7
    for index in range(COUNT - 7):
        assert index_in(read_frames(path, [index])[0]) == index + 7


def test_probe(clip):
    assert probe_video(clip('b_frames')) == VideoInfo(COUNT, WIDTH, HEIGHT, 25)
    assert probe_video(clip('avi')).total_frames == COUNT
    assert probe_video(clip('late_start')).total_frames == COUNT


@pytest.fixture
def cut_off(tmp_path):
    """Write a clip whose header promises 60 frames, but whose end is missing."""
    whole = write_clip(
        tmp_path / 'whole.mp4', 'libx264', dict(g='12', bf='0'), dict(movflags='faststart')
    )
    with av.open(str(whole)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        # without B frames packet k is frame k; half of packet 37 is left
        end = packets[37].pos + packets[37].size // 2
    path = tmp_path / 'cut_off.mp4'
    path.write_bytes(whole.read_bytes()[:end])
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == COUNT
    return path


def test_metadata_promises_more_frames_than_decode(cut_off):
    count = probe_video(cut_off).total_frames
    assert count == 37
    assert index_in(read_frames(cut_off, [36])[0]) == 36
    with pytest.raises(InputError, match=r'cut_off\.mp4: frame 37 .* only 37'):
        read_frames(cut_off, [0, 37])


@pytest.mark.parametrize('name', CLIPS)
def test_one_frame_after_the_other(clip, name):
    expected = decode_all(clip(name))
    images = list(iterate_frames(clip(name)))
    assert len(images) == COUNT
    for index, image in enumerate(images):
        assert index_in(image) == index
        assert np.array_equal(image, expected[index])


def test_iterating_ends_where_decoding_does(cut_off):
    assert [index_in(x) for x in iterate_frames(cut_off)] == list(range(37))


@pytest.mark.parametrize('rate', ['25', '30000/1001', '5/2'])
def test_frame_rate(tmp_path, rate):
    path = tmp_path / 'clip.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', Fraction(rate))
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = 'yuv420p'
        for index in range(9):
            image = av.VideoFrame.from_ndarray(draw(index), format='rgb24')
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    assert frame_rate(path) == Fraction(rate)
    assert probe_video(path).fps == float(Fraction(rate))


def test_past_the_end(clip):
    with pytest.raises(InputError, match='mp4: frame 60 was asked .* only 60'):
        read_frames(clip('b_frames'), [60, 2])


def test_another_count_than_known_reads_from_the_start(clip, from_start):
    assert index_in(read_frames(clip('b_frames'), [30], 60)[0]) == 30
    assert from_start == []
    assert index_in(read_frames(clip('b_frames'), [30], 59)[0]) == 30
    assert from_start == [[30]]


def test_damage_in_the_middle_names_file_and_frame(tmp_path):
    path = write_clip(tmp_path / 'damaged.mp4', 'libx264', dict(g='12', bf='0'))
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][20]
        start, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[start : start + size] = b'\xff' * size
    path.write_bytes(data)
    with pytest.raises(InputError, match=r'damaged\.mp4: .*near frame 20'):
        probe_video(path)
    with pytest.raises(InputError, match=r'damaged\.mp4: .*near frame 20'):
        read_frames(path, [22])
    assert index_in(read_frames(path, [19])[0]) == 19


def test_a_picture_that_vanishes_is_not_taken_for_another(tmp_path, from_start):
    """H.265 decoders pass over NAL units of a reserved type without an error."""
    _, *how = CLIPS['hevc']
    path = write_clip(tmp_path / 'clip.mp4', *how)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        # table 7-1: 0 and 8 are pictures that no other one refers to, 41 is reserved
        gone = next(p for p in packets[14:] if bytes(p)[4] >> 1 in (0, 8))
        index, at = sorted(p.pts for p in packets).index(gone.pts), gone.pos + 4
    data = bytearray(path.read_bytes())
    data[at] = 41 << 1
    path.write_bytes(data)
    assert probe_video(path).total_frames == COUNT - 1
    assert index_in(read_frames(path, [index])[0]) == index + 1
    assert from_start == [[index]]


def test_no_video(tmp_path):
    empty, garbage = tmp_path / 'empty.mp4', tmp_path / 'garbage.mp4'
    empty.write_bytes(b'')
    garbage.write_bytes(np.random.default_rng(0).bytes(5000))
    sound = tmp_path / 'sound.wav'
    with av.open(str(sound), 'w') as container:
        stream = container.add_stream('pcm_s16le', 8000, layout='mono')
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format='s16', layout='mono'
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    for function in (
        probe_video,
        frame_rate,
        lambda path: list(iterate_frames(path)),
        lambda path: read_frames(path, [0]),
    ):
        with pytest.raises(FileNotFoundError, match=r'absent\.mp4'):
            function(tmp_path / 'absent.mp4')
        with pytest.raises(FileNotFoundError, match='no such video file'):
            function(tmp_path)
        with pytest.raises(InputError, match=r'empty\.mp4: .* of 0 bytes'):
            function(empty)
        with pytest.raises(InputError, match=r'garbage\.mp4: .* 5000 bytes'):
            function(garbage)
        with pytest.raises(InputError, match=r'sound\.wav: expected a video'):
            function(sound)


def test_a_header_without_frames(tmp_path):
    whole = write_clip(tmp_path / 'whole.mp4', muxer=dict(movflags='faststart')).read_bytes()
    path = tmp_path / 'header.mp4'
    path.write_bytes(whole[: whole.index(b'mdat') + 4])
    for function in (
        probe_video,
        video.video_info,
        video.frame_times,
        lambda path: list(iterate_frames(path)),
    ):
        with pytest.raises(InputError, match=r'header\.mp4'):
            function(path)


@pytest.mark.parametrize(
    'index, message',
    [
        (-1, 'count from 0, found -1'),
        (1.5, 'whole numbers .* found 1.5'),
        ('3', "whole numbers .* found '3'"),
    ],
)
def test_bad_index(clip, index, message):
    with pytest.raises(InputError, match=f'b_frames.mp4: .*{message}'):
        read_frames(clip('b_frames'), [0, index])


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='needs a /proc file system')
def test_no_file_stays_open(clip, cut_off):
    before = len(os.listdir('/proc/self/fd'))
    for path in (clip('b_frames'), clip('avi'), cut_off):
        read_frames(path, [5])
        probe_video(path)
        with pytest.raises(InputError):
            read_frames(path, [500])
    assert len(os.listdir('/proc/self/fd')) == before


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason='EMOREACT_TEST_DATA is not given')
@pytest.mark.parametrize(
    'name', ['face_in_first_part_only.mov', 'five_frames_1080p.mp4', 'upper_body_hands_720p.mp4']
)
def test_real_clips(name):
    path = REAL_DATA / 'clips' / name
    count = probe_video(path).total_frames
    inds = np.random.default_rng(0).integers(0, count, 40)
    images = dict(zip(inds.tolist(), read_frames(path, inds, count), strict=True))
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in images:
                expected = frame.to_rgb().to_ndarray()
                assert np.array_equal(images.pop(index), expected)
    assert index == count - 1 and not images


def two_rates():
    """Return the times, in seconds, of a second at 30 frames a second, then a second at 10."""
    return [k / 30 for k in range(30)] + [1 + k / 10 for k in range(10)]


@pytest.mark.parametrize('ending, codec', [('mp4', 'libx264'), ('mkv', 'mpeg4')])
def test_frame_times_of_two_rates(tmp_path, ending, codec):
    # a first frame that is not shown at 0
    shown = [time + 2 for time in two_rates()]
    path = write_timed(tmp_path / f'clip.{ending}', shown, codec=codec)
    times = video.frame_times(path)
    np.testing.assert_allclose(times, two_rates(), atol=1e-3)


@pytest.mark.parametrize('name', ['b_frames', 'late_start', 'avi', 'mpeg4'])
def test_frame_times_at_one_rate(clip, name):
    path = clip(name)
    np.testing.assert_allclose(video.frame_times(path), np.arange(COUNT) / 25, atol=1e-3)


def test_selected_frames_are_those_of_reading(clip):
    path = clip('b_frames')
    found = dict(video.select_frames(path, [7, 3, 7, 30]))
    assert list(found) == [3, 7, 30]
    assert [index_in(image) for image in found.values()] == [3, 7, 30]
    with pytest.raises(InputError, match='frame 99 .*60 frames'):
        list(video.select_frames(path, [99]))

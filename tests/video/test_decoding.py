"""Test what is opened as a video, damage inside of it, and the way up of its frames."""

import struct
from itertools import islice

import av
import cv2
import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.video.decoding import frames_in_order, open_video, to_rgb
from emoreact_plugin.video.frame_table import read_frame_table
from emoreact_plugin.video.reading import (
    frame_times,
    iterate_frames,
    probe_video,
    read_frames,
    video_info,
)
from tests.factories import write_video
from tests.video.conftest import COUNT, HEIGHT, WIDTH, index_in, write_clip

ALL = (probe_video, video_info, frame_times, lambda path: read_frames(path, [0]))


@pytest.fixture
def others(tmp_path, clip):
    """Write files that FFmpeg opens as videos, and that are none."""
    video = clip('b_frames')
    picture = cv2.imencode('.png', np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    contents = {
        'clip.mp4_hol.txt': b'0.1 0.2 0.3 0.4\n' * 50,
        'read_me.nfo': b'Text with an ending of the DOS days.\n',
        'picture.mp4': picture,
        'picture.png': picture,
        'list.m3u8': f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{video}\n'.encode(),
        'list.mp4': f'ffconcat version 1.0\nfile {video}\n'.encode(),
        'list.sdp': b'v=0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def test_text_pictures_and_lists_of_files_are_no_videos(others):
    for path in others:
        for function in ALL:
            with pytest.raises(InputError, match=f'{path.name}: expected a video'):
                function(path)


def test_a_file_name_is_never_an_address(tmp_path, clip, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = 'concat:clip.mp4|clip.mp4'
    (tmp_path / name).write_bytes(clip('b_frames').read_bytes())
    assert probe_video(name).total_frames == COUNT


def test_a_cover_picture_is_no_video(tmp_path):
    path = tmp_path / 'song.mp4'
    with av.open(str(path), 'w') as song:
        sound = song.add_stream('aac', 8000, layout='mono')
        cover = song.add_stream('mjpeg', 25)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, 'yuvj420p'
        cover.disposition = av.stream.Disposition.attached_pic
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        song.mux(cover.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format='fltp', layout='mono'
        )
        silence.sample_rate = 8000
        song.mux(sound.encode(silence))
        song.mux(sound.encode(None))
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 1
    for function in ALL:
        with pytest.raises(InputError, match=r'song\.mp4: has no video stream, only a cover'):
            function(path)


@pytest.mark.parametrize('name, at', [('b_frames', 30), ('mpeg4', 30), ('avi', 30)])
def test_a_frame_that_decodes_with_errors_is_damage(clip, tmp_path, name, at):
    """FFmpeg hides such an error behind pixels of other frames, and raises nothing."""
    path = clip(name)
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][at]
        data = bytearray(path.read_bytes())
        data[packet.pos + packet.size // 2] ^= 0x10
    damaged = tmp_path / f'damaged{path.suffix}'
    damaged.write_bytes(data)
    with av.open(str(damaged)) as container:  # the decoder alone says nothing
        assert sum(1 for _ in container.decode(video=0)) >= COUNT - 1
    with pytest.raises(InputError, match=r'damaged.*near frame (29|3\d) \(it decodes with errors'):
        probe_video(damaged)
    near = range(at - 3, at + 4)
    with pytest.raises(InputError, match='near frame'):
        for index in near:
            read_frames(damaged, [index], COUNT)
    assert index_in(read_frames(damaged, [2], COUNT)[0]) == 2


class Breaks:
    """A container whose packets end with an error at the 40th, once or for good."""

    def __init__(self, container, for_good, error=av.error.InvalidDataError):
        self.container, self.format = container, container.format
        self.for_good, self.error, self.broken = for_good, error, False

    def demux(self, stream):
        if not self.broken:
            yield from islice(self.container.demux(stream), 40)
        if self.for_good or not self.broken:
            self.broken = True
            raise self.error(1094995529, 'it is broken')
        yield from self.container.demux(stream)


def test_a_file_that_breaks_off_gives_the_frames_before(clip):
    path = clip('b_frames')
    with open_video(path) as (container, stream):
        broken = Breaks(container, for_good=True)
        images = [to_rgb(each) for each in frames_in_order(path, broken, stream)]
    assert len(images) == 40
    assert [index_in(each) for each in images[:30]] == list(range(30))
    with open_video(path) as (container, stream):
        assert len(read_frame_table(container, stream).shown) == COUNT
    with open_video(path) as (container, stream):
        assert read_frame_table(Breaks(container, for_good=True), stream) is None


@pytest.mark.parametrize(
    'error, text',
    [(av.error.InvalidDataError, 'damaged near frame 3'), (av.error.OSError, 'read to its end')],
)
def test_a_file_that_cannot_be_read_in_its_middle_is_an_error(clip, error, text):
    path = clip('b_frames')
    with open_video(path) as (container, stream):
        broken = Breaks(container, for_good=False, error=error)
        with pytest.raises(InputError, match=rf'b_frames\.mp4: .*{text}.*it is broken'):
            list(frames_in_order(path, broken, stream))


def test_frames_that_change_their_size_are_refused(tmp_path):
    """An H.264 stream may bring a new size with any key frame, as WebRTC's recorders do."""
    small = np.full((5, 48, 64, 3), 90, np.uint8)
    large = np.full((5, 96, 128, 3), 90, np.uint8)
    stream = b''
    for frames in (small, large):
        part = tmp_path / 'part.h264'
        write_video(part, frames)
        stream += part.read_bytes()
    path = tmp_path / 'call.h264'
    path.write_bytes(stream)
    with av.open(str(path)) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(64, 48)] * 5 + [(128, 96)] * 5
    for function in (probe_video, lambda path: list(iterate_frames(path))):
        with pytest.raises(InputError, match=r'call\.h264: .*frame 5 has 128x96 .* 64x48 pixels'):
            function(path)
    assert len(read_frames(path, [0, 4])) == 2


# The matrix in the track header (ISO/IEC 14496-12, 8.3.2) shows a pixel (x, y)
# at (a x + c y, b x + d y), y downwards, moved into the picture.
MATRICES = [
    (1, 0, 0, 1),
    (0, 1, -1, 0),
    (-1, 0, 0, -1),
    (0, -1, 1, 0),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, -1, -1, 0),
]


@pytest.mark.parametrize('matrix', MATRICES, ids=str)
def test_turned_and_mirrored_clips_come_upright(clip, tmp_path, matrix):
    plain = clip('b_frames')
    data = bytearray(plain.read_bytes())
    at = data.index(b'tkhd') + 4 + 4 + 20 + 8 + 8
    a, b, c, d = matrix
    assert struct.unpack_from('>9i', data, at)[0] == 1 << 16
    fixed = [value << 16 for value in matrix]
    struct.pack_into('>9i', data, at, *fixed[:2], 0, *fixed[2:], 0, 0, 0, 1 << 30)
    path = tmp_path / 'turned.mp4'
    path.write_bytes(data)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    info = probe_video(path)
    assert (info.width, info.height) == (right.max() + 1, down.max() + 1)
    assert video_info(path) == info
    for index in (0, 29):
        (before,), (image,) = read_frames(plain, [index]), read_frames(path, [index])
        expected = np.empty((info.height, info.width, 3), np.uint8)
        expected[down, right] = before
        assert np.array_equal(image, expected)
        assert image.flags['C_CONTIGUOUS']
        assert np.array_equal(next(islice(iterate_frames(path), index, None)), image)


def test_a_file_that_was_cut_off_in_a_slice_loses_that_frame_only(tmp_path):
    whole = write_clip(tmp_path / 'whole.avi', 'mpeg4', dict(g='12', bf='0'))
    with av.open(str(whole)) as container:
        packet = [p for p in container.demux(video=0) if p.size][37]
    path = tmp_path / 'cut.avi'
    path.write_bytes(whole.read_bytes()[: packet.pos + packet.size // 2])
    assert probe_video(path).total_frames == 37
    assert [index_in(image) for image in iterate_frames(path)] == list(range(37))

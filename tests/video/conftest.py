"""Clips whose frames carry their own index.

The index is drawn as eight black or white squares, so each picture shows which frame it is.
"""

import av
import numpy as np
import pytest

WIDTH, HEIGHT, SQUARE = 128, 64, 16
COUNT = 60

# name -> file ending, codec, codec options, muxer options, first time stamp
CLIPS = {
    'b_frames': ('mp4', 'libx264', dict(g='12', bf='3'), {}, 0),
    'b_frames_mkv': ('mkv', 'libx264', dict(g='12', bf='3'), {}, 0),
    'one_group': ('mp4', 'libx264', dict(g='250', bf='3'), {}, 0),
    'late_start': ('mp4', 'libx264', dict(g='12', bf='3'), {}, 50),
    'open_groups': (
        'mp4',
        'libx264',
        {'x264-params': 'open-gop=1:keyint=10:bframes=3:scenecut=0'},
        {},
        0,
    ),
    # every picture heals a stripe: key frame marks, but no place to start at
    'intra_refresh': (
        'mp4',
        'libx264',
        {'x264-params': 'intra-refresh=1:keyint=20:bframes=3:scenecut=0'},
        {},
        0,
    ),
    'hevc': (
        'mp4',
        'libx265',
        {'x265-params': 'keyint=12:min-keyint=12:bframes=4:open-gop=1:scenecut=0:log-level=none'},
        {},
        0,
    ),
    # the container does not know when a picture is shown
    'avi': ('avi', 'libx264', dict(g='12', bf='3'), {}, 0),
    'mpeg4': ('mp4', 'mpeg4', dict(g='12', bf='2'), {}, 0),
    'transport': ('ts', 'libx264', dict(g='12', bf='3'), {}, 0),
}
SHORTCUT = (
    'b_frames',
    'b_frames_mkv',
    'one_group',
    'late_start',
    'open_groups',
    'intra_refresh',
    'hevc',
)


def draw(index):
    """Draw a moving pattern (so that frames refer to each other) and the index."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    wave = 128 + 60 * np.sin((x + 3 * index) / 17) + 40 * np.cos((y - 2 * index) / 11)
    image = np.repeat(wave[..., None], 3, 2).astype(np.uint8)
    for bit in range(8):
        image[40:56, bit * SQUARE : (bit + 1) * SQUARE] = 255 * (index >> bit & 1)
    return image


def index_in(image):
    return sum(int(image[48, bit * SQUARE + SQUARE // 2].mean() > 127) << bit for bit in range(8))


def write_clip(path, codec='libx264', options=None, muxer=None, first=0):
    with av.open(str(path), 'w', options=muxer or {}) as container:
        try:
            stream = container.add_stream(codec, 25, options=options or {})
        except (ValueError, av.error.FFmpegError):
            pytest.skip(f'this PyAV cannot write {codec}')
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = 'yuv420p'
        for index in range(COUNT):
            frame = av.VideoFrame.from_ndarray(draw(index), format='rgb24')
            frame.pts = index + first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """Return a function from a name of CLIPS to a path; each clip is written once."""
    folder, written = tmp_path_factory.mktemp('clips'), {}

    def get(name):
        if name not in written:
            ending, *how = CLIPS[name]
            written[name] = write_clip(folder / f'{name}.{ending}', *how)
        return written[name]

    return get

"""Test which files of a folder are videos, and the reading of images."""

import io
import os
import zlib

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from emoreact_plugin.clips.cache_file import ENDING
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.video.folders import decode_image, find_videos, read_image


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_links_to_folders_are_followed_once(tmp_path):
    touch(tmp_path / 'here', 'a.mp4', 'sub/b.mp4')
    touch(tmp_path / 'elsewhere', 'c.mp4', 'deep/d.mp4')
    here = tmp_path / 'here'
    os.symlink(tmp_path / 'elsewhere', here / 'linked')
    os.symlink(tmp_path / 'elsewhere', here / 'again')
    os.symlink(here / 'sub', here / 'a_second_name')
    os.symlink(here, here / 'sub' / 'up')
    assert find_videos(str(here)) == ['a.mp4', 'again/c.mp4', 'again/deep/d.mp4', 'sub/b.mp4']


def test_the_endings_that_camcorders_write(tmp_path):
    names = [
        f'a{k}.{e}'
        for k, e in enumerate(
            ['MTS', 'm2ts', 'ts', 'ogv', 'mxf', 'qt', 'asf', 'mpe', 'm2v', 'divx']
        )
    ]
    touch(tmp_path, *names)
    assert find_videos(str(tmp_path)) == sorted(names)


def test_files_that_may_be_videos_are_counted_and_named(tmp_path, capsys):
    touch(tmp_path, 'a.mp4', 'a.mp4_hol.txt', 'a.csv', f'a.mp4{ENDING}', '.hidden.xyz')
    assert find_videos(str(tmp_path)) == ['a.mp4']
    assert capsys.readouterr().out == ''
    touch(tmp_path, 'b.r3d', 'sub/c', *(f'd{k}.braw' for k in range(5)))
    assert find_videos(str(tmp_path)) == ['a.mp4']
    said = capsys.readouterr().out
    assert '7 files left out' in said and 'b.r3d' in said and said.rstrip().endswith('…')


def test_which_videos_are_found(tmp_path):
    touch(tmp_path, 'b.MP4', 'x/y/a.webm', 'x/.hidden.mp4', '.git/a.mp4', 'a.csv')
    touch(tmp_path, 'out/a.mp4', 'x/out/a.mp4')
    assert find_videos(str(tmp_path), str(tmp_path / 'out')) == [
        'b.MP4',
        'x/out/a.mp4',
        'x/y/a.webm',
    ]


def immense(kind, height, width):
    """Make an image of 8 by 8 pixels whose header says that it has more."""
    data = bytearray(encoded(Image.new('RGB', (8, 8)), kind))
    if kind == 'JPEG':
        at = data.index(b'\xff\xc0') + 5  # in the header of the frame
        assert data[at : at + 4] == bytes([0, 8, 0, 8])
        data[at : at + 4] = height.to_bytes(2, 'big') + width.to_bytes(2, 'big')
    else:
        at = data.index(b'IHDR')
        data[at + 4 : at + 12] = width.to_bytes(4, 'big') + height.to_bytes(4, 'big')
        data[at + 17 : at + 21] = zlib.crc32(data[at : at + 17]).to_bytes(4, 'big')
    return bytes(data)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
@pytest.mark.parametrize('size', [(65535, 65535), (20442, 51758), (2**13, 2**14 + 1)])
def test_an_image_that_says_it_is_immense(kind, size, tmp_path, monkeypatch):
    path = tmp_path / 'a.jpg'
    path.write_bytes(immense(kind, *size))
    # either would ask for the memory
    monkeypatch.delattr(simplejpeg, 'decode_jpeg')
    monkeypatch.delattr(cv2, 'imdecode')
    with pytest.raises(InputError, match=r'a.jpg: cannot be read as an image'):
        read_image(str(path))


def image(width=50, height=37):
    """Draw patches of colour with noise."""
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    smooth = cv2.resize(patches, (width, height))
    return Image.fromarray(cv2.add(smooth, rng.integers(0, 20, smooth.shape, np.uint8)))


def encoded(picture, kind='JPEG', **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def of_opencv(data):
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if found is None else found[..., ::-1]


@pytest.mark.parametrize('size', [(1, 1), (3, 2), (16, 16), (33, 31), (50, 37), (321, 181)])
def test_pixels_of_plain_jpegs_are_those_of_opencv(size, monkeypatch):
    """They are read without OpenCV, in less time."""
    files = [
        encoded(image(*size), subsampling=subsampling, progressive=progressive, quality=quality)
        for subsampling in ('4:4:4', '4:2:2', '4:2:0')
        for progressive in (False, True)
        for quality in (30, 95)
    ]
    expected = [of_opencv(data) for data in files]
    monkeypatch.delattr(cv2, 'imdecode')
    for data, pixels in zip(files, expected, strict=True):
        found = decode_image(data)
        assert found.dtype == np.uint8 and found.flags.writeable and found.flags.owndata
        np.testing.assert_array_equal(found, pixels)


def four_inks():
    """Make a JPEG of cyan, magenta, yellow and black."""
    return encoded(Image.merge('CMYK', (*image().split(), image().convert('L'))))


def oriented(number):
    exif = Image.Exif()
    exif[0x112] = number
    return encoded(image(), exif=exif.tobytes())


def taken_out(data, marker):
    """Take the segment with a marker out of a JPEG: (the rest, the segment)."""
    start = data.index(marker)
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], 'big')
    return data[:start] + data[end:], data[start:end]


def moved_before(data, marker):
    """Move the EXIF segment of a JPEG further down in the header."""
    rest, exif = taken_out(data, b'\xff\xe1')
    return rest.replace(marker, exif + marker, 1)


@pytest.mark.parametrize(
    'data',
    [
        *map(oriented, range(1, 9)),
        moved_before(oriented(6), b'\xff\xc4'),
        moved_before(oriented(8), b'\xff\xda'),
        encoded(image().convert('L')),
        four_inks(),
        taken_out(four_inks(), b'\xff\xee')[0],  # which says that it is CMYK
        encoded(image(), keep_rgb=True),
        encoded(image(), comment=b'a', icc_profile=b'b' * 70_000),
        encoded(image(), 'PNG'),
        encoded(image(), 'BMP'),
    ],
)
def test_other_images_are_read_as_opencv_reads_them(data):
    np.testing.assert_array_equal(decode_image(data), of_opencv(data))


def test_orientation_is_applied():
    assert decode_image(oriented(1)).shape == (37, 50, 3)
    assert decode_image(oriented(6)).shape == (50, 37, 3)


@pytest.mark.parametrize('progressive', [False, True])
def test_damaged_jpegs_are_read_as_opencv_reads_them(progressive):
    data = encoded(image(), progressive=progressive, restart_marker_blocks=4)
    rng = np.random.default_rng(0)
    assert decode_image(data) is not None
    for size in range(0, len(data), 11):
        assert decode_image(data[:size]) is None
    read = 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.integers(2, len(data))] = rng.integers(256)
        found, expected = decode_image(bytes(damaged)), of_opencv(damaged)
        assert (found is None) == (expected is None)
        if found is not None:
            read += 1
            np.testing.assert_array_equal(found, expected)
    assert 100 < read < 300

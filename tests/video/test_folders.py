"""Test which files of a folder are videos, and the reading of images."""

import os

import cv2
import numpy as np
import pytest

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.video.folders import find_videos, read_image


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
    touch(tmp_path, 'a.mp4', 'a.mp4_hol.txt', 'a.csv', '.hidden.xyz')
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


def test_an_image_that_says_it_is_immense(tmp_path):
    path = tmp_path / 'a.jpg'
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    data = path.read_bytes()
    at = data.index(b'\xff\xc0') + 5  # height and width in the frame's header
    assert data[at : at + 4] == bytes([0, 8, 0, 8])
    path.write_bytes(data[:at] + b'\xff' * 4 + data[at + 4 :])
    with pytest.raises(InputError, match='a.jpg: cannot be read as an image'):
        read_image(str(path))

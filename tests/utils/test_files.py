import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import emoreact_plugin
from emoreact_plugin.utils.files import fit_name, write_json, write_text, write_whole


def test_it_gets_its_name_when_it_is_whole(tmp_path):
    target = tmp_path / 'new' / 'x.txt'
    with write_whole(target) as temporary:
        assert os.path.dirname(temporary) == str(target.parent)
        Path(temporary).write_text('some')
        assert not target.exists()
    assert target.read_text() == 'some'
    assert os.listdir(target.parent) == ['x.txt']


def test_what_was_there_stays_when_writing_fails(tmp_path):
    target = tmp_path / 'x.txt'
    target.write_text('old')
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), write_whole(str(target)) as temporary:
            Path(temporary).write_text('half')
            raise error
    assert target.read_text() == 'old'
    assert os.listdir(tmp_path) == ['x.txt']


def test_a_folder_and_what_a_broken_run_has_left(tmp_path):
    target = tmp_path / 'frames'
    left = tmp_path / '.frames.part' / 'old'
    left.mkdir(parents=True)
    with write_whole(target) as temporary:
        os.mkdir(temporary)
        (Path(temporary) / '1.jpg').touch()
    assert os.listdir(target) == ['1.jpg']
    assert os.listdir(tmp_path) == ['frames']


def test_a_link_that_was_left_is_deleted_and_not_its_folder(tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'a').touch()
    os.symlink(tmp_path / 'data', tmp_path / '.x.part')
    write_text(tmp_path / 'x', '')
    assert os.listdir(tmp_path / 'data') == ['a']
    assert sorted(os.listdir(tmp_path)) == ['data', 'x']


def test_several_at_once(tmp_path):
    target = tmp_path / 'x'
    with write_whole(target, at_once=True) as one:
        Path(one).write_text('one')
        with write_whole(target, at_once=True) as two:
            Path(two).write_text('two')
        assert target.read_text() == 'two' and os.path.exists(one)
    assert target.read_text() == 'one'
    assert os.listdir(tmp_path) == ['x']


def test_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text('x.csv', 'ä,b\r\nc\n')
    assert Path('x.csv').read_bytes() == 'ä,b\r\nc\n'.encode()
    write_text('x.csv', 'name \udcff')
    assert Path('x.csv').read_bytes() == b'name \\udcff'
    assert os.listdir() == ['x.csv']


def test_all_of_the_package_writes_in_this_way():
    package = Path(emoreact_plugin.__file__).parent
    assert [
        path.name
        for path in sorted(package.rglob('*.py'))
        if 'os.replace(' in path.read_text(encoding='utf-8')
    ] == ['files.py']


def test_json_of_paths_numbers_and_what_is_not_known(tmp_path):
    path, name = tmp_path / 'new' / 'x.json', os.fsdecode(b'\xff.mp4')
    value = dict(
        path=Path('a'),
        values=(np.int64(1), np.float32(0.5), math.nan, np.float64(math.inf)),
        array=np.array([[1, math.nan]]),
        yes=np.bool_(True),
        text='\u00fc',
        name=name,
    )
    for ascii_only in (True, False):
        write_json(path, value, ensure_ascii=ascii_only)
        text = path.read_text(encoding='utf-8')
        assert ('\u00fc' in text) != ascii_only and text.endswith('}\n')
        assert json.loads(text) == dict(
            path='a',
            values=[1, 0.5, None, None],
            array=[[1, None]],
            yes=True,
            text='\u00fc',
            name=name,
        )


def test_json_refuses_what_has_no_form(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / 'x.json', {'a': {1}})
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    'stem, expected',
    [
        ('a', 'a.csv'),
        ('é' * 125 + 'a', 'é' * 125 + 'a.csv'),
        # 256 bytes: 'e3b0…' would be the hash of nothing
        ('b' * 252, 'b' * 234 + '-' + hashlib.sha256(b'b' * 252).hexdigest()[:16] + '.csv'),
    ],
)
def test_names_of_files_are_not_too_long(stem, expected, tmp_path):
    name = fit_name(stem, '.csv')
    assert name == expected and len(os.fsencode(name)) <= 255
    write_text(tmp_path / name, 'a')
    assert os.listdir(tmp_path) == [name]
    assert fit_name(os.fsdecode(b'\xff' * 300), '') != fit_name(os.fsdecode(b'\xff' * 299), '')

import errno
import hashlib
import json
import math
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import emoreact_plugin
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import (
    fit_name,
    output_path,
    sweep,
    write_json,
    write_text,
    write_whole,
)


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


def part_of_an_ended_process(folder, name):
    """Return the temporary name of a file or folder that a process wrote until it was killed."""
    code = (
        'import os, sys\n'
        'from emoreact_plugin.utils.files import write_whole\n'
        'with write_whole(sys.argv[1]) as part:\n'
        '    print(part, flush=True)\n'
        '    os._exit(1)\n'
    )
    command = [sys.executable, '-c', code, str(folder / name)]
    path = Path(subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip())
    assert path.parent == folder and path.name.startswith(f'.{name}.')
    return path


def test_what_a_killed_process_has_left_is_swept(tmp_path):
    left = part_of_an_ended_process(tmp_path, 'frames')
    left.mkdir()
    (left / '1.jpg').touch()
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'a').touch()
    link = part_of_an_ended_process(tmp_path, 'x')
    os.symlink(tmp_path / 'data', link)
    (tmp_path / '.mine.part').touch()
    with write_whole(tmp_path / 'frames') as temporary:
        os.mkdir(temporary)
        sweep(tmp_path)
        (Path(temporary) / '2.jpg').touch()
    assert os.listdir(tmp_path / 'frames') == ['2.jpg']
    assert os.listdir(tmp_path / 'data') == ['a']
    assert sorted(os.listdir(tmp_path)) == ['.mine.part', 'data', 'frames']


def test_what_another_machine_writes_stays_for_a_day(tmp_path):
    path = part_of_an_ended_process(tmp_path, 'x')
    other = path.with_name(re.sub(r'[0-9a-f]{8}-', '00000000-', path.name, count=1))
    other.touch()
    sweep(tmp_path)
    assert other.exists()
    os.utime(other, (0, time.time() - 2 * 86400))
    sweep(tmp_path)
    assert not other.exists()


def test_several_at_once(tmp_path):
    target = tmp_path / 'x'
    with write_whole(target) as one:
        Path(one).write_text('one')
        with write_whole(target) as two:
            Path(two).write_text('two')
        assert target.read_text() == 'two' and os.path.exists(one)
    assert target.read_text() == 'one'
    assert os.listdir(tmp_path) == ['x']


@pytest.mark.parametrize('kind', ['file', 'folder'])
def test_what_another_process_made_meanwhile_is_kept(tmp_path, kind):
    target = tmp_path / 'x'

    def write(path, text):
        if kind == 'folder':
            os.mkdir(path)
        (Path(path) / 'a' if kind == 'folder' else Path(path)).write_text(text)

    with write_whole(target, keep=True) as one:
        write(one, 'one')
        write(target, 'two')
    assert (target / 'a' if kind == 'folder' else target).read_text() == 'two'
    assert os.listdir(tmp_path) == ['x']


def test_a_lock_of_a_folder_is_of_one_process(tmp_path):
    code = (
        'import sys\n'
        'from emoreact_plugin.utils.files import FolderLock\n'
        'with FolderLock(sys.argv[1]) as lock:\n'
        '    lock.take()\n'
        '    print("taken", flush=True)\n'
        '    sys.stdin.read()\n'
    )
    command = [sys.executable, '-c', code, str(tmp_path)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == 'taken\n'
        with subprocess.Popen(command, **pipes) as second:
            assert not select.select([second.stdout], [], [], 1)[0]
            first.kill()  # it leaves no lock
            assert second.stdout.readline() == 'taken\n'
            second.stdin.close()
    assert os.listdir(tmp_path) == []


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


def test_an_error_of_writing_names_the_file(tmp_path):
    path = tmp_path / 'x.txt'
    with pytest.raises(OSError, match=f'too large.*{path}'), write_whole(path):
        raise OSError(errno.EFBIG, 'File too large')  # as of a write: without a name


def test_a_part_of_an_impossible_process_is_swept(tmp_path):
    part = part_of_an_ended_process(tmp_path, 'x')
    name = re.sub(r'-[0-9]+-', f'-{"9" * 30}-', part.name)
    (tmp_path / name).touch()
    assert sweep(tmp_path) == [name]


@pytest.mark.parametrize(
    'out, path',
    [
        ('a.png', 'a.png'),
        ('b/A.PNG', 'b/A.PNG'),
        ('a.svg', 'a.svg'),
        ('a', 'a/x.png'),
        ('run.v2', 'run.v2/x.png'),
        ('', 'x.png'),
        ('there.jpg', 'there.jpg/x.png'),
    ],
)
def test_an_output_is_a_file_only_by_its_ending(out, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'there.jpg').mkdir()
    assert output_path(out, 'x.png', '.png', '.svg') == path


def test_an_output_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r'x\.jpg: expected a folder, or .* \.png or \.svg'):
        output_path(tmp_path / 'x.jpg', 'x.png', '.png', '.svg')

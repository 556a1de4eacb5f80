import ast
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from tqdm import std

import emoreact_plugin
from emoreact_plugin.utils.progress import in_notebook, progress_bar, write_above


@pytest.fixture
def ipython(monkeypatch):
    """Return a function that replaces IPython by one with the given shell."""

    def make(shell):
        module = ModuleType('IPython')
        module.get_ipython = lambda: shell
        monkeypatch.setitem(sys.modules, 'IPython', module)

    return make


KERNEL = SimpleNamespace(config=dict(IPKernelApp=dict(connection_file='x')))
# IPython in a terminal, and IPython imported by a plain program
OTHERS = SimpleNamespace(config=dict(TerminalIPythonApp={})), None


def test_a_notebook_is_told_by_its_kernel(ipython, monkeypatch):
    monkeypatch.delitem(sys.modules, 'IPython', raising=False)
    assert not in_notebook()
    ipython(KERNEL)
    assert in_notebook()
    for shell in OTHERS:
        ipython(shell)
        assert not in_notebook()


def test_a_bar_in_a_notebook(ipython, capsys):
    ipython(KERNEL)  # its standard error is no terminal, as here
    assert list(progress_bar('ab', 'reading', unit='clip')) == ['a', 'b']
    assert 'reading: 100%' in capsys.readouterr().err
    list(progress_bar('ab', 'reading', shown=False))
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize('shell', OTHERS, ids=['terminal', 'none'])
def test_no_bar_in_a_log(shell, ipython, capsys):
    ipython(shell)
    assert list(progress_bar('ab', 'reading')) == ['a', 'b']
    with progress_bar(total=2) as bar:
        bar.set_postfix_str('x')
        write_above('a line')
    assert capsys.readouterr() == ('a line\n', '')


def test_long_work_prints_lines_in_a_log(ipython, capsys, monkeypatch):
    ipython(None)
    now = [1000.0]
    monkeypatch.setattr(std, 'time', lambda: now[0])
    for _ in progress_bar(range(10), 'reading', unit='clip'):
        now[0] += 12
    # After 24, 48, ... seconds: not before 20 s, and not oftener than that.
    assert capsys.readouterr().err.splitlines() == [
        'reading: 2 of 10 clips, 01:36 left',
        'reading: 4 of 10 clips, 01:12 left',
        'reading: 6 of 10 clips, 00:48 left',
        'reading: 8 of 10 clips, 00:24 left',
        'reading: 10 of 10 clips, 00:00 left',
    ]


def test_lines_in_a_log_tell_the_time_left_once_it_is_known(ipython, capsys, monkeypatch):
    ipython(None)
    now = [1000.0]
    monkeypatch.setattr(std, 'time', lambda: now[0])
    with progress_bar(total=200, desc='reading', unit='clip') as outer:
        now[0] += 30
        outer.refresh()
        for n in (3, 1):
            now[0] += 30
            outer.update(n)
            outer.refresh()
        with progress_bar(total=2, desc='drawing') as inner:  # below the other one
            now[0] += 30
            inner.update(1)
    assert capsys.readouterr().err.splitlines() == [
        'reading: 0 of 200 clips',
        'reading: 3 of 200 clips',
        'reading: 4 of 200 clips, 1:13:30 left',
        'drawing: 1 of 2 its, 00:30 left',
    ]


def test_a_bar_in_a_terminal(ipython, capsys, monkeypatch):
    ipython(None)
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    list(progress_bar('ab', 'reading'))
    list(progress_bar('ab', 'nothing', shown=False))
    assert 'reading' in (err := capsys.readouterr().err)
    assert 'nothing' not in err


def test_the_whole_package_uses_it():
    package = Path(emoreact_plugin.__file__).parent
    found = [
        path.name
        for path in sorted(package.rglob('*.py'))
        if '.mim' not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] == 'tqdm'
    ]
    assert set(found) == {'progress.py'}

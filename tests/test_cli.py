"""The command `emoreact`: as in an installed wheel, from any folder."""

import subprocess
import sys
from pathlib import Path

import pytest

import emoreact_cli
from tests.factories import ROOT


def run(*arguments, folder):
    command = [sys.executable, '-c', 'import emoreact_cli; emoreact_cli.main()', *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env())


def env():
    import os

    return dict(os.environ, PYTHONPATH=str(ROOT))


def test_help_lists_every_tool(tmp_path):
    done = run('--help', folder=tmp_path)
    assert done.returncode == 0
    for path in (ROOT / 'tools').glob('*.py'):
        assert f'  {path.stem.replace("_", "-")} ' in done.stdout


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        'import sys, emoreact_cli; sys.argv = ["emoreact"]; emoreact_cli.main(); '
        'assert not {"torch", "numpy", "emoreact_plugin"} & set(sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env())
    assert done.returncode == 0, done.stderr


def test_a_wrong_command_names_the_near_ones(tmp_path):
    done = run('trane', folder=tmp_path)
    assert done.returncode == 1 and 'train' in done.stderr


@pytest.mark.parametrize('name', ['sample/fusion.py', 'fusion', 'sample/fusion'])
def test_a_config_is_found_by_its_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = emoreact_cli.installed_folder()
    found = Path(emoreact_cli.find_config(folder, name))
    assert found.read_text() == (ROOT / 'configs' / 'sample' / 'fusion.py').read_text()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert emoreact_cli.find_config(folder, name) == name  # a file of one's own comes first

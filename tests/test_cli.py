"""The command `emoreact`: as in an installed wheel, from any folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import emoreact_cli
from emoreact_plugin.engine import training
from emoreact_plugin.evaluation import fuse
from emoreact_plugin.experiments import rows as rows_module
from emoreact_plugin.experiments import run_folders
from emoreact_plugin.explanation import cam
from emoreact_plugin.preparation import crops
from emoreact_plugin.preparation.mediapipe import people
from emoreact_plugin.recipes import edits, options
from emoreact_plugin.transforms.masks import shapes
from emoreact_plugin.weights import load_weights
from tests.factories import ROOT


def run(*arguments, folder):
    command = [sys.executable, '-c', 'import emoreact_cli; emoreact_cli.main()', *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env())


def env():
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


def tool_help(name):
    """Return what --help of a tool says where nothing but the standard library can be imported."""
    code = (
        'import runpy, sys\n'
        'for name in ("torch", "numpy", "mmengine", "mmaction", "cv2", "emoreact_plugin"):\n'
        '    sys.modules[name] = None\n'
        'sys.argv = [sys.argv[1], "--help"]\n'
        'runpy.run_path(sys.argv[0], run_name="__main__")'
    )
    path = ROOT / 'tools' / f'{name}.py'
    command = [sys.executable, '-c', code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(env(), COLUMNS='999'))
    assert done.returncode == 0, done.stderr
    return done.stdout


CHOICES = {
    'browse_dataset': {'--split': edits.SPLITS},
    'check_dataset': {},
    'convert_checkpoint': {'--may-miss': load_weights.PARTS},
    'demo': {'--mask-kind': [*shapes.KINDS, 'random']},
    'doctor': {},
    'export_onnx': {},
    'extract_frames': {'--mask-kind': [*shapes.KINDS, 'random']},
    'extract_landmarks': {'--person': [*people.CHOICES, people.ALL]},
    'fuse_scores': {'--average': fuse.AVERAGES},
    'make_folds': {},
    'make_sample_dataset': {},
    'plot_roc': {},
    'prepare_emoreact': {},
    'reproduce_table': {},
    'score_priors': {},
    'test': {'--split': edits.SPLITS},
    'train': {
        '--num-segments': options.CHOICES['num_segments'],
        '--arch': options.CHOICES['arch'],
        '--shift-div': options.CHOICES['shift_div'],
        '--select': training.SELECT,
    },
    'visualize_cam': {'--method': cam.METHODS},
}


def test_every_tool_is_tried():
    assert set(CHOICES) == {path.stem for path in (ROOT / 'tools').glob('*.py')}


@pytest.mark.parametrize('name', CHOICES)
def test_help_needs_the_standard_library_only_and_names_the_choices(name):
    text = tool_help(name)
    for flag, choices in CHOICES[name].items():
        found = re.search(rf'^  (?:[^ ]+ )?{flag}\b.*? \{{(.*?)\}}', text, re.M)
        assert found and found[1].split(',') == [str(each) for each in choices], (flag, text)


def test_the_other_values_of_the_package_are_named_in_help():
    inputs = re.search(r'--input ([^ ]+)', tool_help('train'))[1]
    assert inputs.split('|')[:-1] == list(options.INPUTS)
    rows = re.search(r'--rows .*? of (.*?), config files', tool_help('reproduce_table'))[1]
    assert rows.split(', ') == list(rows_module.GROUPS)
    assert f'default: {fuse.STEP})' in tool_help('fuse_scores')
    assert f'default: {run_folders.DUMP})' in tool_help('plot_roc')
    frames = tool_help('extract_frames')
    assert f'default: {crops.CROP_SIZE})' in frames
    assert all(name in shapes.COLORS for name in ('lightblue', 'white', 'pink'))

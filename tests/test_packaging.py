"""What a wheel and an editable install carry, and what they leave behind."""

import ast
import json
import os
import os.path as osp
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
# place in the package -> place in the checkout
PARTS = {
    '.mim/configs': 'configs',
    '.mim/tools': 'tools',
    '.mim/model-index.yml': 'model-index.yml',
    'configs/_base_': 'configs/_base_',
}

if not osp.exists(osp.join(ROOT, 'setup.py')):
    pytest.skip('not a source tree', allow_module_level=True)


def files_of(folder):
    """Relative paths of everything below, links not followed."""
    found = set()
    for base, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f != '__pycache__']
        links = [f for f in folders if osp.islink(osp.join(base, f))]
        for name in names + links:
            found.add(osp.relpath(osp.join(base, name), folder))
    return found


def clone(folder):
    """Copy the checkout, as a fresh clone would be."""
    copy = folder / 'clone'
    copy.mkdir()
    for name in ('emoreact_plugin', 'configs', 'tools'):
        shutil.copytree(
            osp.join(ROOT, name),
            copy / name,
            # `configs` in the package: links of an editable install
            ignore=shutil.ignore_patterns('__pycache__', '*.pyc', '.mim', 'configs'),
        )
    for name in os.listdir(ROOT):
        if osp.isfile(osp.join(ROOT, name)):
            shutil.copy(osp.join(ROOT, name), copy)
    return copy


@pytest.fixture
def tree(tmp_path):
    return clone(tmp_path)


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """Build a wheel once: the tree, its files before that, and the wheel."""
    folder = tmp_path_factory.mktemp('built')
    tree = clone(folder)
    return tree, files_of(tree), build(tree, 'build_wheel', folder / 'out')


def build(tree, hook, out):
    """Call one hook of setuptools' build backend, as pip does."""
    pytest.importorskip('setuptools', '64', 'needs setuptools >= 64')
    out.mkdir()
    code = (
        f'import setuptools.build_meta as backend\nbackend.get_requires_for_{hook}()\n'
        f'print(backend.{hook}({str(out)!r}))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.strip().splitlines()[-1]


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def expected_parts(tree):
    expected = {'emoreact_plugin/.mim/model-index.yml'}
    for place, part in PARTS.items():
        expected |= {
            f'emoreact_plugin/{place}/{name}'
            for name in files_of(tree / part)
            if not name.startswith('dev/')  # for whoever works on the project
        }
    return expected


def parts_in(wheel):
    return {
        name
        for name in names_in(wheel)
        if name.startswith(('emoreact_plugin/.mim/', 'emoreact_plugin/configs/'))
    }


def test_wheel_carries_configs_and_tools_and_leaves_no_junk(built):
    tree, before, wheel = built
    assert files_of(tree) == before
    names = names_in(wheel)
    assert parts_in(wheel) == expected_parts(tree)
    modules = {f'emoreact_plugin/{n}' for n in files_of(tree / 'emoreact_plugin')}
    assert modules <= names
    assert not any(n.startswith(('tests/', 'configs/')) for n in names)
    assert any(n.endswith('LICENSE') for n in names)


def test_wheel_from_a_source_distribution_is_the_same(built, tmp_path):
    tree, _, wheel = built
    sdist = build(tree, 'build_sdist', tmp_path / 'out2')
    shutil.unpack_archive(sdist, tmp_path / 'unpacked')
    (unpacked,) = (tmp_path / 'unpacked').iterdir()
    again = build(unpacked, 'build_wheel', tmp_path / 'out3')
    assert names_in(again) == names_in(wheel)


def test_editable_install_links_to_the_checkout(tree, tmp_path):
    before = files_of(tree)
    for attempt in ('first', 'second'):  # and again over the first
        build(tree, 'build_editable', tmp_path / attempt)
        added = files_of(tree) - before
        assert added == {f'emoreact_plugin/{place}' for place in PARTS}
        for place, part in PARTS.items():
            link = tree / 'emoreact_plugin' / place
            assert link.resolve() == (tree / part).resolve()
    # a wheel built afterwards holds copies, each once
    wheel = build(tree, 'build_wheel', tmp_path / 'out')
    assert parts_in(wheel) == expected_parts(tree)


def test_incomplete_tree_is_refused(tree, tmp_path):
    shutil.rmtree(tree / 'configs')
    with pytest.raises(AssertionError, match='configs is missing'):
        build(tree, 'build_wheel', tmp_path / 'out')


def test_mim_finds_each_config_once(built):
    """It looks for the file name in the whole package."""
    names = Counter(osp.basename(name) for name in names_in(built[2]))
    configs = [
        osp.basename(name)
        for name in parts_in(built[2])
        if re.search(r'/configs/(?!_base_).*\.py$', name)
    ]
    assert len(configs) > 20
    assert not [name for name in configs if names[name] > 1]


@pytest.fixture(scope='module')
def site(built, tmp_path_factory):
    """Unpack the wheel into a folder, which stands for an installation."""
    folder = tmp_path_factory.mktemp('site')
    shutil.unpack_archive(built[2], folder, 'zip')
    return folder


def test_installed_configs_are_found_by_name_and_the_command_runs_with_them(site, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text(
        "_base_ = 'emoreact_plugin::sample/fusion.py'\nmodel = dict(threshold=0.25)\n"
    )
    code = (
        'import sys, emoreact_plugin\n'
        'from mmengine.config import Config\n'
        'from mmengine.registry import init_default_scope\n'
        'from mmaction.registry import MODELS, VISUALIZERS\n'
        'assert emoreact_plugin.__file__.startswith(sys.argv[2])\n'
        'cfg = Config.fromfile(sys.argv[1])\n'
        'init_default_scope(cfg.default_scope)\n'
        # what is built tells whether the parts are found
        'VISUALIZERS.build(dict(cfg.visualizer, name="x"))\n'
        'print(MODELS.build(cfg.model).threshold)\n'
        # the command, which runs a tool of the wheel with a config of the wheel
        'import emoreact_cli\n'
        'assert emoreact_cli.__file__.startswith(sys.argv[2])\n'
        'sys.argv = ["emoreact", "train", "sample/fusion.py", "--print-config", "whole.py"]\n'
        'emoreact_cli.main()'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(config), str(site)],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(site)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == '0.25'
    assert "type='LateFusionRecognizer'" in (tmp_path / 'whole.py').read_text()


# What makes a small model of the published one, and what trains it for an epoch.
SMALL = """
model.update(streams=('face',), start_weights=None)
model.recognizer.backbone.update(
    depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)
)
model.recognizer.cls_head.in_channels = 64
recipe.update(input='face')
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.update(num_workers=0, persistent_workers=False)
    loader.dataset.data_root = {root!r}
train_cfg.max_epochs = 1
del loader
"""
FIND_SPEC = """
_base_ = (
    __import__('importlib.util', fromlist=['find_spec'])
    .find_spec('emoreact_plugin')
    .submodule_search_locations[0]
    + '/.mim/configs/emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py'
)
model, recipe, train_cfg = _base_.model, _base_.recipe, _base_.train_cfg
train_dataloader = _base_.train_dataloader
val_dataloader, test_dataloader = _base_.val_dataloader, _base_.test_dataloader
"""
READ_BASE = """
from mmengine.config import read_base

with read_base():
    from emoreact_plugin.configs._base_.datasets.emoreact_face import *
    from emoreact_plugin.configs._base_.default_runtime import *
    from emoreact_plugin.configs._base_.models.tsn_r50 import *
    from emoreact_plugin.configs._base_.schedules.sgd_12e import *
"""


@pytest.mark.parametrize('base', [FIND_SPEC, READ_BASE], ids=['find_spec', 'read_base'])
def test_mmaction2s_tool_trains_on_installed_configs(site, tiny, tmp_path, base):
    """In a new process, which has not imported this package when it reads the config."""
    import mmaction

    config = tmp_path / 'mine.py'
    config.write_text(base + SMALL.format(root=str(tiny.root)))
    tool = osp.join(mmaction.__path__[0], '.mim', 'tools', 'train.py')
    done = subprocess.run(
        [sys.executable, tool, str(config), '--work-dir', str(tmp_path / 'run')],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(site)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
    assert set(metrics['results']) == {'val', 'test'}


def read(name):
    with open(osp.join(ROOT, name), encoding='utf-8') as file:
        return file.read()


def requirements():
    for node in ast.parse(read('setup.py')).body:
        name = getattr(getattr(node, 'targets', [None])[0], 'id', '')
        if name == 'INSTALL_REQUIRES':
            return [Requirement(line) for line in ast.literal_eval(node.value)]
    raise LookupError('INSTALL_REQUIRES')


def test_tested_versions_are_exact_and_within_the_ranges():
    lines = [
        line
        for line in read('requirements-tested.txt').splitlines()
        if line and not line.startswith('#')
    ]
    pins = {}
    for line in lines:
        assert re.fullmatch(r'[\w.-]+==[\w.]+', line), line
        name, version = line.split('==')
        pins[name.lower()] = version
    assert len(pins) == len(lines)
    assert not any(n.startswith(('nvidia', 'cuda', 'triton')) for n in pins)
    for requirement in requirements():
        assert requirement.specifier.contains(pins[requirement.name]), requirement
    # one version for the wheels that share a folder
    assert len({v for n, v in pins.items() if n.startswith('opencv')}) == 1


def test_one_version_everywhere():
    import emoreact_plugin
    from emoreact_plugin.version import __version__

    assert emoreact_plugin.__version__ == __version__
    assert f'\nversion: {__version__}\n' in read('CITATION.cff')

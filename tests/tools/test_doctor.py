"""tools/doctor.py on healthy, broken and empty environments."""

import importlib.util
import os.path as osp
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests import factories
from tests.factories import load_tool

ROOT = str(factories.ROOT)
SCRIPT = osp.join(ROOT, 'tools', 'doctor.py')


@pytest.fixture
def doctor():
    return load_tool('doctor')


OPENCV = ('opencv-python', 'opencv-contrib-python', 'opencv-python-headless')
HEALTHY = {
    'emoreact_plugin': '0.1.0',
    'av': '18.1.0',
    'filelock': '4.2.11',
    'safetensors': '0.8.0',
    'grad-cam': '1.5.7',
    'importlib_metadata': '10.2.0',
    'matplotlib': '3.11.2',
    'mmaction2': '1.2.0',
    'mmcv-lite': '2.1.0',
    'mmengine': '0.10.7',
    'numpy': '2.4.6',
    'pillow': '13.0.0',
    'scikit-learn': '1.9.1',
    'scipy': '1.17.1',
    'setuptools': '81.0.0',
    'simplejpeg': '1.9.0',
    'torch': '2.15.0',
    'torchvision': '0.29.2',
    'tqdm': '4.70.1',
    **dict.fromkeys(OPENCV, '5.0.0.93'),
}


@pytest.fixture
def run_doctor(doctor, monkeypatch, capsys):
    """Return a function that runs it on a faked environment: (exit code, what it printed)."""
    check_imports = doctor.check_imports

    def run(changes=None, imports=lambda code: (True, ''), needs=()):
        have = dict(HEALTHY, **(changes or {}))
        have = {k: v for k, v in have.items() if v is not None}
        monkeypatch.setattr(doctor, 'versions', lambda: have)
        monkeypatch.setattr(doctor, 'run', imports)
        monkeypatch.setattr(doctor.metadata, 'requires', lambda name: list(needs))
        monkeypatch.setattr(doctor, 'check_imports', lambda h, w: check_imports(h, w, imports))
        monkeypatch.setattr(doctor, 'check_package', lambda have: [])
        return doctor.main(), capsys.readouterr().out

    return run


def pip(*words):
    return ' '.join([sys.executable, '-m', 'pip', *words])


def test_healthy_environment(run_doctor):
    from emoreact_plugin.compat import apply

    code, out = run_doctor()
    assert code == 0, out
    assert out.rstrip().endswith('All is well.')
    for name in apply():
        assert f'\n  {name} ' in out
    assert 'torch 2.15.0\n' in out


@pytest.mark.parametrize(
    'changes, text, command',
    [
        (
            {'opencv-python': '4.11.0.86'},
            'OpenCV wheels of different versions share one folder',
            pip(
                'install',
                '--force-reinstall',
                '--no-deps',
                *[f'{name}==4.11.0.86' for name in sorted(OPENCV)],
            ),
        ),
        (
            {'mmcv': '2.1.0'},
            'mmcv 2.1.0 and mmcv-lite 2.1.0 are both installed',
            pip('uninstall', '-y', 'mmcv', 'mmcv-lite')
            + ' && '
            + pip('install', 'mmcv-lite==2.1.0'),
        ),
        (
            {'mmcv-lite': '2.2.0'},
            'mmcv-lite is 2.2.0; MMAction2 1.2.0 takes 2.0 and 2.1',
            pip('uninstall', '-y', 'mmcv', 'mmcv-lite')
            + ' && '
            + pip('install', 'mmcv-lite==2.1.0'),
        ),
        ({'mmcv-lite': None}, 'mmcv is not installed', pip('install', 'mmcv-lite==2.1.0')),
        (
            {'scikit-learn': None, 'torch': '2.5.1'},
            'scikit-learn is not installed; torch is 2.5.1; expected >=2.6,<2.16',
            pip('install', '"scikit-learn>=1.4,<2"', '"torch>=2.6,<2.16"'),
        ),
        (
            {'emoreact_plugin': None, 'torch': None, 'av': None},
            'emoreact_plugin is not installed, nor what it needs: av, torch',
            pip('install', '-e', ROOT),
        ),
    ],
)
def test_each_problem_has_its_command(run_doctor, changes, text, command):
    code, out = run_doctor(changes)
    assert code == 1
    assert '1 problem:' in out
    assert text in out
    assert out.rstrip().endswith('   ' + command)


def test_full_mmcv_will_do(run_doctor):
    code, out = run_doctor({'mmcv': '2.1.0', 'mmcv-lite': None})
    assert code == 0, out


@pytest.mark.parametrize(
    'need, fits', [('torch (==2.14.1)', False), ('torch==2.15.0', True), ('torch (>=2.14.0)', True)]
)
def test_torch_and_torchvision_belong_together(run_doctor, doctor, monkeypatch, need, fits):
    monkeypatch.setattr(doctor, 'try_it', lambda: None)
    code, out = run_doctor(needs=['numpy', need, 'torch-x==1; extra == "x"'])
    assert code == (0 if fits else 1), out
    assert ('torchvision 0.29.2 needs torch ==2.14.1; found 2.15.0' in out) == (not fits)


def test_torchvision_ops_that_do_not_load(run_doctor):

    def imports(code):
        broken = 'torchvision' in code
        return not broken, 'RuntimeError: operator torchvision::nms'

    code, out = run_doctor(imports=imports)
    assert code == 1
    assert 'torchvision does not work: RuntimeError: operator' in out
    assert out.rstrip().endswith(
        pip('install', '--force-reinstall', '--no-deps', 'torch==2.15.0', 'torchvision==0.29.2')
    )
    # a build that PyPI does not have, beside a torchvision of PyPI
    _, out = run_doctor({'torch': '2.15.0+cpu'}, imports)
    assert out.rstrip().endswith(
        'torch==2.15.0+cpu torchvision==0.29.2+cpu --index-url https://download.pytorch.org/whl/cpu'
    )


def test_extras_that_do_not_fit_each_other(run_doctor):
    there = {'tensorboard': '2.21.0', 'ai-edge-litert': '2.3.0'}

    def imports(code):
        return 'tensorboard' not in code, 'ImportError: runtime_version'

    code, out = run_doctor(there, imports)
    assert code == 1
    assert 'tensorboard does not work: ImportError: runtime_version' in out
    assert out.rstrip().endswith(pip('install', '--upgrade', 'tensorboard', 'ai-edge-litert'))
    assert run_doctor(there)[0] == 0
    assert run_doctor(imports=imports)[0] == 0  # nothing of it is installed


def test_a_folder_is_checked_instead_of_the_installation(doctor, tmp_path, capsys):
    assert doctor.main([str(tmp_path / 'none')]) == 1
    assert capsys.readouterr().out == f'{tmp_path / "none"}: no such folder\n'


def test_landmarks_without_model_files(run_doctor, doctor):

    def imports(code):
        return 'LandmarkModels' not in code, 'a.b.MissingPackageError: finding landmarks needs ...'

    code, out = run_doctor({'ai-edge-litert': '2.3.0'}, imports)
    assert code == 1
    assert 'landmarks cannot be found without model files' in out
    assert '--upgrade' not in out
    assert doctor.models_command((3, 12)) == pip('install', 'mediapipe==0.10.14')
    command = doctor.models_command((3, 13))
    assert command.startswith(pip('install', '--no-deps', '--only-binary=:all:'))
    assert 'EMOREACT_LANDMARK_MODELS=' in command


@pytest.mark.parametrize(
    'version, fine', [((3, 9), False), ((3, 10), True), ((3, 13), True), ((3, 14), False)]
)
def test_python_range(doctor, version, fine):
    problems = doctor.check_python(version)
    assert (problems == []) == fine
    if not fine:
        assert 'this is Python {}.{}'.format(*version) in problems[0].text
        assert 'venv' in problems[0].command


def test_package_that_is_not_installed(doctor, monkeypatch):
    (problem,) = doctor.check_package({})
    assert problem.text == 'emoreact_plugin is not installed'
    assert problem.command == pip('install', '-e', ROOT)


def test_package_without_its_configs(doctor, monkeypatch, tmp_path):
    package = tmp_path / 'emoreact_plugin'
    (package / '.mim' / 'tools').mkdir(parents=True)
    (package / '.mim' / 'model-index.yml').write_text('')
    spec = importlib.util.spec_from_file_location('emoreact_plugin', package / '__init__.py')
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    (problem,) = doctor.check_package({'emoreact_plugin': '0.1.0'})
    assert problem.text == f'{package} has no .mim/configs, configs/_base_'
    assert problem.command == pip('install', '-e', ROOT)
    (package / '.mim' / 'configs').mkdir()
    (package / 'configs').mkdir()  # as an install that was updated has it; its link leads nowhere
    (package / 'configs' / '_base_').symlink_to('gone')
    (problem,) = doctor.check_package({'emoreact_plugin': '0.1.0'})
    assert problem.text.endswith(' has no configs/_base_')
    (package / 'configs' / '_base_').unlink()
    (package / 'configs' / '_base_').mkdir()
    assert doctor.check_package({'emoreact_plugin': '0.1.0'}) == []


def test_a_failure_after_the_checks_is_reported(run_doctor, doctor, monkeypatch):

    def broken():
        raise ImportError('no such thing')

    monkeypatch.setattr(doctor, 'try_it', broken)
    code, out = run_doctor()
    assert code == 1
    assert 'does not work: ImportError: no such thing' in out
    monkeypatch.setenv('EMOREACT_NO_COMPAT', '1')
    code, out = run_doctor()
    assert out.rstrip().endswith('unset EMOREACT_NO_COMPAT')


def test_empty_environment():
    """A real interpreter that sees nothing but the standard library."""
    done = subprocess.run(
        [sys.executable, '-S', '-E', SCRIPT], capture_output=True, text=True, cwd=osp.dirname(ROOT)
    )
    assert done.returncode == 1
    assert done.stderr == ''
    assert 'emoreact_plugin is not installed, nor what it needs' in done.stdout
    assert f'-m pip install -e {ROOT}' in done.stdout


@pytest.mark.parametrize(
    'ranges', ['>=2.6,<2.16', '==2.1.0', '<82', '>=2.0.0,<2.2', '!=2.1', '~=3.9.0', '>1,<=2.6']
)
@pytest.mark.parametrize(
    'version',
    [
        '2.6',
        '2.6.0',
        '2.15.1',
        '2.16.0',
        '2.5.9',
        '2.1.0',
        '2.1',
        '81.0.0',
        '82',
        '3.9.4',
        '3.10',
        '2.10.0',
    ],
)
def test_ranges_as_pip_reads_them(doctor, version, ranges):
    assert doctor.fits(version, ranges) == SpecifierSet(ranges).contains(version)


def test_build_tags_are_left_out(doctor):
    assert doctor.parse('2.13.0+cu121') == (2, 13, 0)
    assert doctor.fits('2.13.0+cpu', '==2.13.0')


def test_requirements_are_those_of_setup(doctor):
    spec = importlib.util.spec_from_file_location('setup_of_plugin', osp.join(ROOT, 'setup.py'))
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    parsed = [Requirement(line) for line in setup.INSTALL_REQUIRES]
    assert {k: SpecifierSet(v) for k, v in doctor.requirements().items()} == {
        r.name: r.specifier for r in parsed
    }


def test_every_requirement_is_looked_for(doctor):
    assert set(doctor.requirements()) <= set(doctor.SHOWN)

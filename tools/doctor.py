"""Check this Python's installation, and say how to repair it.

    python tools/doctor.py [RUN_OR_DATA ...]

It prints the versions that matter and every problem with the exact command that repairs it. If
there is no problem, it prints which upstream faults emoreact_plugin repairs on import, and whether
a small recognizer runs. With folders, work dirs of trainings or folders of data sets, it checks
these instead. The exit code is 1 if something is wrong, else 0.

Only the standard library is used until the checks have passed, so that this runs in the broken
environment that it is meant for.
"""

import argparse
import ast
import contextlib
import operator
import os
import os.path as osp
import re
import subprocess
import sys
from importlib import metadata, util
from typing import NamedTuple

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
SETUP = osp.join(ROOT, 'setup.py')
PYTHON = ((3, 10), (3, 14))  # from, below
MODELS = 'mediapipe==0.10.14'  # the last release that holds them
SHOWN = """
    emoreact_plugin torch torchvision mmengine mmcv-lite mmcv mmaction2
    opencv-python opencv-contrib-python opencv-python-headless opencv-contrib-python-headless
    grad-cam scikit-learn scipy av numpy matplotlib pillow importlib_metadata tqdm setuptools
    tensorboard ai-edge-litert mediapipe onnx onnxruntime protobuf filelock safetensors
    simplejpeg
""".split()  # noqa: SIM905  a list would take a line each

# What tells whether a package of the extras works: it may be left with a wrong version of protobuf.
EXTRAS = {
    'tensorboard': 'import torch.utils.tensorboard',
    'onnx': 'import onnx',
    'ai-edge-litert': 'from emoreact_plugin.preparation.mediapipe.models import LandmarkModels; '
    'LandmarkModels().close()',
    'onnxruntime': 'import onnxruntime, onnx.helper as h; v = h.make_tensor_value_info; '
    'g = h.make_graph([h.make_node("Abs", "x", "y")], "", [v("x", 1, [1])], [v("y", 1, [1])]); '
    'm = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8); '
    'onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])',
}

# Run in a process of their own: a broken binary may end the process.
PROBES = {
    'torch': 'import torch',
    'torchvision': 'import torch, torchvision; '
    'torchvision.ops.nms(torch.tensor([[0., 0., 1., 1.]]), torch.ones(1), 0.5)',
    'cv2': 'import cv2, numpy; cv2.resize(numpy.zeros((2, 2, 3), "uint8"), (4, 4)); '
    'cv2.VideoCapture',
    'numpy': 'import numpy; numpy.zeros(1).sum()',
    'av': 'import av; av.open',
    'simplejpeg': 'import simplejpeg; simplejpeg.decode_jpeg',
    'sklearn': 'import sklearn.metrics',
    'pytorch_grad_cam': 'import pytorch_grad_cam',
    'matplotlib': 'import matplotlib',
    'PIL': 'import PIL.Image',
    'importlib_metadata': 'import importlib_metadata',
    'mmengine': 'import mmengine.runner',
    'mmcv': 'import mmcv.transforms',
}
# Module -> packages, where they have other names.
OWNERS = {
    'torchvision': ('torch', 'torchvision'),
    'sklearn': ('scikit-learn',),
    'PIL': ('pillow',),
    'pytorch_grad_cam': ('grad-cam',),
}
GPU_PROBE = (
    'import torch; n = torch.cuda.device_count(); print(", ".join(map(torch.cuda.get_device_name, '
    'range(n))) or "none", "(torch is built for CUDA %s)" % torch.version.cuda)'
)
COMPARE = {
    '==': operator.eq,
    '!=': operator.ne,
    '>=': operator.ge,
    '<=': operator.le,
    '~=': operator.ge,
    '>': operator.gt,
    '<': operator.lt,
}


class Problem(NamedTuple):
    """A problem of an installation, and the command that repairs it."""

    text: str
    command: str


def pip(*words):
    """Make a pip command for the Python that runs this."""
    quoted = (f'"{w}"' if re.search(r'[<>!\[ ]', w) else w for w in words)
    return ' '.join((sys.executable, '-m', 'pip', *quoted))


def parse(version):
    """Parse the leading digits and dots of a version: '2.10.1+cu121' -> (2, 10, 1)."""
    return tuple(int(n) for n in re.match(r'[\d.]*', version).group().split('.') if n)


def fits(version, ranges):
    """Tell whether a version lies in ranges like '>=2.6,<3' or '(==2.6.0)'."""
    zeros = (0,) * 9
    have = (*parse(version), *zeros)[:9]
    for sign, text in re.findall(r'([=!<>~]=|[<>])\s*([^\s,()]+)', ranges):
        want = parse(text)
        if '*' in text:
            continue
        if not COMPARE[sign](have, (*want, *zeros)[:9]):
            return False
        if sign == '~=' and have[: len(want) - 1] != want[:-1]:
            return False
    return True


def versions():
    """Map each package of SHOWN that is installed to its version."""
    found = {}
    for name in SHOWN:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def requirements():
    """Map each package that is needed to its version ranges, by setup.py or as installed."""
    lines = []
    if osp.exists(SETUP):
        with open(SETUP, encoding='utf-8') as file:
            found = re.search(r'^INSTALL_REQUIRES = (\[.*?^\])', file.read(), re.M | re.S)
        lines = ast.literal_eval(found[1])
    elif 'emoreact_plugin' in versions():
        lines = metadata.requires('emoreact_plugin') or []
    split = (re.match(r'([\w.-]+)\s*([^;]*)', each) for each in lines if 'extra ==' not in each)
    return {name: ranges.strip('() ') for name, ranges in (each.groups() for each in split)}


def install_command():
    """Return the command that installs emoreact_plugin and all that it needs."""
    return pip('install', '-e', ROOT) if osp.exists(SETUP) else pip('install', 'emoreact_plugin')


def check_python(version=None):
    """Check the version of Python."""
    major, minor = tuple(version or sys.version_info)[:2]
    if PYTHON[0] <= (major, minor) < PYTHON[1]:
        return []
    command = f'python3.11 -m venv .venv && .venv/bin/python -m pip install -e "{ROOT}"'
    return [Problem(f'this is Python {major}.{minor}; expected 3.10 to 3.13', command)]


def check_mmcv(have):
    """Check that one of mmcv and mmcv-lite is installed, in a version that MMAction2 takes.

    Both own the same folder, so they exclude each other. MMAction2 takes 2.0 and 2.1.
    """
    right = pip('install', 'mmcv-lite==2.1.0')
    again = pip('uninstall', '-y', 'mmcv', 'mmcv-lite') + ' && ' + right
    found = [name for name in ('mmcv', 'mmcv-lite') if name in have]
    if not found:
        return [Problem('mmcv is not installed', right)]
    if len(found) == 2:
        both = ' and '.join(f'{name} {have[name]}' for name in found)
        return [Problem(f'{both} are both installed and share one folder', again)]
    version = have[found[0]]
    if not fits(version, '>=2.0.0,<2.2'):
        return [Problem(f'{found[0]} is {version}; MMAction2 1.2.0 takes 2.0 and 2.1', again)]
    return []


def check_opencv(have):
    """Check that all OpenCV wheels have the same version.

    They all write into one folder: the last one installed wins.
    """
    wheels = {name: have[name] for name in sorted(have) if name.startswith('opencv')}
    if len(set(wheels.values())) < 2:
        return []
    # The newest is not always out for all of them.
    oldest = min(wheels.values(), key=parse)
    exact = [f'{name}=={oldest}' for name in wheels]
    text = ', '.join(f'{name} {version}' for name, version in wheels.items())
    command = pip('install', '--force-reinstall', '--no-deps', *exact)
    return [Problem(f'OpenCV wheels of different versions share one folder: {text}', command)]


def check_ranges(have, wanted):
    """Find packages that are missing or outside their ranges, with one command for all."""
    bad = {}
    for name, ranges in sorted(wanted.items()):
        if name == 'mmcv-lite':
            continue  # check_mmcv knows the alternatives
        if name not in have:
            bad[name] = f'{name} is not installed'
        elif not fits(have[name], ranges):
            bad[name] = f'{name} is {have[name]}; expected {ranges}'
            if name == 'setuptools':
                bad[name] += " (mmengine's pkg_resources, under MMAction2's own tools)"
    if not bad:
        return []
    return [Problem('; '.join(bad.values()), pip('install', *[n + wanted[n] for n in bad]))]


def check_metadata(have):
    """Check what the installed parts say that they need of each other.

    So torchvision names the torch that it was built against, and mediapipe its protobuf.
    """
    problems = []
    for name in have:
        for line in metadata.requires(name) or []:
            match = re.fullmatch(r'([\w.-]+)\s*\(?([<>=!~][^;]*?)\)?\s*', line)  # no markers
            needed = match and match[1].replace('_', '-').lower()
            if needed in have and not fits(have[needed], match[2]):
                text = f'{name} {have[name]} needs {needed} {match[2]}; found {have[needed]}'
                both = ['torch', 'torchvision'] if name == 'torchvision' else [needed + match[2]]
                problems.append(Problem(text, pip('install', '--upgrade', *both)))
    return problems


def run(code):
    """Run code in a process of its own.

    Return whether it worked, and what it printed or the last line of its error.
    """
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, encoding='utf-8', errors='replace'
    )
    if done.returncode == 0:
        return True, done.stdout.strip()
    return False, (done.stderr.strip().splitlines() or [f'exit code {done.returncode}'])[-1]


def check_imports(have, wanted, probe=run):
    """Import every part, since a wheel may be there while its library is broken."""
    if probe('\n'.join(PROBES.values()))[0]:
        return []  # one process for all, where nothing is wrong
    for module, code in PROBES.items():
        worked, text = probe(code)
        if not worked:
            names = OWNERS.get(module, (module,))
            if module in ('cv2', 'mmcv'):
                start = 'opencv' if module == 'cv2' else 'mmcv'
                names = [name for name in sorted(have) if name.startswith(start)]
            exact = [f'{n}=={have[n]}' if n in have else n + wanted.get(n, '') for n in names]
            build = re.search(r'[+](cpu|cu[0-9]+)$', have.get('torch', ''))
            if module == 'torchvision' and build:  # PyPI has no such build of torch
                exact = [n if '+' in n else n + build[0] for n in exact]
                exact += ['--index-url', f'https://download.pytorch.org/whl/{build[1]}']
            # only the first: most of the others would fail because of it
            return [
                Problem(
                    f'{module} does not work: {text}',
                    pip('install', '--force-reinstall', '--no-deps', *exact),
                )
            ]
    return []


def check_extras(have):
    """Check that the extras work, since those installed one after the other may not fit."""
    there = [name for name in EXTRAS if name in have]
    for name in there:
        worked, text = run(EXTRAS[name])
        if not worked:
            if 'MissingPackageError' in text:  # LiteRT works
                return [Problem('landmarks cannot be found without model files', models_command())]
            # pip finds versions that fit all when it is asked for all at once
            command = pip('install', '--upgrade', *there)
            return [Problem(f'{name} does not work: {text}', command)]
    return []


def models_command(version=sys.version_info):
    """Return the command that fetches mediapipe's models, which no wheel for Python 3.13 holds."""
    if version < (3, 13):
        return pip('install', MODELS)
    options = '--no-deps --only-binary=:all: --python-version 3.12 --target MODELS'
    folder = osp.abspath('MODELS/mediapipe/modules')
    return f'{pip("install", *options.split(), MODELS)}; export EMOREACT_LANDMARK_MODELS={folder}'


def check_package(have):
    """Check that the package is installed, and has its configs and tools."""
    if 'emoreact_plugin' not in have:
        return [Problem('emoreact_plugin is not installed', install_command())]
    spec = util.find_spec('emoreact_plugin')
    if spec is None or spec.origin is None:
        text = 'emoreact_plugin is listed as installed, but its files are gone'
        return [Problem(text, install_command())]
    # The last: an older editable install, which does not follow its clone, has none.
    folder = osp.dirname(spec.origin)
    parts = ('.mim/configs', '.mim/tools', '.mim/model-index.yml', 'configs/_base_')
    if missing := [name for name in parts if not osp.exists(osp.join(folder, name))]:
        return [Problem(f'{folder} has no {", ".join(missing)}', install_command())]
    return []


def diagnose(have, wanted):
    """Find all problems that the standard library can see, the most basic first."""
    missing = [name for name in sorted(wanted) if name not in have]
    if 'mmcv' in have and 'mmcv-lite' in missing:
        missing.remove('mmcv-lite')  # the full one does as well
    if 'emoreact_plugin' not in have and missing:
        # one command brings everything
        text = 'emoreact_plugin is not installed, nor what it needs: ' + ', '.join(missing)
        return [Problem(text, install_command())]
    # with packages missing, the checks after `or` would only repeat it
    return (
        check_ranges(have, wanted) + check_mmcv(have) + check_metadata(have) + check_opencv(have)
    ) or check_imports(have, wanted) + check_extras(have) + check_package(have)


def report(problems):
    """Print the problems, and return the exit code."""
    print(f'\n{len(problems)} problem{"s" * (len(problems) > 1)}:')
    for number, problem in enumerate(problems, 1):
        print(f'{number}. {problem.text}\n   {problem.command}')
    return 1


def try_it():
    """Import the package, print what it repairs, and run a small recognizer."""
    import warnings

    import torch
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    import emoreact_plugin  # noqa: F401
    from emoreact_plugin.compat import MENDS, apply, turned_off
    from mmaction.registry import MODELS

    applied = apply()
    print('\nmended on import:')
    for mend in MENDS:
        if mend.name in applied:
            print(f'  {mend.name:<18} {mend.answers}')
    off = turned_off()
    others = [mend.name for mend in MENDS if mend.name not in applied + off]
    print(f'  not needed here: {", ".join(others) or "none"}')
    if off:
        print(f'  turned off by EMOREACT_NO_COMPAT: {", ".join(off)}')
    init_default_scope('mmaction')
    MMLogger.get_current_instance().setLevel('ERROR')
    head = dict(type='TSMHead', num_classes=8, in_channels=512, average_clips='score')
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')
        model = MODELS.build(
            dict(
                type='Recognizer2D',
                backbone=dict(type='ResNetTSM', depth=18, num_segments=2, pretrained=None),
                cls_head=dict(head, num_segments=2),
                data_preprocessor=dict(type='ActionDataPreprocessor'),
            )
        )
        model.init_weights()
        scores = model.eval()(torch.zeros(1, 2, 3, 32, 32), mode='tensor')
    if not bool(torch.isfinite(scores).all()):
        raise RuntimeError('a small recognizer gave scores that are not finite')


def main(folders=()):
    if folders:
        with contextlib.suppress(ImportError):  # else the installation comes first
            from emoreact_plugin.engine.run_check import check_folders

            return check_folders(folders, osp.join(ROOT, 'tools', 'check_dataset.py'))
    print(f'python {sys.version.split()[0]} ({sys.executable})')
    if problems := check_python():
        return report(problems)
    have = versions()
    for name, version in have.items():
        print(f'{name} {version}')
    if 'torch' in have:
        print(f'gpu: {run(GPU_PROBE)[1]}')
    if problems := diagnose(have, requirements()):
        return report(problems)
    try:
        try_it()
    except Exception as error:  # whatever it is, the user needs to see it
        off = os.environ.get('EMOREACT_NO_COMPAT', '0') not in ('', '0')
        hint = ' (EMOREACT_NO_COMPAT turns its mends off)' if off else ''
        text = f'emoreact_plugin does not work{hint}: {type(error).__name__}: {error}'
        return report([Problem(text, 'unset EMOREACT_NO_COMPAT' if off else install_command())])
    print('\nAll is well.')
    return 0


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folders', nargs='*', metavar='RUN_OR_DATA', help='to check instead')
    sys.exit(main(parser.parse_args().folders))

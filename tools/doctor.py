"""Check this Python's installation, and say how to repair it.

    python tools/doctor.py

It prints the versions that matter and every problem with the exact command that repairs it. If
there is no problem, it prints which upstream faults emoreact_plugin repairs on import, and whether
a small recognizer runs. The exit code is 1 if something is wrong, else 0.

Only the standard library is used until the checks have passed, so that this runs in the broken
environment that it is meant for.
"""

import ast
import contextlib
import os
import os.path as osp
import re
import subprocess
import sys

from emoreact_plugin.utils.errors import InputError

try:
    from importlib import metadata
except ImportError:  # Python before 3.8, itself the first problem
    metadata = None

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
PYTHON = ((3, 10), (3, 14))  # from, below
SHOWN = (
    'emoreact_plugin',
    'torch',
    'torchvision',
    'mmengine',
    'mmcv-lite',
    'mmcv',
    'mmaction2',
    'opencv-python',
    'opencv-contrib-python',
    'opencv-python-headless',
    'opencv-contrib-python-headless',
    'grad-cam',
    'scikit-learn',
    'scipy',
    'av',
    'numpy',
    'matplotlib',
    'pillow',
    'importlib_metadata',
    'tqdm',
    'setuptools',
    'tensorboard',
    'mediapipe',
    'onnx',
    'onnxruntime',
    'protobuf',
)

# Packages of the extras, which may be left with a version of protobuf that
# they cannot use: what each is imported by.
EXTRAS = (
    ('tensorboard', 'import torch.utils.tensorboard'),
    ('onnx', 'import onnx'),
    ('mediapipe', 'import mediapipe'),
)

# Run in a process of their own: a broken binary may end the process.
PROBES = (
    ('torch', 'import torch; print(torch.__version__)'),
    (
        'torchvision',
        'import torch, torchvision; '
        'boxes = torch.tensor([[0., 0., 1., 1.]]); '
        'torchvision.ops.nms(boxes, torch.ones(1), 0.5)',
    ),
    (
        'cv2',
        'import cv2, numpy; cv2.resize(numpy.zeros((2, 2, 3), "uint8"), (4, 4)); cv2.VideoCapture',
    ),
    ('numpy', 'import numpy; numpy.zeros(1).sum()'),
    ('av', 'import av; av.open'),
    ('sklearn', 'import sklearn.metrics'),
    ('pytorch_grad_cam', 'import pytorch_grad_cam'),
    ('matplotlib', 'import matplotlib'),
    ('PIL', 'import PIL.Image'),
    ('importlib_metadata', 'import importlib_metadata'),
    ('mmengine', 'import mmengine.runner'),
    ('mmcv', 'import mmcv.transforms'),
)
GPU_PROBE = (
    'import torch; n = torch.cuda.device_count(); '
    'print(", ".join(torch.cuda.get_device_name(i) '
    'for i in range(n)) or "none", "(torch is built for CUDA %s)" '
    '% torch.version.cuda)'
)
REASONS = {
    'setuptools': " (mmengine's pkg_resources, under MMAction2's own tools)",
}


class Problem:
    """Hold one thing that is wrong, and the command that repairs it."""

    def __init__(self, text, command):
        self.text = text
        self.command = command


def pip(*words):
    """Make a pip command for the Python that runs this."""
    quoted = [f'"{w}"' if re.search(r'[<>!\[ ]', w) else w for w in words]
    return ' '.join((sys.executable, '-m', 'pip') + tuple(quoted))


def parse(version):
    """Parse a version: '2.10.1+cu121' -> (2, 10, 1).

    Everything after the leading digits and dots is ignored.
    """
    numbers = re.match(r'[\d.]*', version).group(0)
    return tuple(int(n) for n in numbers.split('.') if n)


def fits(version, ranges):
    """Tell whether a version lies in ranges like '>=2.6,<3' or '(==2.6.0)'."""
    have = parse(version)
    for part in ranges.strip('() ').split(','):
        match = re.match(r'\s*(==|!=|>=|<=|~=|>|<)\s*([^\s]+)', part)
        if match is None or '*' in part:
            continue
        sign, want = match.group(1), parse(match.group(2))
        size = max(len(have), len(want))
        a = have + (0,) * (size - len(have))
        b = want + (0,) * (size - len(want))
        if not {
            '==': a == b,
            '!=': a != b,
            '>=': a >= b,
            '<=': a <= b,
            '~=': a >= b and a[: len(want) - 1] == want[:-1],
            '>': a > b,
            '<': a < b,
        }[sign]:
            return False
    return True


def versions(names=SHOWN):
    """Map each package that is installed to its version."""
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def requirements():
    """Map each package that emoreact_plugin needs to its version ranges.

    They come from setup.py beside this folder, or from the installed package.
    """
    setup = osp.join(ROOT, 'setup.py')
    lines = []
    if osp.exists(setup):
        with open(setup) as file:
            for node in ast.parse(file.read()).body:
                if (
                    isinstance(node, ast.Assign)
                    and getattr(node.targets[0], 'id', '') == 'INSTALL_REQUIRES'
                ):
                    lines = ast.literal_eval(node.value)
    else:
        with contextlib.suppress(metadata.PackageNotFoundError):
            lines = metadata.requires('emoreact_plugin') or []
    wanted = {}
    for line in lines:
        if 'extra ==' not in line:
            name, ranges = re.match(r'([\w.-]+)\s*(.*)', line.split(';')[0]).groups()
            wanted[name] = ranges.strip('() ')
    return wanted


def install_command():
    if osp.exists(osp.join(ROOT, 'setup.py')):
        return pip('install', '-e', ROOT)
    return pip('install', 'emoreact_plugin')


def check_python(version=None):
    version = tuple(version or sys.version_info)[:2]
    if PYTHON[0] <= version < PYTHON[1]:
        return []
    return [
        Problem(
            'this is Python {}.{}; expected 3.10 to 3.13'.format(*version),
            f'python3.11 -m venv .venv && .venv/bin/python -m pip install -e "{ROOT}"',
        )
    ]


def check_mmcv(have):
    """Check that one of mmcv and mmcv-lite is installed, in a version that MMAction2 takes.

    Both own the same folder, so they exclude each other. MMAction2 takes 2.0 and 2.1.
    """
    right = 'mmcv-lite==2.1.0'
    found = [name for name in ('mmcv', 'mmcv-lite') if name in have]
    again = '{} && {}'.format(pip('uninstall', '-y', 'mmcv', 'mmcv-lite'), pip('install', right))
    if not found:
        return [Problem('mmcv is not installed', pip('install', right))]
    if len(found) == 2:
        return [
            Problem(
                'mmcv {} and mmcv-lite {} are both installed and share one folder'.format(
                    have['mmcv'], have['mmcv-lite']
                ),
                again,
            )
        ]
    version = have[found[0]]
    if not fits(version, '>=2.0.0,<2.2'):
        return [Problem(f'{found[0]} is {version}; MMAction2 1.2.0 takes 2.0 and 2.1', again)]
    return []


def check_opencv(have):
    """Check that all OpenCV wheels have the same version.

    They all write into one folder: the last one installed wins.
    """
    wheels = {n: v for n, v in have.items() if n.startswith('opencv')}
    if len(set(wheels.values())) < 2:
        return []
    # The newest is not always out for all of them.
    oldest = min(wheels.values(), key=parse)
    return [
        Problem(
            'OpenCV wheels of different versions share one folder: '
            + ', '.join('{} {}'.format(*item) for item in sorted(wheels.items())),
            pip(
                'install',
                '--force-reinstall',
                '--no-deps',
                *[f'{name}=={oldest}' for name in sorted(wheels)],
            ),
        )
    ]


def check_ranges(have, wanted):
    """Find packages that are missing or outside their ranges, with one command for all."""
    bad = []
    for name, ranges in sorted(wanted.items()):
        if name == 'mmcv-lite':
            continue  # check_mmcv knows the alternatives
        if name not in have:
            bad.append((name, 'is not installed'))
        elif not fits(have[name], ranges):
            bad.append(
                (name, 'is {}; expected {}{}'.format(have[name], ranges, REASONS.get(name, '')))
            )
    if not bad:
        return []
    return [
        Problem(
            '; '.join('{} {}'.format(*item) for item in bad),
            pip('install', *[name + wanted[name] for name, _ in bad]),
        )
    ]


def check_torch_pair(have, needs=None):
    """Check that torchvision was built against the torch that is installed.

    Torchvision says in its metadata which torch it needs.
    """
    if 'torch' not in have or 'torchvision' not in have:
        return []
    if needs is None:
        needs = metadata.requires('torchvision') or []
    for line in needs:
        match = re.match(r'torch\s*([(<>=!~].*)', line.split(';')[0])
        if match and not fits(have['torch'], match.group(1)):
            return [
                Problem(
                    'torchvision {} needs torch {}; found {}'.format(
                        have['torchvision'], match.group(1).strip('() '), have['torch']
                    ),
                    pip('install', '--upgrade', '--force-reinstall', 'torch', 'torchvision'),
                )
            ]
    return []


def run(code):
    """Run code in a process of its own.

    Return whether it worked, and what it printed or the last line of its error.
    """
    done = subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = [text.decode('utf-8', 'replace') for text in done.communicate()]
    if done.returncode == 0:
        return True, out.strip()
    lines = error.strip().splitlines() or [f'exit code {done.returncode}']
    return False, lines[-1]


def check_imports(have, wanted, probe=run):
    """Import every part, since a wheel may be there while its library is broken."""
    owners = {
        'cv2': [n for n in sorted(have) if n.startswith('opencv')],
        'torchvision': ['torch', 'torchvision'],
        'sklearn': ['scikit-learn'],
        'PIL': ['pillow'],
        'pytorch_grad_cam': ['grad-cam'],
        'mmcv': [n for n in ('mmcv', 'mmcv-lite') if n in have],
    }
    if probe('\n'.join(code for _, code in PROBES))[0]:
        return []  # one process for all, where nothing is wrong
    for module, code in PROBES:
        worked, text = probe(code)
        if worked:
            continue
        names = owners.get(module, [module])
        exact = [f'{n}=={have[n]}' if n in have else n + wanted.get(n, '') for n in names]
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
    there = [(name, code) for name, code in EXTRAS if name in have]
    broken = [
        (name, text)
        for name, (worked, text) in ((name, run(code)) for name, code in there)
        if not worked
    ]
    if not broken:
        return []
    # pip finds versions that fit all when it is asked for all at once
    return [
        Problem(
            '{} does not work: {}'.format(*broken[0]),
            pip(
                'install',
                '--upgrade',
                *[{'mediapipe': 'mediapipe==0.10.14'}.get(name, name) for name, _ in there],
            ),
        )
    ]


def check_package(have):
    """Check that the package is installed, and has its configs and tools."""
    if 'emoreact_plugin' not in have:
        return [Problem('emoreact_plugin is not installed', install_command())]
    from importlib import util

    spec = util.find_spec('emoreact_plugin')
    if spec is None or spec.origin is None:
        return [
            Problem(
                'emoreact_plugin is listed as installed, but its files are gone', install_command()
            )
        ]
    folder = osp.join(osp.dirname(spec.origin), '.mim')
    missing = [
        name
        for name in ('configs', 'tools', 'model-index.yml')
        if not osp.exists(osp.join(folder, name))
    ]
    if missing:
        return [Problem('{} has no {}'.format(folder, ', '.join(missing)), install_command())]
    return []


def diagnose(have, wanted):
    """Find all problems that the standard library can see, the most basic first."""
    missing = [name for name in sorted(wanted) if name not in have]
    if 'mmcv' in have and 'mmcv-lite' in missing:
        missing.remove('mmcv-lite')  # the full one does as well
    if 'emoreact_plugin' not in have and missing:
        # one command brings everything
        return [
            Problem(
                'emoreact_plugin is not installed, nor what it needs: ' + ', '.join(missing),
                install_command(),
            )
        ]
    problems = (
        check_ranges(have, wanted) + check_mmcv(have) + check_torch_pair(have) + check_opencv(have)
    )
    if not problems:
        # with packages missing these would only repeat it
        problems += check_imports(have, wanted) + check_extras(have) + check_package(have)
    return problems


def report(problems):
    print(f'\n{len(problems)} problem{"s" * (len(problems) > 1)}:')
    for number, problem in enumerate(problems, 1):
        print(f'{number}. {problem.text}\n   {problem.command}')
    return 1


def try_it():
    """Import the package, print what it repairs, and run a small recognizer."""
    import warnings

    import torch
    from mmengine.logging import MMLogger
    from mmengine.registry import DefaultScope, init_default_scope

    import emoreact_plugin  # noqa: F401
    from emoreact_plugin.compat import MENDS, apply
    from mmaction.registry import MODELS

    applied = apply()
    print('\nmended on import:')
    for mend in MENDS:
        if mend.name in applied:
            print(f'  {mend.name:<18} {mend.answers}')
    print(
        '  not needed here: '
        + (', '.join(m.name for m in MENDS if m.name not in applied) or 'none')
    )
    scope = DefaultScope.get_current_instance()
    if scope is None:
        init_default_scope('mmaction')
    MMLogger.get_current_instance().setLevel('ERROR')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model = MODELS.build(
            dict(
                type='Recognizer2D',
                backbone=dict(type='ResNetTSM', depth=18, num_segments=2, pretrained=None),
                cls_head=dict(
                    type='TSMHead',
                    num_classes=8,
                    in_channels=512,
                    num_segments=2,
                    average_clips='score',
                ),
                data_preprocessor=dict(type='ActionDataPreprocessor'),
            )
        )
        model.init_weights()
        model.eval()
        with torch.no_grad():
            scores = model(torch.zeros(1, 2, 3, 32, 32), mode='tensor')
    if not bool(torch.isfinite(scores).all()):
        raise InputError('a small recognizer gave scores that are not finite')


def main():
    print(f'python {sys.version.split()[0]} ({sys.executable})')
    problems = check_python()
    if metadata is None or problems:
        return report(problems)
    have = versions()
    for name in SHOWN:
        if name in have:
            print(f'{name} {have[name]}')
    if 'torch' in have:
        print(f'gpu: {run(GPU_PROBE)[1]}')
    problems = diagnose(have, requirements())
    if problems:
        return report(problems)
    try:
        try_it()
    except Exception as error:  # whatever it is, the user needs to see it
        off = os.environ.get('EMOREACT_NO_COMPAT', '0') not in ('', '0')
        return report(
            [
                Problem(
                    'emoreact_plugin does not work{}: {}: {}'.format(
                        ' (EMOREACT_NO_COMPAT turns its mends off)' if off else '',
                        type(error).__name__,
                        error,
                    ),
                    'unset EMOREACT_NO_COMPAT' if off else install_command(),
                )
            ]
        )
    print('\nAll is well.')
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Run the tools of emoreact_plugin by one command, without a clone: ``emoreact train CONFIG``.

The flags that tools share stand here too. Importing emoreact_plugin brings PyTorch and MMAction2,
which takes seconds. So this file uses the standard library only, and a tool parses its arguments
before it imports the package: ``--help`` and wrong flags are answered at once. The choices are
repeated here; a test compares them with those of the package.
"""

import argparse
import ast
import difflib
import importlib.util
import os.path as osp
import runpy
import sys
from glob import glob

SPLITS = ('train', 'val', 'test')
MASK_KINDS = ('surgical', 'cloth', 'kn95', 'n95', 'random')


def installed_folder() -> str:
    """Return the folder of the package's configs and tools, without importing it.

    Raises:
        SystemExit: If the package is not installed.
    """
    spec = importlib.util.find_spec('emoreact_plugin')
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit('error: emoreact_plugin is not installed')
    return osp.join(spec.submodule_search_locations[0], '.mim')


def commands(folder: str) -> dict[str, str]:
    """Return command -> path of its tool; ``make-sample-dataset`` is ``make_sample_dataset.py``."""
    paths = sorted(glob(osp.join(folder, 'tools', '*.py')))
    return {osp.basename(path)[:-3].replace('_', '-'): path for path in paths}


def summary_of(path: str) -> str:
    """Return the first line of the docstring of a tool."""
    with open(path, encoding='utf-8') as file:
        return (ast.get_docstring(ast.parse(file.read())) or '').split('\n')[0]


def find_config(folder: str, name: str) -> str:
    """Return the path of an installed config by its name, or the name itself if there is none.

    Args:
        folder (str): See :func:`installed_folder`.
        name (str): A name such as ``fusion`` or ``sample/fusion.py``. A file of this name in the
            working directory has priority.
    """
    if osp.exists(name) or name.startswith('-'):
        return name
    ending = name if name.endswith('.py') else f'{name}.py'
    paths = glob(osp.join(folder, 'configs', '*', '*.py'))
    found = [path for path in paths if path.replace(osp.sep, '/').endswith('/' + ending)]
    return found[0] if len(found) == 1 else name


def change_of(text: str) -> str:
    """Check that a change of a config is KEY=VALUE."""
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'expected KEY=VALUE, found {text}')
    return text


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose and change a configuration and set its work dir."""
    parser.add_argument('config', nargs='?', help='config file')
    parser.add_argument('--config', dest='config_flag', metavar='FILE', help='the same')
    parser.add_argument('--work-dir', help='folder of logs and checkpoints')
    parser.add_argument(
        '--data-root',
        help='folder of the data set, for all three splits; a relative path '
        'starts from the working directory',
    )
    parser.add_argument('--cache-dir', help='folder for the cache files')
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        default=None,
        help='accept clips that have no landmark file',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        type=change_of,
        metavar='KEY=VALUE',
        help='change settings, such as optim_wrapper.optimizer.lr=0.001',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        help='job launcher (default: pytorch for what torchrun has started, else none)',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    options = parser.add_argument_group(
        'options of the model',
        'They change the parts of a config that they are about; defaults are what the config says.',
    )
    add = options.add_argument
    on_off = argparse.BooleanOptionalAction
    add(
        '--input',
        metavar='face|body|fullbody|fusion|REGION+REGION+...',
        help='what the model looks at',
    )
    add('--mask', action=on_off, help='draw a face mask on every face')
    add(
        '--num-segments',
        '--num_segments',
        type=int,
        choices=(1, 3, 5, 10),
        help='frames of a clip',
    )
    add('--arch', choices=('resnet50', 'mobilenet_v2', 'resnet18'), help='backbone')
    add('--shift', action=on_off, help='shift channels between frames (TSM)')
    add(
        '--shift-div',
        '--shift_div',
        type=int,
        choices=(4, 8),
        help='one part of this many is shifted each way',
    )
    add(
        '--init',
        metavar='imagenet|scratch|PATH',
        help='start weights of the backbones; of the folder of a training, its best checkpoint',
    )
    add(
        '--crops',
        metavar='DIR|auto',
        help='read prepared crops from this folder of the data set; auto: make them first, once, '
        'in the cache folder',
    )


def add_skip_bad_clips(parser: argparse.ArgumentParser) -> None:
    """Add the flag of how many bad clips a run may skip."""
    parser.add_argument(
        '--skip-bad-clips',
        type=float,
        metavar='SHARE',
        help='go on without clips that cannot be loaded, list them at the end, and stop as soon as '
        'more than this share of a split is bad, 0..1 (default: the first stops the run)',
    )


def main() -> None:
    """Run the tool that the first argument names, with the other arguments."""
    folder = installed_folder()
    tools = commands(folder)
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print('usage: emoreact COMMAND [ARGUMENTS]\n\ncommands:')
        width = max(map(len, tools))
        for name, path in tools.items():
            print(f'  {name:<{width}}  {summary_of(path)}')
        print('\nemoreact COMMAND --help explains one. A config may be given by its name:')
        print('emoreact train sample/fusion.py')
        return
    name = sys.argv[1].replace('_', '-')
    if name not in tools:
        near = difflib.get_close_matches(name, tools, 3)
        hint = f'; did you mean {" or ".join(near)}?' if near else '; emoreact --help lists them'
        raise SystemExit(f'error: no such command: {sys.argv[1]}{hint}')
    sys.argv = [f'emoreact {name}', *(find_config(folder, each) for each in sys.argv[2:])]
    sys.path.insert(0, osp.dirname(tools[name]))
    runpy.run_path(tools[name], run_name='__main__')


if __name__ == '__main__':
    main()

"""Train and test a step of every combination of the recipe's options.

For each combination, a command line, and a config file that calls the recipe with the same options,
have to give the same configuration. It has to train and test. The resolved configuration in the
work dir, run again as it is, has to give the same scores. The images are small and of a few drawn
clips; nothing is learned. If it was stopped, it continues where it was.
"""

import argparse
import contextlib
import csv
import importlib.util
import io
import itertools
import json
import os
import os.path as osp
import sys
import tempfile
import time

from mmengine.config import Config

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_cli import add_config_arguments
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.utils.progress import progress_bar, write_above

TOOLS = osp.dirname(osp.dirname(osp.abspath(__file__)))
BASE = """\
_base_ = 'emoreact_plugin::_base_/default_runtime.py'
from emoreact_plugin.recipes import build
globals().update(build(
    image_size=64, batch_size=2, num_workers=0, max_epochs=1, lr=1e-3,
    init='scratch', data_root={root!r}, {options}))
default_hooks = dict(checkpoint=None)
randomness = dict(seed=0)
"""


def combinations():
    """Yield the options of all 4 x 2 x 4 x 2 x 3 combinations."""
    shifts = (dict(), dict(shift=True, shift_div=8), dict(shift=True, shift_div=4))
    for input_, mask, segments, arch, shift in itertools.product(
        ('face', 'body', 'fullbody', 'fusion'),
        (False, True),
        (1, 3, 5, 10),
        ('resnet50', 'mobilenet_v2'),
        shifts,
    ):
        yield dict(input=input_, mask=mask, num_segments=segments, arch=arch, **shift)


def flags_of(options):
    """Turn options into flags of the command line."""
    out = []
    for name, value in options.items():
        if value is not False:
            out.append('--' + name.replace('_', '-'))
        if not isinstance(value, bool):
            out.append(str(value))
    return out


def load_tool(name):
    spec = importlib.util.spec_from_file_location(f'{name}_tool', osp.join(TOOLS, f'{name}.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(tool, *arguments):
    """Run a tool in this process, since starting Python takes longer than a step."""
    sys.argv = [tool.__name__, *arguments]
    with contextlib.redirect_stdout(io.StringIO()):
        tool.main()


def resolved(*arguments):
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    with contextlib.redirect_stdout(io.StringIO()):
        cfg = load_config(parser.parse_intermixed_args(arguments)).to_dict()
    return {key: cfg[key] for key in cfg if key != 'work_dir'}


def check_combination(train, options, folder, root):
    """Check one combination, and raise an error for what does not work."""
    base, leaf = osp.join(folder, 'base.py'), osp.join(folder, 'leaf.py')
    for path, given in ((base, {}), (leaf, options)):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(
                BASE.format(root=root, options=', '.join(f'{k}={v!r}' for k, v in given.items()))
            )
    flags = flags_of(options)
    if resolved(base, *flags) != resolved(leaf):
        raise AssertionError('flags and config file differ')
    scores = []
    for name, arguments in (
        ('first', (base, *flags)),
        ('again', (osp.join(folder, 'first', 'base.py'),)),
    ):
        work_dir = osp.join(folder, name)
        call(train, *arguments, '--work-dir', work_dir)
        with open(osp.join(work_dir, 'metrics.json'), encoding='utf-8') as file:
            scores.append(json.load(file)['results'])
    if scores[0] != scores[1]:
        raise AssertionError('the resolved config gives other scores')
    plain = Config.fromfile(osp.join(folder, 'again', 'base.py')).to_dict()
    if plain['recipe'] != resolved(leaf)['recipe']:
        raise AssertionError('the resolved config has lost its options')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--data-root',
        default='data/sample_grid',
        help='a few clips, drawn where they are not there',
    )
    parser.add_argument('--out', default='work_dirs/grid.csv')
    args = parser.parse_args()
    root = osp.abspath(args.data_root)
    if not osp.isdir(root):
        from emoreact_plugin.sample_data import make_sample_dataset

        make_sample_dataset(root, num_train=2, num_val=2, num_test=2)
    train = load_tool('train')
    os.makedirs(osp.dirname(osp.abspath(args.out)), exist_ok=True)
    done = set()
    if osp.isfile(args.out):
        with open(args.out, newline='', encoding='utf-8') as file:
            done = {row[0] for row in csv.reader(file) if row[1] == 'ok'}
    failed = 0
    for options in progress_bar(list(combinations()), unit='combination'):
        name = ' '.join(flags_of(options))
        if name in done:
            continue
        start = time.time()
        try:
            with tempfile.TemporaryDirectory() as folder:
                check_combination(train, options, folder, root)
            verdict = 'ok'
        except (Exception, SystemExit) as error:
            verdict = f'{type(error).__name__}: {error}'
            failed += 1
            write_above(f'{name}: {verdict}')
        with open(args.out, 'a', newline='', encoding='utf-8') as file:
            csv.writer(file).writerow([name, verdict, f'{time.time() - start:.1f}'])
    print(f'{failed} combinations failed; all are in {args.out}')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()

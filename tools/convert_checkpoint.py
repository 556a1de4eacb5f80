"""Convert a weight file of another system into one of this package.

Without a config, the backbone in the file is written, to start a training
from (`tools/train.py CONFIG --init OUT`). With a config, and the flags that
the model was trained with, a checkpoint for `tools/test.py CONFIG OUT` is
written. docs/weights.md lists the known files.
"""

import argparse
import os.path as osp

from emoreact_cli import add_config_arguments


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument('file', metavar='IN', help='file to convert, or a work dir: its best one')
    parser.add_argument('--out', required=True, metavar='DIR|FILE.pth', help='where to write it')
    parser.add_argument(
        '--may-miss',
        action='append',
        default=[],
        choices=('head', 'neck', 'fusion'),
        help='a part of the model that the file may lack, or have in another '
        'shape; it is random then',
    )
    parser.add_argument('--stream', help='which network, of a file that has one a stream')
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.utils.files import output_path
from emoreact_plugin.weights.checkpoints import resolve_checkpoint
from emoreact_plugin.weights.conversion import (
    UNTOLD,
    describe_weights,
    to_checkpoint,
    to_start_weights,
    write_checkpoint,
)
from emoreact_plugin.weights.load_weights import choose_network
from emoreact_plugin.weights.weight_files import read_weight_file


@clear_errors()
def main(args):
    path = resolve_checkpoint(args.file)
    name = osp.splitext(osp.basename(path))[0]
    out = output_path(args.out, f'{name}.pth', '.pth', '.pt')
    file = read_weight_file(path)
    say(describe_weights(file))
    if args.config is None and args.config_flag is None:
        content = to_start_weights(file, args.stream)
        network = choose_network(file, args.stream)
        left_out = file.left_out + network.beside_backbone()
        what = 'start weights, the backbone alone'
        left_as_is, notes = [], []
    else:
        cfg = load_config(args)
        content, loaded = to_checkpoint(file, cfg, args.may_miss, args.stream)
        left_out, left_as_is = loaded.left_out, loaded.missing
        what = f'checkpoint of the config, {loaded.count} tensors'
        notes = [f'{name} {cfg.recipe[name]}' for name in UNTOLD if name in cfg.get('recipe', {})]
    write_checkpoint(content, out, path)
    say(f'{out}: {what}.')
    if left_out:
        say(f'Left out: {listed(left_out)}.')
    if left_as_is:
        say(f'RANDOM, so not to be tested as it is: {listed(left_as_is)}.')
    if notes and file.kind == 'original':
        say(f'Not in the file, taken from the config: {", ".join(notes)}.')


def listed(names):
    return ', '.join(names[:8]) + (f' and {len(names) - 8} more' * (len(names) > 8))


if __name__ == '__main__':
    main(ARGS)

"""Evaluate a checkpoint on a split."""

import argparse

from emoreact_cli import SPLITS, add_config_arguments, add_skip_bad_clips


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--print-config', metavar='FILE', help='write the resolved config to FILE and stop'
    )
    parser.add_argument(
        'checkpoint', help='checkpoint file, or the folder of a training: its best one'
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='test',
        help='the clips to evaluate on, those of train without augmentation (default: test)',
    )
    parser.add_argument(
        '--dump',
        metavar='FILE.npz|FILE.pkl',
        help="write every clip's scores and labels: .npz for this package's "
        "tools, such as fuse_scores.py, .pkl for MMAction2's",
    )
    add_skip_bad_clips(parser)
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.engine.skipped_clips import skip_bad_clips
from emoreact_plugin.engine.tensorboard import without_tensorboard
from emoreact_plugin.engine.testing import add_dump, choose_split, test
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.weights.checkpoints import check_recipe, read_checkpoint, resolve_checkpoint


@clear_errors()
def main(args):
    if args.config is None and args.config_flag is None:
        raise InputError(f'expected a config file and a checkpoint, found only {args.checkpoint}')
    checkpoint = resolve_checkpoint(args.checkpoint)
    cfg = load_config(args)
    without_tensorboard(cfg)
    choose_split(cfg, args.split)
    if args.dump:
        add_dump(cfg, args.dump, args.split, checkpoint)
    skip_bad_clips(cfg, args.skip_bad_clips)
    if args.print_config:
        cfg.dump(args.print_config)
        return
    check_recipe(read_checkpoint(checkpoint), cfg.get('recipe'))
    test(cfg, checkpoint, args.split, args.dump)


if __name__ == '__main__':
    main(ARGS)

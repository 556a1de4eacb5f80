"""Train a recognizer, then evaluate its best checkpoint on val and test."""

import argparse
import os.path as osp

from emoreact_cli import add_config_arguments, add_skip_bad_clips


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--print-config', metavar='FILE', help='write the resolved config to FILE and stop'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without a path, from the latest one in the work dir',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='delete checkpoints and scores of another training in the work dir, and start anew',
    )
    parser.add_argument(
        '-b', '--batch-size', '--batch_size', type=int, metavar='N', help='clips in a batch'
    )
    parser.add_argument('--lr', type=float, help='learning rate, the greatest one of a schedule')
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training; the last checkpoint is tested',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the clips in a batch, of all GPUs together',
    )
    parser.add_argument(
        '--select',
        choices=('micro', 'macro', 'within'),
        help='ROC AUC of val by which the best epoch is chosen and training stops early: micro '
        '(as published), macro, or that of pairs of clips of one group (default: as the config '
        'says)',
    )
    parser.add_argument(
        '--early-stopping',
        type=int,
        metavar='EPOCHS',
        help='stop when the ROC AUC of --select has not risen for EPOCHS epochs',
    )
    parser.add_argument(
        '--pos-weight',
        action='store_true',
        help='weight the loss of positive labels by the negatives per '
        'positive in the training split',
    )
    parser.add_argument(
        '--tensorboard',
        action='store_true',
        help='write losses, scores and a chart of the ROC AUC of each emotion '
        'for TensorBoard, into the work dir',
    )
    add_skip_bad_clips(parser)
    parser.add_argument('--seed', type=int, help='random seed (default: 0)')
    parser.add_argument(
        '--diff-rank-seed', action='store_true', help='a seed of its own for each rank'
    )
    parser.add_argument('--deterministic', action='store_true', help='deterministic CUDNN, slower')
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.engine.skipped_clips import skip_bad_clips
from emoreact_plugin.engine.tensorboard import add_tensorboard
from emoreact_plugin.engine.training import apply_flags, train


@clear_errors()
def main(args):
    cfg = load_config(args)
    apply_flags(cfg, args)
    skip_bad_clips(cfg, args.skip_bad_clips)
    if args.tensorboard:
        add_tensorboard(cfg)
    if args.print_config:
        cfg.dump(args.print_config)
        return
    if args.tensorboard:
        say(f'to watch it: tensorboard --logdir {osp.abspath(cfg.work_dir)}')
    train(cfg)


if __name__ == '__main__':
    main(ARGS)

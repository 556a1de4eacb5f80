"""Measure speed, as ratios of calls that are timed in turns on this machine.

It compares loading of samples with decoding their frames alone, fusion with a single stream, the
metric with scikit-learn, a mask on a frame with decoding it, and the start of a data set with
reading its annotations. Without a data set it draws a few clips of 1280x720. docs/benchmark.md
explains each row.
"""

import argparse
import os
import os.path as osp
import sys
import tempfile
import time
from contextlib import ExitStack

import cv2
import torch
from benchmarks import (
    Report,
    TrainingSize,
    data_of_config,
    data_of_folder,
    describe_data,
    loading_groups,
    machine_facts,
    mask_groups,
    metric_groups,
    run,
    startup_groups,
    to_json,
    to_markdown,
    training_groups,
)
from benchmarks.drawn_data import make_drawn_data
from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_cli import add_config_arguments
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.inference.scorers.loading import check_device
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text

PARTS = ('loading', 'training', 'metric', 'mask', 'start')
QUICK = TrainingSize(('mobilenet_v2',), batch_size=2, image_size=64)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0], usage='%(prog)s [options] [CONFIG]'
    )
    add = parser.add_argument
    add('config', nargs='?', help='whose training split is loaded (default: drawn clips)')
    add(
        '--data-root',
        metavar='DIR',
        help="folder of the data set; without CONFIG it has EmoReact's "
        'layout: train.csv, and videos, frames or crops',
    )
    add(
        '--crops',
        metavar='DIR',
        help='with CONFIG: measure prepared crops from this folder of the data set as well',
    )
    add('--cache-dir', help='folder for the cache files')
    add(
        '--only',
        metavar='PART,PART',
        default=','.join(PARTS),
        help='what to measure (default: %(default)s)',
    )
    add('--repetitions', type=int, help='of each call (default: 7; with --quick 2)')
    add('--threads', type=int, default=1, help='of torch and OpenCV each (default: 1)')
    add(
        '--device',
        choices=['cpu', 'cuda'],
        help='of the training part (default: cuda where there is one)',
    )
    add(
        '--processor-time',
        action='store_true',
        help='leave out what the process waits, for a busy machine; without a GPU',
    )
    add(
        '--quick',
        action='store_true',
        help='small sizes, to see that it works; no numbers to quote',
    )
    add(
        '--out',
        metavar='FILE',
        help='FILE.md and FILE.json are written (default: '
        'work_dirs/benchmark; with --quick work_dirs/benchmark_quick)',
    )
    return parser.parse_intermixed_args()


def check_args(args):
    """Refuse values that are not allowed, and fill in defaults."""
    args.only = args.only.split(',')
    unknown = [part for part in args.only if part not in PARTS]
    if unknown:
        raise InputError(f'--only: expected some of {", ".join(PARTS)}, found {", ".join(unknown)}')
    if args.out is None:
        args.out = 'work_dirs/benchmark' + '_quick' * args.quick
    if args.repetitions is None:
        args.repetitions = 2 if args.quick else 7
    for name in ('repetitions', 'threads'):
        if getattr(args, name) < 1:
            raise InputError(f'--{name}: expected 1 or more, found {getattr(args, name)}')
    if args.crops and not args.config:
        raise InputError('--crops: expected a config as well')
    if args.cache_dir and not (args.config or args.data_root):
        raise InputError('--cache-dir: expected a config or --data-root as well')
    if args.device is None:
        args.device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if args.processor_time and args.device != 'cpu':
        raise InputError(
            '--processor-time: expected --device cpu as well, since a GPU is waited for'
        )
    check_device(args.device)


def data_of(args, stack):
    """Return the data set to load; a drawn one exists as long as the stack."""
    if args.config:
        parser = argparse.ArgumentParser()
        add_config_arguments(parser)
        flags = [args.config]
        for name in ('data_root', 'cache_dir'):
            if getattr(args, name):
                flags += ['--' + name.replace('_', '-'), getattr(args, name)]
        return data_of_config(load_config(parser.parse_args(flags)), args.crops)
    if args.data_root:
        return data_of_folder(args.data_root, args.cache_dir)
    root = stack.enter_context(tempfile.TemporaryDirectory())
    make_drawn_data(root, *((1, 6) if args.quick else (3, 150)))
    return data_of_folder(root, osp.join(root, 'cache'))


def parts_of(args, data, stack):
    """Return the parts that are asked for."""
    samples = 1 if args.quick else 4
    parts = dict(
        loading=lambda: loading_groups(data, args.repetitions, samples),
        training=lambda: training_groups(args.device, QUICK if args.quick else TrainingSize()),
        metric=lambda: metric_groups(*((1000, 20) if args.quick else (100_000, 1000))),
        mask=lambda: mask_groups(data, args.repetitions, samples),
        start=lambda: startup_groups(
            stack.enter_context(tempfile.TemporaryDirectory()), 1000 if args.quick else 100_000
        ),
    )
    return {name: parts[name]() for name in PARTS if name in args.only}


def main():
    args = parse_args()
    with clear_errors(), ExitStack() as stack:
        check_args(args)
        init_default_scope('mmaction')
        cv2.setNumThreads(args.threads)
        torch.set_num_threads(args.threads)
        data, about = None, ''
        if {'loading', 'mask'} & set(args.only):
            data = data_of(args, stack)
            about = describe_data(data)
        machine = machine_facts(args.threads, args.device, args.processor_time)
        os.makedirs(osp.dirname(osp.abspath(args.out)), exist_ok=True)

        def save(rows, complete=False):
            report = Report(rows, machine, about, complete)
            write_text(f'{args.out}.json', to_json(report))
            write_text(f'{args.out}.md', to_markdown(report))
            return report

        rows, stopped = run(
            parts_of(args, data, stack),
            args.repetitions,
            save,
            time.process_time if args.processor_time else time.perf_counter,
        )
        say(to_markdown(save(rows, not stopped)))
        say(f'written: {args.out}.md, {args.out}.json')
        if stopped:
            say('stopped; what had been measured is in them')
            sys.exit(130)


if __name__ == '__main__':
    main()

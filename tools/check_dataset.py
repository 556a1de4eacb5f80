"""Check a data set before training, and list everything that is wrong with it.

It takes a config, or a folder with train.csv, val.csv, test.csv and videos/ (or frames/). Every
clip is opened and read to its end. Errors are what would stop training, and clips that are in two
splits; with errors, the exit code is 1. Warnings are what training works around. All problems, a
row for each clip and a picture of labels, lengths and faces are written under --out. If it was
stopped, it continues where it was. Training uses the cache files that it makes.
"""

import argparse
import os
import os.path as osp
import sys

from emoreact_cli import add_config_arguments


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, usage='%(prog)s [options] CONFIG_OR_DIR')
    add_config_arguments(parser)
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='of a folder: the label columns (default: those of 0 and 1 only)',
    )
    parser.add_argument(
        '--out', metavar='DIR', help='folder of the report (default: work_dirs/check_<name>)'
    )
    parser.add_argument('--workers', type=int, help='clips at a time (default: one a core)')
    args = parser.parse_intermixed_args()
    args.given = {name for name in vars(args) if getattr(args, name) != parser.get_default(name)}
    return args


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import cv2
from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.plots.dataset_plots import plot_dataset
from emoreact_plugin.plots.plots import save_figure
from emoreact_plugin.preparation.check_report import count_levels, format_report, write_report
from emoreact_plugin.preparation.checking import check_all
from emoreact_plugin.preparation.split_check import checks_of_folder, make_check
from emoreact_plugin.recipes import SPLITS, datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number

PICTURE = 'dataset.png'
# Flags that are of use with a folder; all others belong to a config.
OF_FOLDERS = (
    'config',
    'config_flag',
    'cache_dir',
    'classes',
    'out',
    'workers',
    'launcher',
    'local_rank',
)


def checks_of(args, path):
    """Return the data sets to check."""
    if args.workers is not None and args.workers < 1:
        raise InputError(f'--workers: expected 1 or more, found {args.workers}')
    if path is not None and osp.isdir(path):
        for name in args.given - set(OF_FOLDERS):
            raise InputError(
                f'--{name.replace("_", "-")}: expected a config, found the folder {path}'
            )
        return checks_of_folder(path, SPLITS, args.classes, args.cache_dir)
    if args.classes:
        raise InputError('--classes: expected a folder; a config names its classes itself')
    cfg = load_config(args)
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    return [make_check(split, dataset) for split in SPLITS for dataset in datasets_of(cfg, [split])]


def figure_of(report):
    """Draw the picture of a report."""
    opened = [c for c in report.clips if c.frames is not None]
    in_seconds = bool(opened) and all(c.fps for c in opened)

    def by_split(value):
        found = {split: [] for split in report.labels}
        for clip in opened:
            if value(clip) is not None:
                found[clip.split].append(value(clip))
        return found

    return plot_dataset(
        report.classes,
        report.labels,
        by_split(lambda c: c.frames / c.fps if in_seconds else c.frames),
        by_split(lambda c: c.no_face),
        's' if in_seconds else 'frames',
    )


@clear_errors(resumable=True)
def main(args):
    cv2.setNumThreads(1)  # each core has a clip of its own
    path = args.config or args.config_flag
    checks = checks_of(args, path)
    name = osp.splitext(osp.basename(osp.abspath(path)))[0]
    out = args.out or osp.join('work_dirs', f'check_{name}')
    os.makedirs(out, exist_ok=True)  # before the work, which may take hours
    report = check_all(checks, args.workers)
    files = [*write_report(report, out), PICTURE]
    save_figure(figure_of(report), osp.join(out, PICTURE))
    say(format_report(report))
    counts = count_levels(report)
    found = ', '.join(number(count, level) for level, count in counts.items())
    say(
        f'\n{number(len(report.clips), "clip")}: {found}. All of them in '
        f'{out}{os.sep}: {", ".join(files)}'
    )
    sys.exit(1 if counts['error'] else 0)


if __name__ == '__main__':
    main(ARGS)

"""Train and test the rows of the published table, with several seeds.

Into the work dir, it writes table.md, CSV files and figures (PNG and SVG): the table, ROC curves
and the ROC AUC of each emotion. When it is called again after it was stopped, it continues at the
row and epoch where it was.
"""

import argparse
import os.path as osp
from dataclasses import replace
from glob import escape, glob


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add(
        'config',
        nargs='?',
        default='configs/emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-fusion.py',
        help='config that the rows change by flags',
    )
    add(
        '--rows',
        nargs='+',
        default=['table'],
        metavar='ROW',
        help='of table, grid, tested-masked, segments, two-seeds, config files, or '
        'MODEL-INPUT[-masked|-tested-masked][-segmentsN][-two-seeds] such as tsm-fusion-masked',
    )
    add('--seeds', type=int, default=5, help='trainings of each row')
    add('--work-dir', default='work_dirs/table')
    add(
        '--margin',
        type=float,
        default=0.2,
        help='share of what the unmasked face gains over label frequencies that the masked fusion '
        'may lose and still count as good',
    )
    add('--all-pairs', action='store_true', help='compare all pairs of rows')
    add(
        '--folds',
        metavar='DIR',
        help='folder of tools/make_folds.py: train and test every fold too, for a second table',
    )
    add(
        '--found-only',
        action='store_true',
        help='count only clips whose regions were found in all tested frames, by all rows',
    )
    add('--data-root', help='folder of the data set')
    add('--cache-dir', help='folder for the cache files')
    add('--allow-missing', action='store_true', help='accept clips that have no landmark file')
    add('--arch', help='backbone of all rows')
    add('--init', help='start weights: imagenet, scratch or a file')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings of all rows')
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.experiments import (
    Runs,
    clips_with_landmarks,
    found_clips,
    make_rows,
    make_table,
    read_cues,
)
from emoreact_plugin.experiments.reproduction import (
    check_folds,
    check_rows,
    describe_runs,
    evaluate,
    pool_folds,
    write_report,
)
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number

TOOLS = osp.dirname(osp.abspath(__file__))


def shared_flags(args):
    """Return the flags that all runs get."""
    flags = ['--allow-missing'] if args.allow_missing else []
    for name in ('data_root', 'cache_dir', 'arch', 'init'):
        value = getattr(args, name)
        if value is not None:
            flags += ['--' + name.replace('_', '-'), value]
    return tuple(flags)


def folds_of(args, runs):
    """Return the runs of each fold, by the folder of its annotation files."""
    folders = sorted(glob(osp.join(escape(args.folds), '*', '')))
    if not folders:
        raise InputError(f'--folds {args.folds}: expected folders of tools/make_folds.py in it')
    return [runs.of_fold(folder) for folder in folders]


def only(part, clips):
    """Keep some clips of all rows."""
    return {name: each.only(clips) for name, each in part.items()}


def report(args, rows, evaluation, notes, folder, cues):
    """Make a table, write it and say where it is; return its text."""
    scores, priors = evaluation.scores, evaluation.priors
    if cues:
        # Whole frames stand in for missing landmarks, which show what a region must not.
        keep = set().union(*(clips_with_landmarks(cues, each) for each in ('train', 'val', 'test')))
        scores, priors = only(scores, keep), only(priors, keep)
        count = len(next(iter(scores.values())).video_ids)
        notes = [
            f'Drawn sample data, {count} test clips without missing landmarks: these numbers tell '
            'that the pipeline is sound, and nothing about people.',
            *notes,
        ]
    if args.found_only:
        keep, note = found_clips(scores)
        scores, priors = only(scores, keep), only(priors, keep)
        notes = [note, *notes]
    emotions = cues['emotions'] if cues else None
    table = make_table(scores, priors, args.margin, args.all_pairs, emotions)
    text, paths = write_report(table, rows, scores, notes, folder)
    say(f'\n{text}\nwritten to {folder}: {", ".join(map(osp.basename, paths))}')


@clear_errors()
def main(args):
    if args.seeds < 1:
        raise InputError(f'--seeds: expected 1 or more, found {args.seeds}')
    if not 0 < args.margin < 1:
        raise InputError(f'--margin: expected a number between 0 and 1, found {args.margin}')
    rows = make_rows(args.rows, args.config)
    runs = Runs(args.work_dir, TOOLS, shared_flags(args), tuple(args.cfg_options))
    folds = folds_of(args, runs) if args.folds else []
    configs = check_rows(rows, runs)
    of_folds = [check_rows(rows, each) for each in folds]
    check_folds(of_folds)
    notes = [describe_runs(rows, configs, args.seeds)]
    cues = read_cues(configs[rows[0].training].test_dataloader.dataset.get('data_root', ''))
    if cues:
        rows = [replace(row, published=None) for row in rows]
    try:
        found = evaluate(rows, runs, configs, args.seeds)
        report(args, rows, found, notes, args.work_dir, cues)
        pooled = [
            evaluate(rows, each, cfgs, args.seeds, f'{osp.basename(each.work_dir)}, ')
            for each, cfgs in zip(folds, of_folds, strict=True)
        ]
    except KeyboardInterrupt:
        say('\nstopped; the same command goes on from here')
        raise SystemExit(130) from None
    if pooled:
        rows = [replace(row, published=None) for row in rows]
        notes.insert(
            0,
            f'{number(len(folds), "fold")} that share no group: every clip is scored by networks '
            'that saw no clip of its group, and the scores of all folds are taken together.',
        )
        folder = osp.join(args.work_dir, 'folds')
        report(args, rows, pool_folds(pooled), notes, folder, cues)


if __name__ == '__main__':
    main(ARGS)

"""Divide a data set into folds that share no series, child or other group.

Each fold is a folder with train.csv, val.csv and test.csv. Every clip is tested in one fold, and
clips of one group are always in one split. The rows are those of the given files. Train one fold
with --cfg-options, or all of them with tools/reproduce_table.py --folds.
"""

import argparse
import os.path as osp


def role_of_column(text):
    role, equals, column = text.partition('=')
    if not (role and equals and column):
        raise argparse.ArgumentTypeError(f"expected ROLE=COLUMN, found '{text}'")
    return role, column


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add = parser.add_argument
    add('files', nargs='+', metavar='FILE.csv', help='annotation files, of one split or all')
    add(
        '--out', default='folds', metavar='DIR', help='where the folds are written (default: folds)'
    )
    add('--folds', type=int, default=5, metavar='K', help='how many, 3 or more (default: 5)')
    add('--groups', nargs='+', default=[], metavar='COLUMN', help='columns that name the groups')
    add(
        '--columns',
        nargs='+',
        default=[],
        type=role_of_column,
        metavar='ROLE=COLUMN',
        help='as in the config, such as start=from end=to where clips are parts of videos',
    )
    add(
        '--group-names',
        metavar='REGEX',
        help="finds groups in the clips' names, such as '(?P<child>[a-z]+)_[0-9]+'",
    )
    add('--kind', help='the groups that are kept together (default: the kind with the fewest)')
    add('--classes', nargs='+', metavar='NAME', help='label columns (default: those of 0 and 1)')
    add('--seed', type=int, default=0, help='for the order in which equal groups are dealt out')
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.datasets import read_annotations
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.preparation.folds import folds_table, make_folds, write_folds
from emoreact_plugin.preparation.split_check import label_columns


@clear_errors()
def main(args):
    columns = dict(args.columns)
    classes = args.classes or [c for c in label_columns(args.files) if c not in columns.values()]
    if args.groups:
        columns['groups'] = args.groups
    annotations = [
        read_annotations(path, tuple(classes), columns, group_names=args.group_names)
        for path in args.files
    ]
    folds = make_folds(args.files, annotations, tuple(classes), args.folds, args.kind, args.seed)
    paths = write_folds(folds, args.out)
    say(folds_table(folds))
    say(
        f'\nwritten: {osp.join(paths[0], "train.csv")}, val.csv, test.csv, ... No {folds.kind} is '
        'in two splits of a fold.\ntrain all of them: python tools/reproduce_table.py CONFIG '
        f'--folds {args.out}'
    )


if __name__ == '__main__':
    main(ARGS)

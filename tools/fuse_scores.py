"""Fuse the predictions of runs that were trained separately.

This is late fusion: the mean of their logits, and a weighted mean whose weights are given or chosen
on the val split. The files come from tools/test.py --dump.
"""

import argparse
import os.path as osp


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        '--test',
        nargs='+',
        required=True,
        metavar='FILE.npz',
        help='predictions of the split to report on, one file a run',
    )
    add(
        '--val',
        nargs='+',
        default=[],
        metavar='FILE.npz',
        help='those of the val split, of the same runs in the same order; '
        'the weights are chosen on them',
    )
    add(
        '--names',
        nargs='+',
        metavar='NAME',
        help='what to call the runs (default: the file names of --test)',
    )
    add(
        '--weights',
        nargs='+',
        type=float,
        metavar='W',
        help='the weight of each run, brought to a sum of 1, instead of choosing them',
    )
    add(
        '--standardize',
        action='store_true',
        help='first bring the logits of all runs to one standard deviation, over the clips of '
        '--val, else of --test: for runs of other programs, whose scores are on other scales',
    )
    add(
        '--average',
        choices=('micro', 'macro', 'within'),
        default='micro',
        help='the ROC AUC by which the weights are chosen (default: micro)',
    )
    add(
        '--step',
        type=float,
        default=0.05,
        help='steps of the weights that are tried (default: 0.05)',
    )
    add(
        '--out',
        metavar='DIR|FILE.npz',
        help='write the fused predictions of --test, by the weights where '
        'there are any, else by the mean',
    )
    add('--out-val', metavar='DIR|FILE.npz', help='likewise those of --val')
    add('--json', metavar='FILE', help='write the table and the weights')
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import numpy as np

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.evaluation import (
    choose_weights,
    coarsest,
    collapse_text,
    collapsed_labels,
    compute_metrics,
    format_table,
    scales_text,
    standard_weights,
    write_dump,
    write_metrics,
)
from emoreact_plugin.evaluation.fuse import (
    check_splits,
    fuse_dumps,
    normalize_weights,
    read_runs,
)
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import output_path
from emoreact_plugin.utils.text import number

FUSIONS = ('mean', 'weighted')


def check_args(args):
    if len(args.test) < 2:
        raise InputError(f'--test: expected two files or more, found {len(args.test)}')
    if args.val and len(args.val) != len(args.test):
        raise InputError(
            '--val and --test: expected as many files in both, '
            f'found {len(args.val)} and {len(args.test)}'
        )
    if args.out_val and not args.val:
        raise InputError('--out-val: expected --val, found none')
    for name, file in (('out', 'test.npz'), ('out_val', 'val.npz')):
        if getattr(args, name):
            setattr(args, name, output_path(getattr(args, name), file, '.npz'))


def check_files(args):
    """Refuse output files that would overwrite each other or the inputs."""
    written = [p for p in (args.out, args.out_val, args.json) if p]
    read = [*args.test, *(args.val or ())]
    every = [osp.realpath(p) for p in written]
    for place, path in zip(every, written, strict=True):
        if every.count(place) > 1 or place in map(osp.realpath, read):
            raise InputError(
                f'{path}: expected a file of its own to write '
                'to, found one that is given elsewhere too'
            )


def names_of(args):
    """Name the runs: by the given names, or by what tells the files apart."""
    count = len(args.test)
    if args.names is None:
        files = [osp.basename(p).removesuffix('.npz').removesuffix('_test') for p in args.test]
        folders = [osp.basename(osp.dirname(osp.abspath(p))) for p in args.test]
        names = files if len(set(files)) == count else folders
    else:
        names = args.names
    if len(names) != count or len(set(names) | set(FUSIONS)) != count + 2:
        raise InputError(
            f'--names: expected {count} different names, none of them {" or ".join(FUSIONS)}, '
            f'found {", ".join(names)}'
        )
    return names


def score(dump):
    metrics = compute_metrics(dump.scores, dump.labels, dump.classes, 0.5, dump.probabilities)
    collapsed = collapsed_labels(dump.scores, dump.classes)
    return metrics | ({'collapsed/labels': len(collapsed)} if collapsed else {})


def columns_of(runs, weights, scales):
    """Return the runs of a split by name, together with their fusions."""
    columns = dict(runs, mean=fuse_dumps(runs, scales))
    if weights is not None:
        columns['weighted'] = fuse_dumps(runs, weights * scales)
    return columns


def warn(runs, split, standardized):
    """Say which runs have collapsed, and which are on another scale."""
    for name, dump in runs.items():
        collapsed = collapsed_labels(dump.logits, dump.classes)
        if collapsed:
            what = f'{number(len(dump.video_ids), "clip")} of {split}'
            print(f'WARNING: {name}: {collapse_text(collapsed, len(dump.classes), what)}')
    text = None if standardized else scales_text({k: dump.logits for k, dump in runs.items()})
    if text:
        print(f'WARNING: {split}: {text}')


@clear_errors()
def main(args):
    check_args(args)
    check_files(args)
    names = names_of(args)
    test = read_runs(args.test)
    splits = dict(test=dict(zip(names, test, strict=True)))
    if args.val:
        val = read_runs(args.val)
        check_splits(val, test, args.val, args.test)
        splits = dict(val=dict(zip(names, val, strict=True)), **splits)
    weights = origin = None
    scales = np.ones(len(names))
    first, runs = next(iter(splits.items()))
    if args.standardize:
        scales = standard_weights({name: dump.logits for name, dump in runs.items()})
    if args.weights:
        weights = normalize_weights(args.weights, len(names))
        origin = 'given'
    elif args.val:
        weights = choose_weights(
            [scale * dump.logits for scale, dump in zip(scales, val, strict=True)],
            val[0].labels,
            args.average,
            args.step,
            val[0].groups.get(coarsest(val[0].groups)),
        )
        origin = f'chosen on val by ROC AUC {args.average}'
    columns = {split: columns_of(runs, weights, scales) for split, runs in splits.items()}
    results = {
        split: {name: score(dump) for name, dump in each.items()} for split, each in columns.items()
    }
    for split, each in results.items():
        said = columns[split]['mean'].split or split
        print(f'{said}, {len(columns[split]["mean"].video_ids)} clips')
        print(format_table(each, test[0].classes) + '\n')
    for split, each in splits.items():
        warn(each, split, args.standardize)
    if args.standardize:
        factors = ', '.join(f'{n} {scale:.3g}' for n, scale in zip(names, scales, strict=True))
        print(f'logits multiplied, to have one standard deviation on {first}: {factors}')
    print('What label frequencies alone give: tools/test.py and tools/score_priors.py print it.')
    if weights is not None:
        weights = dict(zip(names, weights.tolist(), strict=True))
        print(
            f'weights, {origin}: '
            + ', '.join(f'{name} {weight:.3g}' for name, weight in weights.items())
        )
    if args.val and not args.weights:
        print('The weighted column of val is too good: its clips chose the weights.')
    fusion = FUSIONS[0] if weights is None else FUSIONS[1]
    for split, path in (('test', args.out), ('val', args.out_val)):
        if path:
            write_dump(path, columns[split][fusion])
            print(f'{split} predictions, {fusion}: {path}')
    if args.json:
        write_metrics(
            args.json,
            results,
            None,
            weights=weights,
            weights_origin=origin,
            standardized=dict(zip(names, scales.tolist(), strict=True))
            if args.standardize
            else None,
            files=dict(test=args.test, val=args.val),
        )
        print(f'metrics: {args.json}')


if __name__ == '__main__':
    main(ARGS)

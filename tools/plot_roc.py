"""Draw ROC curves and the ROC AUC of each emotion, for one run or several.

The predictions come from tools/train.py, or tools/test.py --dump. The curves, a bar chart with the
number of positives of each emotion, and the numbers as CSV are written.
"""

import argparse
import json
import os
import os.path as osp


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        'runs',
        nargs='+',
        metavar='DUMP|RUN',
        help='a dump (.npz), a work dir with one, or a folder with work dirs '
        'seed0, seed1 and so on, which are seeds of one run',
    )
    add(
        '--out',
        metavar='DIR|FILE',
        help='folder of the PNG and SVG files, or one .png, .svg or .pdf (default: the folder of '
        'the run; of a dump, or of several runs, the current folder)',
    )
    add(
        '--names',
        nargs='+',
        metavar='NAME',
        help='what to call the runs (default: the names of files or folders)',
    )
    add(
        '--dump-name',
        default='test.npz',
        metavar='NAME.npz',
        help='the dump to take in the folder of a run (default: test.npz)',
    )
    add(
        '--found-only',
        action='store_true',
        help='count only clips whose regions were found in all tested frames, by all runs',
    )
    add(
        '--train-labels',
        metavar='FILE.csv',
        help='annotations of the training split, to mark what its label frequencies alone give '
        '(default: what the metrics.json of the run says)',
    )
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import numpy as np

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.datasets import read_annotations
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.evaluation import Calibration
from emoreact_plugin.experiments import (
    LeftOut,
    check_same_clips,
    dumps_of,
    found_clips,
    prior_rows,
    read_scores,
    run_scores,
    save_roc_figures,
    scores_csv,
    scores_text,
    summarize,
)
from emoreact_plugin.plots.plots import FIGURE_ENDINGS, save_figures
from emoreact_plugin.plots.reliability import plot_reliability
from emoreact_plugin.recipes import SPLITS
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import output_path, write_text


def names_of(args):
    """Name the runs: by the given names, or by what tells the paths apart."""
    names = args.names
    if names is None:
        names = []
        for path in args.runs:
            folder, name = osp.split(osp.abspath(path))
            stem = name.removesuffix('.npz')
            names.append(osp.basename(folder) if stem in SPLITS else stem)
    # A legend leaves out names that start with an underscore.
    if (
        len(names) != len(args.runs)
        or len(set(names)) != len(names)
        or any(name.startswith('_') for name in names)
    ):
        raise InputError(
            f'--names: expected {len(args.runs)} different names, one a run, that do not start '
            f'with _, found {", ".join(names)}'
        )
    return names


def out_of(args):
    """Choose where to write, as the stem of the files and their endings."""
    folder = args.runs[0] if len(args.runs) == 1 and osp.isdir(args.runs[0]) else ''
    path = output_path(args.out or folder, 'roc', *FIGURE_ENDINGS, '.pdf')
    stem, ending = osp.splitext(path)
    return stem, ((ending,) if ending else FIGURE_ENDINGS)


def metrics_of(args):
    """Read the metrics.json of the first run; empty if there is none."""
    path = osp.join(args.runs[0], 'metrics.json')
    if not osp.isfile(path):
        return {}
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def priors_of(args, scores):
    """Find what label frequencies reach: by name of the prior, then by metric."""
    if args.train_labels:
        found = prior_rows(scores, read_annotations(args.train_labels, scores.classes))
        rows = LeftOut(found)
        return {name: summarize(rows, name).means for name in found}
    if args.found_only:  # those in metrics.json are of all clips
        return {}
    priors = metrics_of(args).get('priors', {})
    return {
        name: {key.removeprefix('roc_auc/'): value for key, value in values.items()}
        for name, values in priors.get(osp.splitext(args.dump_name)[0], {}).items()
    }


def probabilities_of(args, scores):
    """Return the probabilities of all seeds, and the calibrated ones of a single training."""
    found = {'as trained': scores.probabilities.reshape(-1, len(scores.classes))}
    stored = metrics_of(args).get('calibration')
    if stored and len(scores.logits) == 1 and args.dump_name != 'val.npz':
        calibration = Calibration.of_meta(stored, scores.classes, args.runs[0])
        found['calibrated on val'] = calibration.probabilities(scores.logits[0])
    return found


@clear_errors()
def main(args):
    names = names_of(args)
    stem, endings = out_of(args)
    scores = {
        name: read_scores([[file] for file in dumps_of(path, args.dump_name)])
        for name, path in zip(names, args.runs, strict=True)
    }
    check_same_clips(scores, 'run')
    if args.found_only:
        clips, note = found_clips(scores)
        scores = {name: each.only(clips) for name, each in scores.items()}
        print(note)
    first = scores[names[0]]
    priors = priors_of(args, first)
    rows = LeftOut(scores)
    summaries = {name: summarize(rows, name) for name in names}
    os.makedirs(osp.dirname(osp.abspath(stem)), exist_ok=True)
    paths = save_roc_figures(stem, scores, summaries, priors, rows.groups, endings)
    lines = run_scores(scores, summaries)
    if len(scores) == 1 and first.scale == 'logits':
        figure = plot_reliability(
            np.tile(first.labels, (len(first.logits), 1)), probabilities_of(args, first)
        )
        paths += save_figures(figure, f'{stem}_reliability', endings)
    table = f'{stem}_values.csv'
    write_text(table, scores_csv(lines))
    print(scores_text(lines))
    note = f'\n95 % intervals: by leaving out each of {rows.unit} in turn'
    if any(len(each.logits) > 1 for each in scores.values()):
        note += '; of several seeds, of their mean'
    if any(np.isnan(each.low) for each in lines):
        note += (
            '. None (-) where the value is 0 or 1, or leaving a single one out makes it undefined'
        )
    print(note)
    for name, values in priors.items():
        print(f'{name} alone: micro {values["micro"]:.3f}, macro {values["macro"]:.3f}')
    if not priors:
        print('Micro has no floor at 0.5; --train-labels marks what label frequencies alone give.')
    print('written: ' + ', '.join([*paths, table]))


if __name__ == '__main__':
    main(ARGS)

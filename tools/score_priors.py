"""Score val and test by the labels of the training split alone, without a look at a clip.

It needs the annotation files only. The result says what a model has to beat: what the label
frequencies give, and those of the clip's own series, child or other group.
"""

import argparse

from emoreact_cli import add_config_arguments

DEFAULT = 'configs/emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py'


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0], usage='%(prog)s [options] [CONFIG]'
    )
    add_config_arguments(parser)
    args = parser.parse_intermixed_args()
    if args.config is None and args.config_flag is None:
        args.config = DEFAULT
    return args


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import numpy as np

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.datasets.annotations import labeled_clips
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import load_config
from emoreact_plugin.engine.labels import read_split
from emoreact_plugin.evaluation import (
    STRENGTHS,
    Priors,
    group_frequencies,
    macro,
    roc_auc,
    roc_auc_micro,
    within_groups,
)
from emoreact_plugin.experiments import LeftOut, prior_rows, summarize
from emoreact_plugin.experiments.scores import Scores
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.tables import score_cell, text_table

SHUFFLES = 200


def summaries_of(splits, split):
    """Summarise the priors on a split, with intervals."""
    rows = splits[split]
    clips = labeled_clips(rows)
    names = tuple(row.clip_id for row in rows)
    classes = tuple(str(k) for k in range(clips.labels.shape[1]))
    scored = Scores(
        np.zeros((1, *clips.labels.shape)), clips.labels.astype(int), names, classes, clips.groups
    )
    found = prior_rows(scored, splits['train'], splits['val'])
    left_out = LeftOut(found)
    return {name: summarize(left_out, name) for name in found}, left_out.unit


def scores_table(splits, classes):
    """Lay out what each prior reaches on val and test."""
    found = {split: summaries_of(splits, split) for split in ('val', 'test')}
    head, lines = ['ROC AUC'], {}
    for split, (summaries, _) in found.items():
        for name, summary in summaries.items():
            head.append(f'{split}, {name}')
            for key in ('micro', 'macro', *map(str, range(len(classes)))):
                title = key if key in ('micro', 'macro') else f'  {classes[int(key)]}'
                cell = score_cell(summary.means[key])
                low, high = summary.intervals[key]
                if key in ('micro', 'macro') and not np.isnan(low):
                    cell += f' ({low:.3f} to {high:.3f})'
                lines.setdefault(title, []).append(cell)
    units = ', '.join(f'{unit} on {split}' for split, (_, unit) in found.items())
    table = text_table([head, *([title, *cells] for title, cells in lines.items())])
    return (
        f'{table}\n95 % intervals by leaving out each of {units} in turn, for these training '
        'labels. Those of groups are a little too good on val, which chose the strength.'
    )


def group_lines(splits):
    """Say how the prior of the groups depends on its strength, and what is left without groups."""
    clips = {split: labeled_clips(rows) for split, rows in splits.items()}
    train, test = clips['train'], clips['test']
    priors = Priors(train, clips['val'])
    if priors.kind is None or priors.kind not in test.groups:
        return 'No groups of clips are known: see group_names and columns of the data set.'
    kind = priors.kind
    known, asked = train.groups[kind], test.groups[kind]

    def score(groups, strength):
        scores = group_frequencies(train.labels, groups, asked, strength)
        return roc_auc_micro(scores, test.labels), float(macro(roc_auc(scores, test.labels)))

    each = [score(known, strength) for strength in STRENGTHS]
    rng = np.random.default_rng(0)
    shuffled = [score(rng.permutation(known).tolist(), priors.strength) for _ in range(SHUFFLES)]
    pairs = within_groups(np.zeros(test.labels.shape), test.labels, asked).pairs.sum(axis=0)
    positives = test.labels.sum(axis=0)
    shares = pairs / (positives * (len(test.labels) - positives))
    shared = set(asked) & set(known)
    micro, macro_ = np.mean(shuffled, axis=0)
    return '\n'.join(
        [
            f'{len(shared)} of the {len(set(asked))} groups ({kind}) of test are in train too.',
            f'The strength, {priors.strength:g} clips, was chosen on val. Test by strength, micro '
            'and macro: '
            + ', '.join(
                f'{strength} {a:.3f} {b:.3f}'
                for strength, (a, b) in zip(STRENGTHS, each, strict=True)
            ),
            f'Groups shuffled among the training clips, mean of {SHUFFLES}: micro {micro:.3f}, '
            f'macro {macro_:.3f}.',
            f'Of the pairs of a positive and a negative clip, {shares.min():.1%} to '
            f'{shares.max():.1%} of a label are of one group.',
        ]
    )


@clear_errors()
def main(args):
    cfg = load_config(args)
    splits = {split: read_split(cfg, split) for split in ('train', 'val', 'test')}
    for split, rows in splits.items():
        if not rows:
            raise InputError(f'{split}: expected an annotation file of an EmoReactDataset')
    dataset = cfg.test_dataloader.dataset
    say(scores_table(splits, dataset.metainfo.classes))
    say('\n' + group_lines(splits))


if __name__ == '__main__':
    main(ARGS)

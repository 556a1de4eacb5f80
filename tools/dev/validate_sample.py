"""Show on the sample data that every input sees what it should, and no more.

It trains face, body and fusion with some seeds, and the fusion once on shuffled labels. Then it
compares the ROC AUC on the test clips without missing landmarks with what the drawn cues allow.
If it was stopped, it continues where it was.
"""

import argparse
import csv
import os
import os.path as osp
import random
import sys
from dataclasses import replace

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.evaluation import combine, interval_of
from emoreact_plugin.experiments import (
    Claim,
    LeftOut,
    Runs,
    Training,
    claims_table,
    clips_with_landmarks,
    cue_claim,
    read_cues,
    read_scores,
    resolve,
    score,
    train,
)
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text

TOOLS = osp.dirname(osp.dirname(osp.abspath(__file__)))
INPUTS = ('face', 'body', 'fusion')


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/sample/fusion.py')
    parser.add_argument('--data-root', default='data/sample')
    parser.add_argument('--work-dir', default='work_dirs/validate_sample')
    parser.add_argument('--seeds', type=int, default=3)
    return parser.parse_args()


def shuffle_labels(source, target, seed):
    """Shuffle the labels of an annotation file among its clips."""
    with open(source, newline='', encoding='utf-8') as file:
        header, *rows = csv.reader(file)
    labels = [row[2:] for row in rows]
    random.Random(seed).shuffle(labels)
    with open(target, 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows(
            [header] + [row[:2] + new for row, new in zip(rows, labels, strict=True)]
        )


def run(runs, training, seeds):
    """Train and test what is not done yet, and return the scores."""
    cfg = resolve(runs, training)
    dumps = []
    for seed in range(seeds):
        say(f'--- {training.name}, seed {seed}')
        checkpoint = train(runs, training, seed, cfg)
        dumps.append([score(runs, training, seed, checkpoint)])
    return read_scores(dumps)


def run_all(args):
    """Train and test everything, and return the scores of all seeds by name."""
    runs = Runs(args.work_dir, TOOLS, ('--data-root', args.data_root))
    scores = {
        name: run(runs, Training(name, args.config, ('--input', name)), args.seeds)
        for name in INPUTS
    }
    options = []
    for split in ('train', 'val'):
        path = osp.abspath(osp.join(args.work_dir, f'shuffled_{split}.csv'))
        shuffle_labels(osp.join(args.data_root, f'{split}.csv'), path, 0)
        options.append(f'{split}_dataloader.dataset.ann_file={path}')
    scores['shuffled'] = run(
        replace(runs, cfg_options=tuple(options)),
        Training('shuffled', args.config, ('--input', 'fusion')),
        1,
    )
    return scores


def claims_of(rows, emotions):
    """Make the claims about what has to be seen, and what must not be seen."""
    # Not those in the order of frames: TSN reads them nowhere, so they would
    # hide a leak.
    seen = [n for n in emotions if not emotions[n]['only_in_order']]
    parts = {part: [n for n in seen if emotions[n]['part'] == part] for part in ('face', 'body')}
    claims = []
    for text, row, cues in (
        ('body input, cues of the face only', 'body', parts['face']),
        ('face input, cues of the body only', 'face', parts['body']),
        ('trained on shuffled labels, all', 'shuffled', list(emotions)),
    ):
        claims.append(cue_claim(rows, row, cues, text, read=False))
    for other in ('face', 'body'):
        found = combine([(1, rows.mean_of('fusion', seen)), (-1, rows.mean_of(other, seen))])
        text = f'fusion minus {other}, cues without order: above 0'
        claims.append(Claim(text, found.value, found.low, found.high, found.low > 0))
    return claims


def cues_table(rows, cues):
    """Make a Markdown table of the ROC AUC of every cue."""
    best = cues['best_roc_auc']['test']['fusion/TSN']
    lines = [
        '| ROC AUC | Cue | Best possible, TSN fusion | ' + ' | '.join(rows.scores) + ' |',
        '|---' * (3 + len(rows.scores)) + '|',
    ]
    for name, about in cues['emotions'].items():
        cells = []
        for row in rows.scores:
            values = rows.values(row, name)
            low, high = interval_of(values)
            cells.append(f'{values.mean:.2f} ({low:.2f} to {high:.2f})')
        order = ', order' if about['only_in_order'] else ''
        lines.append(
            f'| {name} | {about["part"]}{order} | {best[name]:.2f} | {" | ".join(cells)} |'
        )
    return '\n'.join(lines)


@clear_errors()
def main():
    args = parse_args()
    cues = read_cues(args.data_root)
    if cues is None:
        raise InputError(f'{args.data_root}: expected the drawn sample data with its cues.json')
    os.makedirs(args.work_dir, exist_ok=True)
    keep = clips_with_landmarks(cues)
    rows = LeftOut({name: each.only(keep) for name, each in run_all(args).items()})
    claims = claims_of(rows, cues['emotions'])
    text = (
        '\n\n'.join(
            [
                f'{len(keep)} test clips of the drawn sample data without missing '
                f'landmarks; mean of {args.seeds} seeds (shuffled labels: one seed '
                f'of the fusion); 95 % interval by leaving out each of {rows.unit} in turn.',
                claims_table(claims),
                cues_table(rows, cues),
            ]
        )
        + '\n'
    )
    write_text(osp.join(args.work_dir, 'report.md'), text)
    say(text)
    sys.exit(0 if all(claim.holds for claim in claims) else 1)


if __name__ == '__main__':
    main()

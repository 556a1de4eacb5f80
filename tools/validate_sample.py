"""Show on the sample data that every input sees what it should, and no more.

Trains face, body and fusion with some seeds, and the fusion once on shuffled
labels, then compares the ROC AUC on the test clips without missing landmarks
with what the planted cues allow. Takes up again where it was stopped; delete
the work dir after a change of data or code.
"""
import argparse
import csv
import itertools
import json
import os.path as osp
import pickle
import random
import subprocess
import sys

import numpy as np

from emoreact_plugin.evaluation import (bootstrap_weights, interval,
                                        weighted_roc_auc)

TOOLS = osp.dirname(osp.abspath(__file__))
INPUTS = ('face', 'body', 'fusion')
RESAMPLES = 2000


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/sample/fusion.py')
    parser.add_argument('--data-root', default='data/sample')
    parser.add_argument('--work-dir', default='work_dirs/validate_sample')
    parser.add_argument('--seeds', type=int, default=3)
    return parser.parse_args()


def shuffle_labels(source, target, seed):
    """Give every clip of an annotation file the labels of another one."""
    with open(source, newline='', encoding='utf-8') as file:
        header, *rows = csv.reader(file)
    labels = [row[2:] for row in rows]
    random.Random(seed).shuffle(labels)
    with open(target, 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows(
            [header] + [row[:2] + new for row, new in zip(rows, labels)])


def run(args, name, seed, *flags):
    """Train and test once; (N, C) logits and (N, C) labels of the test clips
    by name. A run whose predictions are there is not repeated."""
    work_dir = osp.join(args.work_dir, f'{name}_seed{seed}')
    dump = osp.join(work_dir, 'test.pkl')
    common = [args.config, '--data-root', args.data_root, '--work-dir',
              work_dir]
    if not osp.isfile(dump):
        print(f'--- {name}, seed {seed}', flush=True)
        subprocess.run(
            [sys.executable, osp.join(TOOLS, 'train.py'), *common, '--seed',
             str(seed), '--resume', *flags], check=True)
        with open(osp.join(work_dir, 'metrics.json'), encoding='utf-8') as f:
            checkpoint = json.load(f)['checkpoint']
        # Options such as --input come before --cfg-options, which takes all.
        flags = list(itertools.takewhile('--cfg-options'.__ne__, flags))
        subprocess.run(
            [sys.executable, osp.join(TOOLS, 'test.py'), common[0],
             checkpoint, *common[1:], '--dump', dump, *flags],
            check=True, stdout=subprocess.DEVNULL)
    with open(dump, 'rb') as file:
        return {row['video_id']: row for row in pickle.load(file)}


def run_all(args):
    """Name -> predictions of each seed."""
    seeds = range(args.seeds)
    runs = {
        name: [run(args, name, seed, '--input', name) for seed in seeds]
        for name in INPUTS
    }
    flags = ['--cfg-options']
    for split in ('train', 'val'):
        path = osp.abspath(osp.join(args.work_dir, f'shuffled_{split}.csv'))
        shuffle_labels(osp.join(args.data_root, f'{split}.csv'), path, 0)
        flags.append(f'{split}_dataloader.dataset.ann_file={path}')
    runs['shuffled'] = [run(args, 'shuffled', 0, '--input', 'fusion', *flags)]
    return runs


def bootstrap(logits, labels, children):
    """ROC AUC of resampled children, averaged over the seeds.

    Clips of one child are alike, so children are drawn, not clips.

    Args:
        logits (dict[str, np.ndarray]): Name -> (S, N, C).
        labels (np.ndarray): (N, C).
        children (np.ndarray): (N, ) who is seen in each clip.

    Returns:
        dict[str, np.ndarray]: Name -> (1 + resamples, C); the first row is of
        the clips as they are. All names share their resamples.
    """
    weights = np.concatenate([
        np.ones((1, len(labels)), int),
        bootstrap_weights(len(labels), children, RESAMPLES)
    ])
    return {
        name: np.mean([weighted_roc_auc(x, labels, weights) for x in scores],
                      axis=0)
        for name, scores in logits.items()
    }


def value_and_interval(values):
    """The value on all clips and its 95 % interval."""
    return (float(values[0]), *interval(values[1:]))


def checks(auc, emotions):
    """What is claimed: (text, value, low, high, passed)."""
    names = list(emotions)

    def mean(run, keep):
        return auc[run][:, [names.index(n) for n in keep]].mean(1)

    # Not those in the order of frames: TSN reads them nowhere, so they would
    # hide a leak.
    seen = [n for n in names if not emotions[n]['only_in_order']]

    def part(name):
        return [n for n in seen if emotions[n]['part'] == name]

    rows = []
    for text, values in (
        ('body input, cues of the face only', mean('body', part('face'))),
        ('face input, cues of the body only', mean('face', part('body'))),
        ('trained on shuffled labels, all', mean('shuffled', names))):
        value, low, high = value_and_interval(values)
        passed = low <= 0.5 <= high and high - low <= 0.12
        rows.append((f'{text}: 0.5', value, low, high, passed))
    for other in ('face', 'body'):
        value, low, high = value_and_interval(
            mean('fusion', seen) - mean(other, seen))
        rows.append((f'fusion minus {other}, cues without order: above 0',
                     value, low, high, low > 0))
    return rows


def report(auc, rows, emotions, best, clips, seeds):
    """Markdown."""
    text = [
        f'{clips} test clips of the drawn sample data without missing '
        f'landmarks; mean of {seeds} seeds (shuffled labels: one seed of the '
        'fusion); 95 % bootstrap interval over the children.', '',
        '| Macro ROC AUC | Value | 95 % interval | Holds |',
        '|---|---|---|---|'
    ]
    text += [
        f'| {name} | {value:.3f} | {low:.3f} to {high:.3f} | '
        f'{"yes" if passed else "NO"} |'
        for name, value, low, high, passed in rows
    ]
    text += ['', '| ROC AUC | Cue | Best possible, TSN fusion | ' +
             ' | '.join(auc) + ' |', '|---' * (3 + len(auc)) + '|']
    for i, (name, about) in enumerate(emotions.items()):
        cells = []
        for values in auc.values():
            value, low, high = value_and_interval(values[:, i])
            cells.append(f'{value:.2f} ({low:.2f} to {high:.2f})')
        order = ', order' if about['only_in_order'] else ''
        text.append(f'| {name} | {about["part"]}{order} | {best[name]:.2f} | '
                    + ' | '.join(cells) + ' |')
    return '\n'.join(text) + '\n'


def main():
    args = parse_args()
    with open(osp.join(args.data_root, 'cues.json'), encoding='utf-8') as file:
        about = json.load(file)
    runs = run_all(args)
    missing = {
        osp.splitext(name)[0]
        for name in about['clips_with_missing_landmarks']['test']
    }
    clips = [name for name in runs['face'][0] if name not in missing]
    labels = np.stack(
        [runs['face'][0][c]['gt_label'].numpy() for c in clips]).astype(int)
    logits = {
        name: np.stack([[row[c]['pred_logits'].numpy() for c in clips]
                        for row in each])
        for name, each in runs.items()
    }
    children = np.array(
        [about['clips'][f'{c}.mp4']['child'] for c in clips])
    auc = bootstrap(logits, labels, children)
    rows = checks(auc, about['emotions'])
    best = about['best_roc_auc']['test']['fusion/TSN']
    text = report(auc, rows, about['emotions'], best, len(clips), args.seeds)
    with open(osp.join(args.work_dir, 'report.md'), 'w',
              encoding='utf-8') as file:
        file.write(text)
    print(text)
    sys.exit(0 if all(row[-1] for row in rows) else 1)


if __name__ == '__main__':
    main()

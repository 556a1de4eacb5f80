"""Show how often the tests of a results table reject what is true, and find what is there.

Two models score clips of uneven groups whose labels and scores depend on the group. Seeds differ by
noise on clips and by how well they learned. The tests are those of tools/reproduce_table.py. A test
at 5 % should reject 5 % where the models are equal.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.experiments import LeftOut
from emoreact_plugin.experiments.comparisons import difference
from emoreact_plugin.experiments.scores import Scores
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.progress import progress_bar
from emoreact_plugin.utils.tables import markdown_table

CLIPS, GROUPS = 360, 37
# How often a clip has each label: as uneven as in EmoReact, whose rarest label has 5 %.
FREQUENCIES = (0.57, 0.35, 0.32, 0.31, 0.28, 0.12, 0.10, 0.05)
# How well a model separates the labels, in standard deviations of the scores: a ROC AUC of 0.74.
SIGNAL = 0.9
# By which SIGNAL changes the ROC AUC there.
SLOPE = 0.23
METRICS = ('macro', 'micro', 'within')


@dataclass(frozen=True)
class Setting:
    """What is simulated: seeds, the spread of their ROC AUC, and the true difference."""

    seeds: int
    seed_sd: float
    difference: float


def draw(rng, setting):
    """Draw the groups, labels and scores of two models."""
    sizes = rng.lognormal(0, 0.6, GROUPS)
    groups = rng.choice(GROUPS, CLIPS, p=sizes / sizes.sum())
    count = len(FREQUENCIES)
    # The rarer a label, the more it is a matter of a few groups.
    share = np.linspace(0.3, 0.9, count)
    likes = np.sqrt(share) * rng.normal(size=(GROUPS, count))[groups]
    latent = likes + np.sqrt(1 - share) * rng.normal(size=(CLIPS, count))
    labels = (latent > norm.isf(FREQUENCIES)).astype(int)
    shared = rng.normal(0, 0.7, (CLIPS, count)) + rng.normal(0, 0.4, (GROUPS, count))[groups]
    scores = []
    for better in (setting.difference / SLOPE, 0.0):
        own = rng.normal(0, 0.5, (CLIPS, count)) + rng.normal(0, 0.3, (GROUPS, count))[groups]
        runs = []
        for _ in range(setting.seeds):
            signal = SIGNAL + better + rng.normal(0, setting.seed_sd / SLOPE)
            runs.append(signal * labels + shared + own + rng.normal(0, 0.4, (CLIPS, count)))
        scores.append(np.stack(runs))
    return scores, labels, tuple(f'group {k}' for k in groups)


def simulate(setting, repetitions, seed):
    """Return the p-values of METRICS, and of each class with its effective number of groups."""
    rng = np.random.default_rng((seed, setting.seeds, int(1000 * setting.seed_sd)))
    names = tuple(f'clip {k}' for k in range(CLIPS))
    classes = tuple(f'{share:.2f}' for share in FREQUENCIES)
    averages, of_classes = [], []
    for _ in range(repetitions):
        (a, b), labels, groups = draw(rng, setting)
        rows = LeftOut(
            {
                name: Scores(each, labels, names, classes, dict(group=groups))
                for name, each in dict(a=a, b=b).items()
            }
        )
        averages.append([difference(rows, 'a', 'b', x).p_value for x in METRICS])
        for name, count in rows.effective.items():
            of_classes.append((count, difference(rows, 'a', 'b', name).p_value))
    return np.array(averages), np.array(of_classes)


def settings_of(args):
    return [
        Setting(seeds, spread, real)
        for real in args.differences
        for seeds in args.seeds
        for spread in args.seed_sd
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--repetitions', type=int, default=1000)
    parser.add_argument('--seeds', type=int, nargs='+', default=[3, 5, 10])
    parser.add_argument('--seed-sd', type=float, nargs='+', default=[0, 0.01, 0.03])
    parser.add_argument('--differences', type=float, nargs='+', default=[0, 0.02, 0.04])
    parser.add_argument('--random-seed', type=int, default=0)
    parser.add_argument('--out', metavar='FILE.md')
    args = parser.parse_args()
    lines, rare = [], []
    every = settings_of(args)
    for setting in progress_bar(every, 'simulating', len(every), unit='setting'):
        averages, of_classes = simulate(setting, args.repetitions, args.random_seed)
        rejected = (averages < 0.05).mean(axis=0)
        lines.append(
            [
                f'{setting.difference:g}',
                str(setting.seeds),
                f'{setting.seed_sd:g}',
                *(f'{each:.1%}' for each in rejected),
            ]
        )
        if setting.difference == 0:
            rare.append(of_classes)
    parts = [
        f'{args.repetitions} draws of each line: {CLIPS} clips in {GROUPS} uneven groups, '
        f'{len(FREQUENCIES)} labels. Share of p below 0.05; where the difference is 0, it should '
        'be 5 %.',
        markdown_table(['True difference', 'Seeds', 'SD over seeds', *METRICS], lines),
    ]
    if rare:
        counts, p_values = np.concatenate(rare).T
        edges = (1, 3, 5, 8, 12, 20, GROUPS + 1)
        cells = []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            found = p_values[(counts >= low) & (counts < high) & ~np.isnan(p_values)]
            if len(found):
                share = f'{(found < 0.05).mean():.1%}'
                cells.append([f'{low} to {high}', str(len(found)), share])
        parts += [
            'Of single labels, where the difference is 0, by the effective number of groups:',
            markdown_table(['Effective groups', 'Tests', 'Rejected'], cells),
        ]
    text = '\n\n'.join(parts) + '\n'
    if args.out:
        write_text(args.out, text)
    say(text)


if __name__ == '__main__':
    main()

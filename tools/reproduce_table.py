"""Train and test the rows of the published table, with several seeds.

Into the work dir, it writes table.md, CSV files and figures (PNG and SVG): the table, ROC curves
and the ROC AUC of each emotion. When it is called again after it was stopped, it continues at the
row and epoch where it was.
"""

import argparse
import os.path as osp
from dataclasses import replace

from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import SPLITS
from emoreact_plugin.engine.labels import read_split
from emoreact_plugin.experiments import (
    GROUPS,
    Runs,
    clips_with_landmarks,
    make_rows,
    make_table,
    prior_rows,
    read_cues,
    read_scores,
    resolve,
    save_roc_figures,
    score,
    to_csv,
    to_markdown,
    train,
)
from emoreact_plugin.plots.plots import plot_rows, save_figures
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.text import number
from mmaction.registry import DATASETS

TOOLS = osp.dirname(osp.abspath(__file__))


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
        help=f'of {", ".join(GROUPS)}, config files, or MODEL-INPUT[-masked|'
        '-tested-masked][-segmentsN][-two-seeds] such as tsm-fusion-masked',
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
    add('--data-root', help='folder of the data set')
    add('--cache-dir', help='folder for the cache files')
    add('--allow-missing', action='store_true', help='accept clips that have no landmark file')
    add('--arch', help='backbone of all rows')
    add('--init', help='start weights: imagenet, scratch or a file')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings of all rows')
    return parser.parse_args()


def shared_flags(args):
    """Return the flags that all runs get."""
    flags = ['--allow-missing'] if args.allow_missing else []
    for name in ('data_root', 'cache_dir', 'arch', 'init'):
        value = getattr(args, name)
        if value is not None:
            flags += ['--' + name.replace('_', '-'), value]
    return tuple(flags)


def check_rows(rows, runs):
    """Resolve every row's configuration and open its data; return training -> configuration.

    So errors are found now, and not after hours of training.
    """
    configs, opened, tests = {}, set(), {}
    for row in rows:
        if row.training in configs:
            continue
        cfg = resolve(runs, row.training)
        recipe = cfg.get('recipe', {})
        for option in ('mask', 'shift'):
            if (
                row.training.flags
                and recipe.get(option)
                and (f'--{option}' not in row.training.flags)
            ):
                raise InputError(
                    f'{row.training.config}: has {option}=True, which row '
                    f'{row.name} must not have, and no flag turns it off'
                )
        configs[row.training] = cfg
        init_default_scope(cfg.get('default_scope', 'mmaction'))
        for split in SPLITS:
            config = cfg[f'{split}_dataloader'].dataset
            about = {key: value for key, value in config.to_dict().items() if key != 'pipeline'}
            if (split, repr(about)) in opened:
                continue
            opened.add((split, repr(about)))
            dataset = DATASETS.build(config)
            if hasattr(dataset, 'summary'):
                say(f'{split} ({row.training.name}): {dataset.summary()}')
            if split == 'test' and hasattr(dataset, 'video_ids'):
                tests[row.training.name] = dataset
    check_same_tests(tests)
    return configs


def check_same_tests(tests):
    """Refuse rows that are tested on different clips."""
    (first, expected), *others = tests.items() or [(None, None)]
    for name, dataset in others:
        for what, one, other in (
            ('classes', expected.classes, dataset.classes),
            ('clips', sorted(expected.video_ids), sorted(dataset.video_ids)),
        ):
            if one != other:
                raise InputError(
                    f'the rows {first} and {name} are tested on different {what}, so they cannot '
                    f'stand in one table: {len(one)} and {len(other)}, of which '
                    f'{len(set(one) & set(other))} are the same'
                )


def run_all(rows, runs, configs, seeds):
    """Train and test what is not done yet, and return the scores of each row by its name."""
    total = len({(row.training, seed) for row in rows for seed in range(seeds * row.seeds_a_run)})
    done = {}
    dumps = {row.name: [] for row in rows}
    # A seed of every row before the next one: what is there can be looked at.
    for seed in range(seeds):
        for row in rows:
            # The second network of a run of two has a seed of its own.
            pair = range(seed, seeds * row.seeds_a_run, seeds)
            for each in pair:
                key = (row.training, each)
                if key not in done:
                    if not runs.is_trained(*key):
                        say(
                            f'--- {row.training.name}, seed {each} '
                            f'({len(done) + 1} of {total} trainings)'
                        )
                    done[key] = train(runs, row.training, each, configs[row.training])
            dumps[row.name].append(
                [
                    score(runs, row.training, each, done[row.training, each], row.test_mask)
                    for each in pair
                ]
            )
    return {name: read_scores(files) for name, files in dumps.items()}


def describe_run(args, rows, configs):
    """Describe in a paragraph what the numbers are about."""

    def each(get):
        return ', '.join(sorted({str(get(c)) for c in configs.values()}))

    text = (
        f'{number(len(configs), "training")} with {number(args.seeds, "seed")} each; backbone: '
        f'{each(lambda c: c.get("recipe", {}).get("arch", "own"))}; length: {each(length_of)}; '
        f'start weights: {each(lambda c: c.get("recipe", {}).get("init", "own"))}.'
    )
    if any('--mask' in row.training.flags for row in rows):
        text += (
            ' Masks are surgical and drawn in all three splits, but for rows that say otherwise.'
        )
    shared = {
        'recognizer' in c.model for c in configs.values() if len(c.model.get('streams', ())) > 1
    }
    if len(shared) == 1:
        text += (
            ' The streams of a fusion share one network.'
            if True in shared
            else ' Each stream of a fusion has its own network.'
        )
    return text


def length_of(cfg):
    """Say in words how long a training is."""
    for key, noun in (('max_epochs', 'epoch'), ('max_iters', 'iteration')):
        if cfg.train_cfg.get(key):
            return number(cfg.train_cfg[key], noun)
    return 'own'


def draw(table, rows, scores, folder):
    """Draw the figures, and return their paths."""
    averages = ('macro', 'micro')
    summaries = [table.rows[row.name] for row in rows]
    priors = {name: prior.means for name, prior in table.priors.items()}
    figure = plot_rows(
        [row.title for row in rows],
        {a: [s.runs[a] for s in summaries] for a in averages},
        {a: [s.intervals[a] for s in summaries] for a in averages},
        [row.published for row in rows],
        priors,
    )
    titles = {row.name: row.title for row in rows}
    if len(set(titles.values())) < len(rows):  # tsn-face-segments3, tsn-face
        titles = {row.name: row.name for row in rows}
    return save_figures(figure, osp.join(folder, 'table')) + save_roc_figures(
        osp.join(folder, 'roc'),
        {titles[name]: each for name, each in scores.items()},
        {titles[name]: each for name, each in table.rows.items()},
        priors,
    )


@clear_errors()
def main():
    args = parse_args()
    if args.seeds < 1:
        raise InputError(f'--seeds: expected 1 or more, found {args.seeds}')
    if not 0 < args.margin < 1:
        raise InputError(f'--margin: expected a number between 0 and 1, found {args.margin}')
    rows = make_rows(args.rows, args.config)
    runs = Runs(args.work_dir, TOOLS, shared_flags(args), tuple(args.cfg_options))
    configs = check_rows(rows, runs)
    try:
        scores = run_all(rows, runs, configs, args.seeds)
    except KeyboardInterrupt:
        say('\nstopped; the same command goes on from here')
        raise SystemExit(130) from None
    cfg = configs[rows[0].training]
    notes = [describe_run(args, rows, configs)]
    cues = read_cues(cfg.test_dataloader.dataset.get('data_root', ''))
    if cues:
        # Whole frames stand in for missing landmarks, which show what a
        # region must not.
        keep = clips_with_landmarks(cues)
        scores = {name: each.only(keep) for name, each in scores.items()}
        rows = [replace(row, published=None) for row in rows]
        notes.insert(
            0,
            f'Drawn sample data, {len(keep)} test clips without missing landmarks: these numbers '
            'tell that the pipeline is sound, and nothing about people.',
        )
    first = next(iter(scores.values()))
    priors = prior_rows(first, read_split(cfg, 'train'), read_split(cfg, 'val'))
    table = make_table(scores, priors, args.margin, args.all_pairs, cues and cues['emotions'])
    text = to_markdown(table, rows, notes)
    write_text(osp.join(args.work_dir, 'table.md'), text)
    for name, content in to_csv(table, rows).items():
        write_text(osp.join(args.work_dir, name), content)
    figures = draw(table, rows, scores, args.work_dir)
    say(
        f'\n{text}\nwritten: {osp.join(args.work_dir, "table.md")}, .csv, '
        + ', '.join(osp.basename(path) for path in figures)
    )


if __name__ == '__main__':
    main()

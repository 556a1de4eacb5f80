"""Train, test and report the rows of a results table, on one split of the data or on folds."""

import os.path as osp
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmengine.config import Config
from mmengine.registry import init_default_scope

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.datasets.wrappers import summary_of
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.labels import read_split
from emoreact_plugin.plots.plots import plot_rows, save_figures
from emoreact_plugin.recipes import SPLITS
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.text import number
from mmaction.registry import DATASETS

from .report import to_csv, to_markdown
from .roc_report import save_roc_figures
from .rows import Row, Training
from .runs import Runs, resolve, score, train
from .scores import Scores, pool, prior_rows, read_scores
from .table import Table


@dataclass(frozen=True)
class Evaluation:
    """What the rows scored on the test clips, and what label frequencies score there.

    Attributes:
        scores (dict[str, Scores]): Row -> scores.
        priors (dict[str, Scores]): Name of a prior -> scores.
    """

    scores: dict[str, Scores]
    priors: dict[str, Scores]


def evaluate(
    rows: Sequence[Row], runs: Runs, configs: dict[Training, Config], seeds: int, what: str = ''
) -> Evaluation:
    """Train and test what is not done yet.

    Args:
        rows (Sequence[Row]): The rows of the table.
        runs (Runs): What all trainings share.
        configs (dict[Training, Config]): From :func:`check_rows`.
        seeds (int): Number of runs of each row.
        what (str): What to say before the name of a training.

    Returns:
        Evaluation: The scores of all seeds.
    """
    scores = _run_all(rows, runs, configs, seeds, what)
    cfg = configs[rows[0].training]
    first = next(iter(scores.values()))
    priors = prior_rows(first, read_split(cfg, 'train'), read_split(cfg, 'val'))
    return Evaluation(scores, priors)


def check_folds(folds: Sequence[dict[Training, Config]]) -> None:
    """Refuse folds that test a clip twice, such as those of two divisions, before any training.

    Args:
        folds (Sequence[dict[Training, Config]]): The configs of each fold, see :func:`check_rows`.

    Raises:
        InputError: With the first such clip, and where it is.
    """
    seen: dict[str, str] = {}
    for configs in folds:
        cfg = next(iter(configs.values()))
        file = cfg.test_dataloader.dataset.ann_file
        for row in read_split(cfg, 'test') or ():
            if row.clip_id in seen:
                raise InputError(
                    f'{row.clip_id}: expected in the test split of one fold, found in '
                    f'{seen[row.clip_id]} and {file}'
                )
            seen[row.clip_id] = file


def pool_folds(folds: Sequence[Evaluation]) -> Evaluation:
    """Put the test clips of all folds together; only priors that all folds have are kept."""
    rows, *_ = folds
    return Evaluation(
        {name: pool([each.scores[name] for each in folds]) for name in rows.scores},
        {
            name: pool([each.priors[name] for each in folds])
            for name in rows.priors
            if all(name in each.priors for each in folds)
        },
    )


def write_report(
    table: Table, rows: Sequence[Row], scores: dict[str, Scores], notes: Sequence[str], folder: str
) -> tuple[str, list[str]]:
    """Write a table as Markdown, CSV files and figures into a folder.

    Returns:
        tuple[str, list[str]]: The Markdown, and the paths of the files.
    """
    text = to_markdown(table, rows, notes)
    files = {'table.md': text, **to_csv(table, rows)}
    for name, content in files.items():
        write_text(osp.join(folder, name), content)
    paths = [osp.join(folder, name) for name in files]
    return text, paths + _draw(table, rows, scores, folder)


def check_rows(rows: Sequence[Row], runs: Runs) -> dict[Training, Config]:
    """Resolve the configuration of every row and open its data, before anything is trained.

    Returns:
        dict[Training, Config]: The configuration of each training.

    Raises:
        InputError, FileNotFoundError: For a row that the config cannot be changed to, data that
            cannot be read, or rows that are tested on different clips.
    """
    configs: dict[Training, Config] = {}
    opened: set[tuple[str, str]] = set()
    tests: dict[str, EmoReactDataset] = {}
    for row in rows:
        if row.training in configs:
            continue
        cfg = resolve(runs, row.training)
        configs[row.training] = cfg
        init_default_scope(cfg.get('default_scope', 'mmaction'))
        for split in SPLITS:
            config = cfg[f'{split}_dataloader'].dataset
            about = {key: value for key, value in config.to_dict().items() if key != 'pipeline'}
            if (split, repr(about)) in opened:
                continue
            opened.add((split, repr(about)))
            dataset = DATASETS.build(config)
            say(f'{split} ({row.training.name}): {summary_of(dataset)}')
            if split == 'test' and hasattr(dataset, 'video_ids'):
                tests[row.training.name] = dataset
    _check_same_tests(tests)
    return configs


def _check_same_tests(tests: dict[str, EmoReactDataset]) -> None:
    """Refuse rows that are tested on different clips."""
    if not tests:
        return
    (first, expected), *others = tests.items()
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


def _run_all(
    rows: Sequence[Row], runs: Runs, configs: dict[Training, Config], seeds: int, what: str
) -> dict[str, Scores]:
    """Train and test what is not done yet, and return the scores of each row by its name."""
    total = len({(row.training, seed) for row in rows for seed in range(seeds * row.seeds_a_run)})
    done: dict[tuple[Training, int], str] = {}
    dumps: dict[str, list[list[str]]] = {row.name: [] for row in rows}
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
                            f'--- {what}{row.training.name}, seed {each} '
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


def describe_runs(rows: Sequence[Row], configs: dict[Training, Config], seeds: int) -> str:
    """Describe in a paragraph what the numbers are about."""

    def each(get: Callable[[Config], object]) -> str:
        return ', '.join(sorted({str(get(c)) for c in configs.values()}))

    text = (
        f'{number(len(configs), "training")} with {number(seeds, "seed")} each; backbone: '
        f'{each(_backbone_of)}; length: {each(_length_of)}; '
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


def _backbone_of(cfg: Config) -> str:
    """Name the backbone, with its number of stages if some are left out."""
    arch = cfg.get('recipe', {}).get('arch', 'own')
    streams = cfg.model.get('streams')
    own = streams.values() if isinstance(streams, dict) else [cfg.model.get('recognizer', {})]
    stages = min(each.get('backbone', {}).get('num_stages', 4) for each in own)
    return arch if stages == 4 else f'{arch} ({number(stages, "stage")})'


def _length_of(cfg: Config) -> str:
    """Say in words how long a training is."""
    for key, noun in (('max_epochs', 'epoch'), ('max_iters', 'iteration')):
        if cfg.train_cfg.get(key):
            return number(cfg.train_cfg[key], noun)
    return 'own'


def _draw(table: Table, rows: Sequence[Row], scores: dict[str, Scores], folder: str) -> list[str]:
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

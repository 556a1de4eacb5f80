"""Evaluate a checkpoint on a split."""

import os.path as osp
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import BaseLoop, Runner

from emoreact_plugin.datasets.wrappers import summary_of, unwrap, video_ids_of
from emoreact_plugin.evaluation import (
    Calibration,
    DumpScores,
    ROCAUCMetric,
    format_table,
    write_metrics,
)
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a
from emoreact_plugin.weights.checkpoints import check_finite, read_checkpoint
from mmaction.registry import METRICS

from .auto_crops import make_crops
from .console import ConsoleHook, say
from .finite import FiniteHook
from .labels import score_priors
from .runner import build_runner


def choose_split(cfg: Config, split: str) -> None:
    """Let the test loop run on a split.

    The test loop is used because it keeps no checkpoint.
    """
    if split == 'test':
        return
    if not cfg.get(f'{split}_dataloader'):
        raise InputError(
            f'--split {split}: expected a {split}_dataloader in the config, found none'
        )
    if split == 'val':
        cfg.test_dataloader = cfg.val_dataloader
        cfg.test_evaluator = cfg.val_evaluator
        cfg.test_cfg = cfg.get('test_cfg') or dict(type='TestLoop')
        return
    dataset = cfg.train_dataloader.dataset
    test = cfg.test_dataloader.dataset
    if 'pipeline' not in dataset or 'pipeline' not in test:
        raise InputError(
            '--split train: expected data sets with a pipeline of their own '
            f'for train and test, found {dataset.type} and {test.type}'
        )
    cfg.test_dataloader.dataset = dict(dataset, pipeline=test.pipeline, test_mode=True)


def add_dump(cfg: Config, path: str, split: str, checkpoint: str) -> None:
    """Let the evaluator write the predictions to a file as well."""
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    if path.endswith(('.pkl', '.pickle')):
        dump = dict(type='DumpResults', out_file_path=path)
    elif path.endswith('.npz'):
        metrics = [e for e in evaluators if is_a(e, 'ROCAUCMetric', registry=METRICS)]
        if not metrics:
            raise InputError(
                f'--dump {path}: expected a ROCAUCMetric in the evaluator, which says whether the '
                f'scores are logits, found {", ".join(str(e["type"]) for e in evaluators)}'
            )
        dump = dict(
            type='DumpScores',
            out_file=path,
            split=split,
            checkpoint=checkpoint,
            **{k: metrics[0][k] for k in ('scores', 'classes') if k in metrics[0]},
        )
    else:
        raise InputError(f'--dump {path}: expected a name that ends in .npz or .pkl')
    cfg.test_evaluator = [*evaluators, dump]


def test(cfg: Config, checkpoint: str, split: str, dump: str | None = None) -> None:
    """Score a checkpoint on the test loop of a config; print and write the table.

    Args:
        cfg (Config): A config whose test loop runs on ``split``, see :func:`choose_split`.
        checkpoint (str): Its path.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        dump (str, optional): Path of the file that :func:`add_dump` lets it write, for the last
            line.
    """
    make_crops(cfg)
    runner = build_runner(cfg)
    for kind in (ConsoleHook, FiniteHook):
        if not any(isinstance(hook, kind) for hook in runner.hooks):
            runner.register_hook(kind())
    read = read_checkpoint(checkpoint)
    check_finite(read.state, checkpoint)
    try:
        # MMEngine's own loading tests random weights where the names differ.
        runner.load_checkpoint(checkpoint, strict=True)
    except RuntimeError as error:
        raise InputError(
            f'{checkpoint}: its weights do not fit the model of the config: {str(error)[:500]}'
        ) from error
    dataset = runner.test_dataloader.dataset
    if read.calibration and split != 'val':
        classes = dataset.metainfo['classes']
        calibration = Calibration.of_meta(read.calibration, classes, checkpoint)
        use_calibration(runner.test_loop, calibration)
    say(f'{split}: {summary_of(dataset)}')
    # Its test loop runs on the split. The labels of train say too much about train itself.
    priors = {split: score_priors(cfg, 'test') if split != 'train' else {}}
    results = {split: runner.test()}
    path = osp.join(runner.work_dir, f'{split}_metrics.json')
    if is_main_process():
        write_metrics(path, results, priors, checkpoint=checkpoint)
    say(results_table(runner, results, priors))
    say(f'\nmetrics: {path}' + (f'\ndump:    {dump}' if dump else ''))


def results_table(runner: Runner, results: dict[str, dict], priors: dict[str, dict]) -> str:
    """Format the results of ``ROCAUCMetric`` as a table; other metrics get one line each."""
    if results and all('roc_auc/micro' in m for m in results.values()):
        loop = runner.test_loop or runner.val_loop
        classes = loop.dataloader.dataset.metainfo['classes']
        return format_table(results, classes, priors)
    return '\n'.join(
        f'{split} {name}: {value}'
        for split, metrics in results.items()
        for name, value in metrics.items()
    )


def use_calibration(loop: BaseLoop, calibration: Calibration | None) -> None:
    """Let the metrics of a loop score what a calibration makes of the logits."""
    for metric in loop.evaluator.metrics:
        if isinstance(metric, ROCAUCMetric):
            metric.calibration = calibration


def keep_scores(loop: BaseLoop, split: str, work_dir: str, checkpoint: str | None) -> None:
    """Let a loop write the scores of its clips into the work dir.

    plot_roc.py and fuse_scores.py read them. They are not requested in the config, because the
    config is meant to run again elsewhere. Nothing is written without a ``ROCAUCMetric``; nor, and
    a line says so, if clips have no name or are in the data set several times.
    """
    dataset, metrics = loop.dataloader.dataset, loop.evaluator.metrics
    ours = [
        each
        for each in metrics
        if isinstance(each, ROCAUCMetric) and not isinstance(each, DumpScores)
    ]
    if not ours:
        return
    reason = _why_not_kept(dataset)
    if reason:
        lost = ', and no temperature and thresholds chosen' if split == 'val' else ''
        say(f'{split}.npz: not written{lost}: {reason}')
        return
    dump = DumpScores(
        osp.join(work_dir, f'{split}.npz'),
        scores=ours[0].scores,
        classes=ours[0].classes,
        split=split,
        checkpoint=checkpoint,
    )
    dump.dataset_meta = dataset.metainfo
    metrics.append(dump)


def _why_not_kept(dataset: Any) -> str:
    """Return why no dump can be made of a data set, which has every clip once by its name."""
    for each in unwrap(dataset):
        if not hasattr(each, 'video_ids'):
            return f'{type(each).__name__} has no video_ids'
        steps = each.pipeline.transforms
        if not any('video_id' in getattr(step, 'meta_keys', ()) for step in steps):
            return 'the pipeline does not pack video_id'
    if len(set(video_ids_of(dataset))) != len(dataset):
        return f'clips are several times in the {type(dataset).__name__}'
    return ''

"""Train a recognizer, then evaluate its best checkpoint on val and test."""

import argparse
import os.path as osp

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.evaluation import write_metrics
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.weights.checkpoints import check_recipe, latest_checkpoint, read_checkpoint
from mmaction.registry import DATASETS

from .console import ConsoleHook, say
from .flags import datasets_of
from .labels import balance_labels
from .runner import build_runner
from .testing import keep_scores, results_table


def apply_flags(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the flags about training to the config."""
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.default_hooks.checkpoint.pop('save_best', None)
    if args.amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise InputError(f'--amp: expected an optim_wrapper of type OptimWrapper, found {kind}')
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    check_schedule(cfg)
    if args.pos_weight:
        balance_labels(cfg)
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    if args.early_stopping is not None:
        if args.no_validate:
            raise InputError('--early-stopping: expected validation, found --no-validate')
        cfg.setdefault('custom_hooks', []).append(
            dict(
                type='EarlyStoppingHook',
                monitor='roc_auc/micro',
                rule='greater',
                patience=args.early_stopping,
            )
        )
    if cfg.get('randomness') is None:
        cfg.randomness = dict(seed=0)
    if args.seed is not None:
        cfg.randomness.seed = args.seed
    for name in ('diff_rank_seed', 'deterministic'):
        if getattr(args, name):
            cfg.randomness[name] = True


def check_schedule(cfg: Config) -> None:
    """Refuse a one-cycle schedule that ends before the training does.

    It would raise an error in the middle of the training.
    """
    schedulers = cfg.get('param_scheduler') or []
    epochs = cfg.train_cfg.get('max_epochs')
    for each in schedulers if isinstance(schedulers, list) else [schedulers]:
        steps = each.get('total_steps')
        if each.get('convert_to_iter_based') and steps and epochs and (steps < epochs):
            raise InputError(
                f'param_scheduler.total_steps: expected the {epochs} epochs '
                f'of train_cfg.max_epochs, found {steps}; add '
                f'param_scheduler.total_steps={epochs} to --cfg-options'
            )


def apply_resume(cfg: Config, args: argparse.Namespace) -> None:
    """Find the checkpoint to resume from, and take over its seed."""
    if args.resume is None:
        return
    path = args.resume
    if path == 'auto':
        path = latest_checkpoint(cfg.work_dir)
        if path is None:
            say(f'{cfg.work_dir}: no checkpoint to go on from, starting anew')
            return
    checkpoint = read_checkpoint(path)
    check_recipe(checkpoint, cfg.get('recipe'), resume=True)
    meta = checkpoint.meta
    if 'epoch' not in meta or 'iter' not in meta:
        raise InputError(
            f'{path}: expected the checkpoint of a run to go on from, found weights without its '
            'epoch; --init starts a training from them'
        )
    cfg.resume, cfg.load_from = True, path
    # The sampler is built before MMEngine reads the seed in the checkpoint.
    if args.seed is None and meta.get('seed') is not None:
        cfg.randomness.seed = meta['seed']
    if 'start_weights' in cfg.model:
        cfg.model.start_weights = None  # all weights are in the checkpoint
    say(f'going on from {path}')


def prepare_run(cfg: Config) -> Runner:
    """Build the Runner of a training, after checking that everything it needs is there."""
    check_files(cfg)
    runner = build_runner(cfg)
    runner.register_hook(ConsoleHook())
    say(f'log and checkpoints: {runner.work_dir}')
    get_start_weights(runner)
    open_splits(runner)
    return runner


def check_files(cfg: Config) -> None:
    """Check that the files of all splits exist.

    This takes seconds. It is done before start weights are downloaded and landmarks are prepared.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    for config in datasets_of(cfg):
        kind = config.get('type')
        if isinstance(kind, str):
            kind = DATASETS.get(kind)
        if isinstance(kind, type) and issubclass(kind, EmoReactDataset):
            DATASETS.build(dict(config, lazy_init=True)).check_files()


def get_start_weights(runner: Runner) -> None:
    """Load the start weights now.

    Otherwise the Runner would load them only after the datasets have been prepared, and find out
    then if they are not available.
    """
    model = runner.model
    if is_model_wrapper(model):
        model = model.module
    if getattr(model, 'start_weights', None) is not None:
        model.init_weights()


def open_splits(runner: Runner) -> None:
    """Build the datasets of all splits, which checks their files.

    MMEngine would open val only after the first epoch and test after the last.

    Raises:
        InputError: If all labels of val are the same.
    """
    loops = dict(train=runner.train_loop, val=runner.val_loop, test=runner.test_loop)
    seen: dict[str, set[str]] = {}
    for split, loop in loops.items():
        if loop is None:
            continue
        dataset = loop.dataloader.dataset
        for other, clips in seen.items():
            both = sorted(clips & set(getattr(dataset, 'video_ids', ())))
            if both:
                say(
                    f'WARNING: {len(both)} clips are in {other} and in '
                    f'{split}: {", ".join(both[:3])}{", …" * (len(both) > 3)}'
                )
        seen[split] = set(getattr(dataset, 'video_ids', ()))
        summary = getattr(dataset, 'summary', None)
        say(f'{split}: ' + (summary() if summary else f'{len(dataset)} samples'))
        labels = getattr(dataset, 'labels', None)
        if split == 'val' and labels is not None and (labels.min() == labels.max()):
            raise InputError(
                f'{dataset.ann_file}: all labels are {labels.min():g}, so no ROC AUC can tell the '
                'best epoch; expected 0 and 1, or --no-validate'
            )


def train(runner: Runner, prior: dict[str, float | None]) -> None:
    """Train, evaluate, and print and write the table.

    Args:
        runner (Runner): From :func:`prepare_run`.
        prior (dict[str, float | None]): From :func:`label_prior`.

    Raises:
        SystemExit: With code 130, after Ctrl-C.
    """
    try:
        runner.train()
    except KeyboardInterrupt:
        latest = latest_checkpoint(runner.work_dir)
        say(
            f'\nstopped; --resume goes on from {latest}'
            if latest
            else '\nstopped before the first checkpoint'
        )
        raise SystemExit(130) from None
    results, checkpoint = evaluate(runner)
    path = osp.join(runner.work_dir, 'metrics.json')
    if is_main_process():
        write_metrics(path, results, prior, checkpoint=checkpoint)
    say('')
    say(results_table(runner, results, prior))
    say(
        f'\ncheckpoint: {checkpoint}\nmetrics:    {path}\n'
        f'plots:      python tools/plot_roc.py {runner.work_dir}'
    )


def evaluate(runner: Runner) -> tuple[dict[str, dict], str | None]:
    """Score the best checkpoint of the run on val and test.

    If there was no validation, the last weights are scored.
    """
    barrier()  # the first rank may still be writing it
    best = runner.message_hub.runtime_info.get('best_ckpt')
    if best:
        # By its name: the folder may have been moved before a resume.
        best = osp.join(runner.work_dir, osp.basename(best))
        runner.load_checkpoint(best, strict=True)
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            # This validation must not pass for that of the last epoch.
            hook.save_best = None
    checkpoint = best or latest_checkpoint(runner.work_dir)
    results = {}
    for split, loop in (('val', runner.val_loop), ('test', runner.test_loop)):
        if loop:
            keep_scores(loop, split, runner.work_dir, checkpoint)
            results[split] = loop.run()
    return results, checkpoint

"""Train a recognizer, then evaluate its best checkpoint on val and test."""

import argparse
import os.path as osp

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.checkpoints import check_recipe, latest_checkpoint, read_meta
from emoreact_plugin.command_line import (
    add_config_arguments,
    balance_labels,
    build_runner,
    clear_errors,
    datasets_of,
    label_prior,
    load_config,
    results_table,
)
from emoreact_plugin.console import ConsoleHook, say
from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.evaluation import DumpScores, ROCAUCMetric, write_metrics
from emoreact_plugin.visualization import add_tensorboard
from mmaction.registry import DATASETS


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--print-config', metavar='FILE', help='write the resolved config to FILE and stop'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without a path, from the latest one in the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training; the last checkpoint is tested',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the number of GPUs',
    )
    parser.add_argument(
        '--early-stopping',
        type=int,
        metavar='EPOCHS',
        help='stop when val ROC AUC micro has not risen for EPOCHS epochs',
    )
    parser.add_argument(
        '--pos-weight',
        action='store_true',
        help='weight the loss of positive labels by the negatives per '
        'positive in the training split',
    )
    parser.add_argument(
        '--tensorboard',
        action='store_true',
        help='write losses, scores and a chart of the ROC AUC of each emotion '
        'for TensorBoard, into the work dir',
    )
    parser.add_argument('--seed', type=int, help='random seed (default: 0)')
    parser.add_argument(
        '--diff-rank-seed', action='store_true', help='a seed of its own for each rank'
    )
    parser.add_argument('--deterministic', action='store_true', help='deterministic CUDNN, slower')
    return parser.parse_intermixed_args()


def apply_flags(cfg, args):
    """Put the flags that are about training over the config."""
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.default_hooks.checkpoint.pop('save_best', None)
    if args.amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise ValueError(f'--amp: expected an optim_wrapper of type OptimWrapper, found {kind}')
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    check_schedule(cfg)
    if args.pos_weight:
        balance_labels(cfg)
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    if args.early_stopping is not None:
        if args.no_validate:
            raise ValueError('--early-stopping: expected validation, found --no-validate')
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


def check_schedule(cfg):
    """Refuse a one-cycle schedule that ends before the training does: it
    would raise in the middle of it.
    """
    schedulers = cfg.get('param_scheduler') or []
    epochs = cfg.train_cfg.get('max_epochs')
    for each in schedulers if isinstance(schedulers, list) else [schedulers]:
        steps = each.get('total_steps')
        if each.get('convert_to_iter_based') and steps and epochs and (steps < epochs):
            raise ValueError(
                f'param_scheduler.total_steps: expected the {epochs} epochs '
                f'of train_cfg.max_epochs, found {steps}; add '
                f'param_scheduler.total_steps={epochs} to --cfg-options'
            )


def apply_resume(cfg, args):
    """Find the checkpoint to go on from, with its seed."""
    if args.resume is None:
        return
    path = args.resume
    if path == 'auto':
        path = latest_checkpoint(cfg.work_dir)
        if path is None:
            say(f'{cfg.work_dir}: no checkpoint to go on from, starting anew')
            return
    meta = read_meta(path)
    check_recipe(path, meta, cfg.get('recipe'), resume=True)
    if 'epoch' not in meta or 'iter' not in meta:
        raise ValueError(
            f'{path}: expected the checkpoint of a run to go on '
            'from, found weights without its epoch; --init '
            'starts a training from them'
        )
    cfg.resume, cfg.load_from = True, path
    # The sampler is built before MMEngine reads the seed in the checkpoint.
    if args.seed is None and meta.get('seed') is not None:
        cfg.randomness.seed = meta['seed']
    if 'start_weights' in cfg.model:
        cfg.model.start_weights = None  # all weights are in the checkpoint
    say(f'going on from {path}')


def check_files(cfg):
    """Look whether the files of all splits are there, which takes seconds,
    before start weights are downloaded and landmarks prepared.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    for config in datasets_of(cfg):
        kind = config.get('type')
        if isinstance(kind, str):
            kind = DATASETS.get(kind)
        if isinstance(kind, type) and issubclass(kind, EmoReactDataset):
            DATASETS.build(dict(config, lazy_init=True)).check_files()


def get_start_weights(runner):
    """Load the start weights now: the Runner would do so, and find out that
    they are not to be had, after the data sets have been prepared.
    """
    model = runner.model
    if is_model_wrapper(model):
        model = model.module
    if getattr(model, 'start_weights', None) is not None:
        model.init_weights()


def open_splits(runner):
    """Build the data sets of all splits, which checks their files; MMEngine
    would open val and test after the first epoch and after the last.
    """
    loops = dict(train=runner.train_loop, val=runner.val_loop, test=runner.test_loop)
    seen = {}
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
            raise ValueError(
                f'{dataset.ann_file}: all labels are {labels.min():g}, so no '
                'ROC AUC can tell the best epoch; expected 0 and 1, or '
                '--no-validate'
            )


def evaluate(runner):
    """Score the best checkpoint of the run, or the last weights where there
    was no validation, on val and test.
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


def keep_scores(loop, split, work_dir, checkpoint):
    """Let a loop write the scores of its clips into the work dir, for
    plot_roc.py and fuse_scores.py. Not by the config, which is to run again
    elsewhere.
    """
    dataset, metrics = loop.dataloader.dataset, loop.evaluator.metrics
    ours = [each for each in metrics if type(each) is ROCAUCMetric]
    if (
        ours
        and getattr(dataset, 'video_ids', None)
        and any(
            'video_id' in getattr(step, 'meta_keys', ()) for step in dataset.pipeline.transforms
        )
    ):
        dump = DumpScores(
            osp.join(work_dir, f'{split}.npz'),
            scores=ours[0].scores,
            classes=ours[0].classes,
            split=split,
            checkpoint=checkpoint,
        )
        dump.dataset_meta = dataset.metainfo
        metrics.append(dump)


def main():
    args = parse_args()
    with clear_errors():
        cfg = load_config(args)
        apply_flags(cfg, args)
        apply_resume(cfg, args)
        if args.tensorboard:
            add_tensorboard(cfg)
        if args.print_config:
            cfg.dump(args.print_config)
            return
        check_files(cfg)
        runner = build_runner(cfg)
        runner.register_hook(ConsoleHook())
        say(f'log and checkpoints: {runner.work_dir}')
        if args.tensorboard:
            say(f'to watch it: tensorboard --logdir {runner.work_dir}')
        get_start_weights(runner)
        open_splits(runner)
        prior = label_prior(cfg)
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


if __name__ == '__main__':
    main()

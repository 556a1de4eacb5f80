"""Apply the flags about training, and train."""

import argparse
import platform
import signal

import torch
from mmengine.config import Config
from mmengine.device import get_device

from emoreact_plugin.datasets.annotations import labeled_clips
from emoreact_plugin.evaluation import coarsest
from emoreact_plugin.recipes import SPLITS
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import FULL, full_disk
from emoreact_plugin.utils.parts import type_name
from emoreact_plugin.weights.checkpoints import latest_checkpoint

from .auto_crops import make_crops
from .console import say
from .labels import balance_labels, read_split
from .runner import build_runner, with_peaks

# What --select chooses the best epoch by.
SELECT = dict(micro='roc_auc/micro', macro='roc_auc/macro', within='roc_auc_within/micro')
# What makes a run whole; our default_runtime.py has them.
HOOKS = ('WorkDirHook', 'FiniteHook', 'SplitsCheckHook', 'ConsoleHook', 'FinalTestHook')
# The least and the greatest value of a flag. PyTorch and NumPy take no others.
LIMITS = dict(batch_size=(1, 2**31 - 1), lr=(0, 1e38), early_stopping=(1, 2**31 - 1))


def apply_flags(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the flags about training to the config."""
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.default_hooks.checkpoint.pop('save_best', None)
    for name, (low, high) in LIMITS.items():
        value = getattr(args, name)
        # not for NaN
        if value is not None and not low <= value <= high:
            expected = f'{low} or more' if value < low else f'{low} to {high}'
            raise InputError(f'--{name.replace("_", "-")}: expected {expected}, found {value}')
    if args.batch_size is not None:
        for split in SPLITS:
            if cfg.get(f'{split}_dataloader'):
                cfg[f'{split}_dataloader'].batch_size = args.batch_size
    if args.lr is not None:
        cfg.optim_wrapper.optimizer.lr = args.lr
        if cfg.get('param_scheduler'):
            cfg.param_scheduler = with_peaks(cfg.param_scheduler, lambda _: args.lr)
    if args.amp:
        kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise InputError(f'--amp: expected an optim_wrapper of type OptimWrapper, found {kind}')
        if get_device() == 'cpu' and not has_bfloat16_units():
            raise InputError(
                '--amp: expected a GPU, or a CPU that computes in bfloat16 (AVX512-BF16 or AMX), '
                'found one that does not: training would take several times longer than without'
            )
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.pos_weight:
        balance_labels(cfg)
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise InputError(
                '--auto-scale-lr: expected auto_scale_lr=dict(base_batch_size=N) in the config, '
                'found none'
            )
        cfg.auto_scale_lr.enable = True
    for flag in ('select', 'early_stopping'):
        if args.no_validate and getattr(args, flag) is not None:
            name = flag.replace('_', '-')
            raise InputError(f'--{name}: expected validation, found --no-validate')
    if args.select is not None:
        _select(cfg, args.select)
    if args.early_stopping is not None:
        checkpoint = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
        best = checkpoint.get('save_best') or 'auto'
        best = best if isinstance(best, str) else best[0]
        hook = dict(
            type='EarlyStoppingHook',
            monitor=SELECT['micro'] if best == 'auto' else best,
            rule='greater',
            patience=args.early_stopping,
        )
        _append_hooks(cfg, [hook])
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if cfg.get('randomness') is None:
        cfg.randomness = dict(seed=None)
    if args.seed is not None:
        cfg.randomness.seed = args.seed
    if args.overwrite:
        if cfg.get('resume'):
            raise InputError('--overwrite deletes what --resume goes on from; expected one of them')
        cfg.overwrite = True
    for name in ('diff_rank_seed', 'deterministic'):
        if getattr(args, name):
            cfg.randomness[name] = True


def has_bfloat16_units() -> bool:
    """Tell whether the CPU computes in bfloat16 itself, instead of converting each number."""
    if platform.machine().lower() in ('x86_64', 'amd64'):
        units = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
        return any(getattr(torch.cpu, name, bool)() for name in units)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _select(cfg: Config, value: str) -> None:
    """Choose the best epoch by a score; refuse that within groups where none are known."""
    if value == 'within':
        rows = read_split(cfg, 'val')
        if not rows or coarsest(labeled_clips(rows).groups) is None:
            raise InputError(
                '--select within: expected groups of the clips of val, found none; see group_names '
                'and columns of EmoReactDataset'
            )
    chosen = dict(checkpoint=dict(save_best=SELECT[value], rule='greater'))
    cfg.merge_from_dict(dict(default_hooks=chosen))


def add_hooks(cfg: Config) -> None:
    """Add the hooks of our default_runtime.py that a config lacks, such as a stock one."""
    there = {type_name(hook) for hook in cfg.get('custom_hooks') or ()}
    _append_hooks(cfg, [dict(type=name) for name in HOOKS if name not in there])


def _append_hooks(cfg: Config, hooks: list[dict]) -> None:
    # Not by setdefault(): a config keeps a copy of the list that it returns.
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), *hooks]


def train(cfg: Config) -> None:
    """Train by a config.

    Raises:
        InputError: If a disk is full.
        SystemExit: With code 130 after Ctrl-C, and 143 after SIGTERM.
    """
    make_crops(cfg)
    add_hooks(cfg)
    runner = build_runner(cfg)

    def stop(*_: object) -> None:
        raise SystemExit(143)

    # As schedulers of clusters end a run; writing ends as after Ctrl-C.
    before = signal.signal(signal.SIGTERM, stop)
    try:
        runner.train()
    except (KeyboardInterrupt, SystemExit, SyntaxError) as error:
        # MMEngine's Config.pretty_text makes a SyntaxError of whatever stops it, Ctrl-C too.
        end = error.__context__ if isinstance(error, SyntaxError) else error
        if not isinstance(end, KeyboardInterrupt) and getattr(end, 'code', None) != 143:
            raise
        latest = latest_checkpoint(runner.work_dir)
        say(
            f'\nstopped; --resume goes on from {latest}'
            if latest
            else '\nstopped before the first checkpoint'
        )
        raise SystemExit(130 if isinstance(end, KeyboardInterrupt) else 143) from None
    except OSError as error:
        if error.errno in FULL:
            if not error.filename:
                error = full_disk(error, runner.work_dir)
            raise InputError(f'{error}; after making space, --resume goes on') from error
        raise
    finally:
        signal.signal(signal.SIGTERM, before)

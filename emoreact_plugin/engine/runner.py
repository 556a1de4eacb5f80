"""Run trainings and tests: check what they need first, and be brief on the console."""

import logging
import os.path as osp
from collections.abc import Callable
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.models import check_batch_sizes
from emoreact_plugin.recipes import datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_text
from emoreact_plugin.utils.parts import type_name
from emoreact_plugin.weights.checkpoints import (
    Checkpoint,
    check_recipe,
    last_checkpoints,
    read_checkpoint,
)
from mmaction.registry import DATASETS, RUNNERS

from .console import say, use_plain_style
from .flags import leaves
from .safe_checkpoints import SafeCheckpointHook
from .work_dir import START_ANEW, claim, leave_work_dir


@RUNNERS.register_module()
class EmoReactRunner(Runner):
    """Run like MMEngine's Runner, but check first, and write the long log to the file only.

    The console gets warnings, and what the hooks of ``configs/_base_/default_runtime.py`` print.
    Before anything is built, the seed is settled (0 without one; that of the checkpoint when
    resuming) and the checkpoint to resume from is looked at. Before a training builds its data
    sets, the files of all splits are looked for, and start weights are loaded.

    A config chooses it by ``runner_type = 'EmoReactRunner'``, which MMAction2's own tools honour.
    """

    param_schedulers: Any  # MMEngine gives it no type

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'EmoReactRunner':
        """Build a Runner from a config, which is settled first.

        Raises:
            FileNotFoundError, InputError: For a checkpoint that a training cannot go on from.
        """
        settle_resume(cfg)
        _settle_seed(cfg, 0)
        return super().from_cfg(cfg)

    def train(self) -> nn.Module:
        """Train.

        Raises:
            FileNotFoundError, InputError: For a work dir of another run, files that are missing, a
                schedule that ends too early, and start weights that cannot be had.
        """
        check_schedule(self.cfg)
        check_files(self.cfg)
        check_batch_sizes(self.cfg)
        load_start_weights(self.model)
        # It may delete what another run has left, so it comes last.
        claim(self)
        try:
            self._write_config()
            say(f'log and checkpoints: {self.work_dir}')
            return super().train()
        finally:
            leave_work_dir(self.work_dir)

    def test(self) -> dict:
        """Test; the config is written into the work dir, unless that of a training is there."""
        if not osp.exists(self._config_path()):
            self._write_config()
        return super().test()

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate to the batch size as MMEngine does, and that of one cycle too."""
        if not (auto_scale_lr or {}).get('enable'):
            return
        before = max(optim_wrapper.get_lr()['lr'])
        super().scale_lr(optim_wrapper, auto_scale_lr)
        ratio = max(optim_wrapper.get_lr()['lr']) / before if before else 1.0
        self.param_schedulers = with_peaks(self.param_schedulers, lambda peak: peak * ratio)

    def dump_config(self) -> None:
        """Leave the config to :meth:`train` and :meth:`test`: the work dir may be in use."""

    def _config_path(self) -> str:
        name = osp.basename(self.cfg.filename) if self.cfg.filename else f'{self.timestamp}.py'
        return osp.join(self.work_dir, name)

    def _write_config(self) -> None:
        if is_main_process():
            path = self._config_path()
            if path.endswith('.py'):
                write_text(path, self.cfg.pretty_text)
            else:
                self.cfg.dump(path)

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        """Register MMEngine's default hooks, with :class:`SafeCheckpointHook` among them."""
        checkpoint = (hooks or {}).get('checkpoint', dict(type='CheckpointHook', interval=1))
        if isinstance(checkpoint, dict) and type_name(checkpoint) == 'CheckpointHook':
            hooks = dict(hooks or {}, checkpoint=dict(checkpoint, type=SafeCheckpointHook))
        super().register_default_hooks(hooks)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger, and let its console handlers write only useful warnings."""
        logger = super().build_logger(*args, **kwargs)
        for handler in use_plain_style(logger):
            handler.setLevel(logging.WARNING)
            handler.addFilter(_worth_reading)
        return logger


def _worth_reading(record: logging.LogRecord) -> bool:
    # A constant learning rate needs no scheduler, a dump no prefix.
    return not record.getMessage().startswith(
        (
            '`save_param_scheduler` is True',
            '`resume_param_scheduler` is True',
            'The prefix is not set in metric class DumpResults',
        )
    )


def build_runner(cfg: Config) -> Runner:
    """Build the Runner of a config, of the type ``runner_type`` if the config has it."""
    return RUNNERS.build(cfg) if 'runner_type' in cfg else EmoReactRunner.from_cfg(cfg)


def _settle_seed(cfg: Config, seed: int | None) -> None:
    """Set the seed of a config that has none; refuse one that NumPy would not take."""
    randomness = dict(cfg.get('randomness') or {})
    found = randomness.get('seed')
    if found is None:
        cfg.randomness = dict(randomness, seed=seed)
    elif type(found) is not int or not 0 <= found < 2**32:
        raise InputError(f'--seed: expected a whole number from 0 to {2**32 - 1}, found {found}')


def settle_resume(cfg: Config) -> None:
    """Find the checkpoint to resume from, and take over its seed.

    Raises:
        FileNotFoundError, InputError: For a checkpoint that a training cannot go on from.
    """
    if not cfg.get('resume'):
        return
    checkpoint = _checkpoint_to_resume(cfg)
    if checkpoint is None:
        say(f'{cfg.work_dir}: no checkpoint to go on from, starting anew')
        cfg.resume = False
        return
    path = checkpoint.path
    check_recipe(checkpoint, cfg.get('recipe'), resume=True)
    meta = checkpoint.meta
    if not all(type(meta.get(key)) is int for key in ('epoch', 'iter')):
        raise InputError(
            f'{path}: expected the checkpoint of a run to go on from, found weights without its '
            'epoch; --init starts a training from them'
        )
    if 'optimizer' not in checkpoint.content:
        raise InputError(
            f'{path}: expected the checkpoint of a run to go on from, found one without the state '
            'of its optimizer, as that of the best epoch; --resume alone goes on from the last '
            'epoch, and --init starts a training from these weights'
        )
    _check_schedule_of(checkpoint, cfg)
    cfg.load_from = path
    # The sampler is built before MMEngine reads the seed in the checkpoint.
    _settle_seed(cfg, meta.get('seed'))
    if 'start_weights' in cfg.model:
        cfg.model.start_weights = None  # all weights are in the checkpoint
    say(f'going on from {path}')


def _checkpoint_to_resume(cfg: Config) -> Checkpoint | None:
    """Read the checkpoint that is named, or the newest in the work dir that is whole."""
    if cfg.get('load_from'):
        return read_checkpoint(cfg.load_from)
    paths = last_checkpoints(cfg.work_dir)
    for path in paths:
        try:
            return read_checkpoint(path)
        except InputError as error:
            say(f'WARNING: {error}')
    if paths:
        raise InputError(
            f'{cfg.work_dir}: none of its {len(paths)} checkpoints is whole. {START_ANEW}'
        )
    return None


def _check_schedule_of(checkpoint: Checkpoint, cfg: Config) -> None:
    """Refuse to go on with another optimizer or schedule, which MMEngine would not carry out.

    It restores the optimizer and the schedulers from the checkpoint, their settings included.
    """
    try:
        before = checkpoint.config
    except InputError:
        return  # nothing to compare with
    for name in ('optim_wrapper', 'param_scheduler'):
        old, new = (dict(leaves(each.get(name) or {}, name)) for each in (before, cfg))
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                raise InputError(
                    f'{checkpoint.path}: was trained with {key}={old.get(key)}, found '
                    f'{new.get(key)}: a run that goes on keeps its optimizer and schedule. '
                    '--init CHECKPOINT starts another training from its weights'
                )
    were, are = ((each.get('train_dataloader') or {}).get('batch_size') for each in (before, cfg))
    if were != are:
        # Not refused: twice the processes take half the batch each.
        say(
            f'WARNING: {checkpoint.path}: was trained with batches of {were} a process, goes on '
            f'with {are}; unless the number of processes makes up for it, this is another training'
        )


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
                f'of train_cfg.max_epochs, found {steps}; a new training takes '
                f'param_scheduler.total_steps={epochs} in --cfg-options as well'
            )


def with_peaks(schedulers: Any, change: Callable[[float], float]) -> Any:
    """Return schedulers whose greatest learning rate is another one.

    ``OneCycleLR`` has it as a number of its own, ``eta_max``, and never looks at the optimizer's.

    Args:
        schedulers (Any): ``param_scheduler`` of a config: a dict, or lists and dicts of some.
        change (Callable): Takes the greatest learning rate, and returns the new one.
    """
    if isinstance(schedulers, (list, tuple)):
        return [with_peaks(each, change) for each in schedulers]
    if not isinstance(schedulers, dict):
        return schedulers
    if 'type' not in schedulers:
        return {name: with_peaks(each, change) for name, each in schedulers.items()}
    if 'eta_max' not in schedulers or schedulers.get('param_name', 'lr') != 'lr':
        return schedulers
    return dict(schedulers, eta_max=change(schedulers['eta_max']))


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


def load_start_weights(model: nn.Module) -> None:
    """Load the start weights now.

    Otherwise the Runner would load them only after the datasets have been prepared, and find out
    then if they are not available.
    """
    inner: Any = model.module if is_model_wrapper(model) else model
    if getattr(inner, 'start_weights', None) is not None:
        inner.init_weights()

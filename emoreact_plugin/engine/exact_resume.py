"""Random draws that depend on seed, epoch and sample only, and what else a
resumed run needs.

MMEngine saves no generator state in its checkpoints, and a data loader's
workers repeat their draws every epoch unless they live on. Here every sample
draws from generators that are seeded with (seed, epoch, index), so a run does
not depend on the number of workers, and a resumed one goes on exactly as it
would have without the stop.
"""

import os.path as osp

import numpy as np
import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from emoreact_plugin.utils.files import write_text
from mmaction.registry import HOOKS


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Let a resumed run go on exactly as it would have without the stop.

    Before each epoch the training data set is told seed and epoch
    (``set_epoch(epoch, seed)``, where it has it), before each iteration
    torch's generator is seeded (dropout), and a run that was stopped between
    the end of an epoch and the end of its validation validates first: the
    epoch might be the best one.

    The data set is left alone inside of wrappers such as ``RepeatDataset``
    and in loops that do not count epochs, where all repeats would draw alike.
    """

    priority = 'VERY_HIGH'
    _mark = 'validated_epoch.txt'

    def before_train(self, runner) -> None:
        loop = runner.train_loop
        due = runner.val_loop is not None and (
            runner.epoch >= max(loop.val_begin, 1) and runner.epoch % loop.val_interval == 0
        )
        if due and self._validated(runner) < runner.epoch:
            runner.logger.info(
                f'epoch {runner.epoch} was not validated before the stop: doing so now'
            )
            self._pending = True
        else:
            self._pending = False

    def before_train_epoch(self, runner) -> None:
        # Not in before_train: the checkpoint hook has to be ready by now.
        self._validate_pending(runner)
        dataset = runner.train_dataloader.dataset
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and hasattr(dataset, 'set_epoch'):
            dataset.set_epoch(runner.epoch, runner.seed)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        words = np.random.SeedSequence((runner.seed, runner.iter, get_rank())).generate_state(1)
        torch.manual_seed(int(words[0]))

    def after_val_epoch(self, runner, metrics=None) -> None:
        if is_main_process():
            write_text(osp.join(runner.work_dir, self._mark), str(runner.epoch))

    def after_train(self, runner) -> None:
        self._validate_pending(runner)  # the stop came in the last epoch

    def _validate_pending(self, runner) -> None:
        if self._pending:
            self._pending = False
            runner.val_loop.run()

    def _validated(self, runner) -> int:
        try:
            with open(osp.join(runner.work_dir, self._mark), encoding='utf-8') as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            return 0

"""Make a resumed run continue exactly as it would have without the stop.

MMEngine saves no generator state in its checkpoints, and a data loader's workers repeat their draws
every epoch unless they persist. Here every sample draws from generators that are seeded with (seed,
epoch, index), so that a run does not depend on the number of workers.
"""

import os.path as osp

import numpy as np
import torch
from mmengine.dist import barrier, broadcast_object_list, get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner

from emoreact_plugin.datasets.wrappers import unwrap
from emoreact_plugin.utils.files import write_text
from mmaction.registry import HOOKS

# Says up to which epoch a run was validated.
MARK = 'validated_epoch.txt'


def note_validated(work_dir: str, epoch: int) -> None:
    """Write down in a work dir that an epoch was validated, and its best checkpoint saved."""
    write_text(osp.join(work_dir, MARK), str(epoch))


def validated_epoch(work_dir: str) -> int:
    """Return the last epoch that was validated in a work dir; 0 if none was."""
    try:
        with open(osp.join(work_dir, MARK), encoding='utf-8') as file:
            return int(file.read())
    except (FileNotFoundError, ValueError):
        return 0


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Make a resumed run continue exactly as it would have without the stop.

    Before each epoch, the hook tells the training dataset the seed and the epoch
    (``set_epoch(epoch, seed)``, if the dataset has it). Before each iteration, it seeds torch's
    generator (for dropout). A run that was stopped between the end of an epoch and the end of its
    validation validates first, because that epoch might be the best one.

    Datasets inside ``ConcatDataset`` are told. Those inside ``RepeatDataset`` and
    ``ClassBalancedDataset``, and in loops that do not count epochs, are not, because all repeats
    would draw the same there.
    """

    priority = 'VERY_HIGH'
    _pending = False

    def before_run(self, runner: Runner) -> None:
        """Drop the start weights of a run that goes on: all weights are in the checkpoint."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if runner.cfg.get('resume') and getattr(model, 'start_weights', None) is not None:
            model.start_weights = None

    def before_train(self, runner: Runner) -> None:
        """Give the sampler the run's seed; forget validations of epochs that come again."""
        loop = runner.train_loop
        # It was built before MMEngine read the seed in the checkpoint.
        sampler = loop.dataloader.sampler
        if hasattr(sampler, 'seed'):
            sampler.seed = runner.seed
        if is_main_process() and validated_epoch(runner.work_dir) > runner.epoch:
            note_validated(runner.work_dir, runner.epoch)
        barrier()
        self._pending = True

    def before_train_epoch(self, runner: Runner) -> None:
        """Validate the epoch before the stop if that is due; tell the dataset epoch and seed."""
        # Not in before_train: the checkpoint hook has to be ready by now.
        self._validate_pending(runner)
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        parts = unwrap(runner.train_dataloader.dataset, repeating=False)
        for k, part in enumerate(part for part in parts if hasattr(part, 'set_epoch')):
            # Not the same draws in two data sets that are joined.
            part.set_epoch(runner.epoch, runner.seed + k)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed torch's generator by seed, iteration and rank."""
        words = np.random.SeedSequence((runner.seed, runner.iter, get_rank())).generate_state(1)
        torch.manual_seed(int(words[0]))

    def after_train(self, runner: Runner) -> None:
        """Validate the last epoch if the stop came between its end and its validation."""
        self._validate_pending(runner)  # the stop came in the last epoch

    def _validate_pending(self, runner: Runner) -> None:
        if not self._pending:
            return
        self._pending = False
        loop = runner.train_loop
        due = runner.val_loop is not None and (
            runner.epoch >= max(loop.val_begin, 1) and runner.epoch % loop.val_interval == 0
        )
        # Only the first rank's folder is looked at: others may have another one.
        due = _of_first_rank(due and validated_epoch(runner.work_dir) < runner.epoch)
        if due:
            runner.logger.info(
                f'epoch {runner.epoch} was not validated before the stop: doing so now'
            )
            runner.val_loop.run()


def _of_first_rank(value: bool) -> bool:
    """Return the value of the first rank."""
    values = [value]
    broadcast_object_list(values)
    return values[0]

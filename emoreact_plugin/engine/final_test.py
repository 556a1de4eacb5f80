"""Score the best checkpoint of a training on val and test."""

import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook, LoggerHook
from mmengine.runner import Runner, save_checkpoint

from emoreact_plugin.evaluation import Calibration, calibrate, read_dump, write_dump, write_metrics
from emoreact_plugin.utils.files import sha256_of
from emoreact_plugin.weights.checkpoints import latest_checkpoint, read_checkpoint
from mmaction.registry import HOOKS

from .console import say
from .exact_resume import ExactResumeHook
from .labels import score_priors
from .testing import keep_scores, results_table, use_calibration


@HOOKS.register_module()
class FinalTestHook(Hook):
    """Score the best checkpoint on val and test when a training ends, and write the table.

    Without validation, the last weights are scored. ``metrics.json`` in the work dir gets all
    scores, ``val.npz`` and ``test.npz`` those of every clip (dumps).
    """

    # After the validation that a stopped run may still owe.
    priority = 'LOWEST'

    def after_train(self, runner: Runner) -> None:
        """Score, print and write."""
        barrier()  # the first rank may still be writing the best checkpoint
        best = _best_checkpoint(runner)
        if best:
            # By its name: the folder may have been moved before a resume.
            here = osp.join(runner.work_dir, osp.basename(best))
            best = here if osp.isfile(here) else best
            runner.load_checkpoint(best, strict=True)
        checkpoint = best or latest_checkpoint(runner.work_dir)
        results = {}
        calibration = None
        with _no_part_of_the_training(runner):
            for split, loop in (('val', runner.val_loop), ('test', runner.test_loop)):
                if loop:
                    keep_scores(loop, split, runner.work_dir, checkpoint)
                    use_calibration(loop, calibration)
                    results[split] = loop.run()
                if split == 'val' and loop and checkpoint:
                    calibration = _calibrate(osp.join(runner.work_dir, 'val.npz'), checkpoint)
                    barrier()
        priors = {split: score_priors(runner.cfg, split) for split in results}
        path = osp.join(runner.work_dir, 'metrics.json')
        if is_main_process():
            stored = calibration and calibration.to_meta()
            write_metrics(path, results, priors, checkpoint=checkpoint, calibration=stored)
        table = results_table(runner, results, priors)
        say(f'\n{table}')
        runner.logger.info(table)  # into the log as well
        say(
            f'\ncheckpoint: {checkpoint}\nmetrics:    {path}\n'
            f'plots:      python tools/plot_roc.py {runner.work_dir}\n'
            f'on a video: python tools/demo.py {runner.work_dir} VIDEO'
        )


def _calibrate(path: str, checkpoint: str) -> Calibration | None:
    """Choose temperature and thresholds by the dump of val; keep them with the checkpoint."""
    barrier()  # the first rank may still be writing the dump
    if not osp.isfile(path):
        return None
    dump = read_dump(path)
    if dump.scale != 'logits':
        return None
    calibration = calibrate(dump.scores, dump.labels, dump.classes)
    barrier()
    if is_main_process():
        content = read_checkpoint(checkpoint).content
        content['meta']['calibration'] = calibration.to_meta()
        save_checkpoint(content, checkpoint)
        # The checkpoint that the scores are of has another SHA-256 now.
        write_dump(path, replace(dump, run=sha256_of(checkpoint)))
    return calibration


def _best_checkpoint(runner: Runner) -> str | None:
    """Return the path of the best checkpoint, by the first score of ``save_best``."""
    info = runner.message_hub.runtime_info
    for hook in runner.hooks:
        for name in getattr(hook, 'key_indicators', ()) if isinstance(hook, CheckpointHook) else ():
            return info.get('best_ckpt') or info.get(f'best_ckpt_{name}')
    return info.get('best_ckpt')


@contextmanager
def _no_part_of_the_training(runner: Runner) -> Iterator[None]:
    """Leave out the hooks that would take a validation for that of the last epoch."""
    hooks = list(runner.hooks)
    others = (CheckpointHook, EarlyStoppingHook, ExactResumeHook, LoggerHook)
    runner.hooks[:] = [hook for hook in hooks if not isinstance(hook, others)]
    try:
        yield
    finally:
        runner.hooks[:] = hooks

"""Keep a work dir for one training at a time, and write down in it what was run."""

import contextlib
import json
import os
import os.path as osp
import re
import socket
import time

import filelock
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import sweep, write_json
from emoreact_plugin.utils.text import first_few
from mmaction.registry import HOOKS

from .console import say
from .exact_resume import MARK
from .run_facts import data_facts, run_facts

LOCK = '.run.lock'
FACTS = 'run.json'
# What a training writes into its work dir, and another one must not find there.
_OF_A_RUN = re.compile(
    r'(?:(?:epoch|iter)_\d+|best_.*(?:epoch|iter)_\d+)\.pth|last_checkpoint|metrics\.json|'
    rf'{re.escape(MARK)}|(?:val|test|val_epoch_\d+)\.npz'
)
START_ANEW = (
    'Use another --work-dir, or --overwrite, which deletes them and starts anew '
    '(with other tools: overwrite = True in the config)'
)
# The locks that this process holds, by folder.
_held: dict[str, filelock.BaseFileLock] = {}


@HOOKS.register_module()
class WorkDirHook(Hook):
    """Refuse a work dir of another run, and write down in ``run.json`` what is run.

    The file has the versions, the git commit, the command line, the seed and a fingerprint of the
    data. The ``meta`` of checkpoints has them as ``run``.
    """

    # Before anything is written.
    priority = 'HIGHEST'

    def __init__(self) -> None:
        self.facts: dict = {}

    def before_train(self, runner: Runner) -> None:
        """Take the work dir, and write down what is run.

        Raises:
            InputError: See :func:`take_work_dir`.
        """
        claim(runner)
        loops = dict(train=runner.train_loop, val=runner.val_loop, test=runner.test_loop)
        datasets = {
            split: loop.dataloader.dataset for split, loop in loops.items() if loop is not None
        }
        if is_main_process():
            data = data_facts(datasets)
            self._compare(runner, data)
            self.facts = dict(run_facts(), seed=runner.seed, data=data)
            self._write(runner, ended=None)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what is run in the checkpoint."""
        if self.facts:
            checkpoint['meta']['run'] = self.facts

    def after_run(self, runner: Runner) -> None:
        """Write down that the run has ended, and give the work dir back."""
        if is_main_process() and self.facts:
            self._write(runner, ended=time.strftime('%Y-%m-%d %H:%M:%S'))
        leave_work_dir(runner.work_dir)

    def _write(self, runner: Runner, ended: str | None) -> None:
        who = dict(host=socket.gethostname(), pid=os.getpid(), ended=ended)
        write_json(osp.join(runner.work_dir, FACTS), dict(self.facts, **who))

    @staticmethod
    def _compare(runner: Runner, data: dict) -> None:
        before = read_facts(runner.work_dir).get('data') or {}
        for split, found in data.items() if runner.iter else ():
            if before.get(split, found) != found:
                say(f'WARNING: the clips or labels of {split} are not those before the stop')


def claim(runner: Runner) -> None:
    """Take the work dir of a training, see :func:`take_work_dir`; on the first rank only."""
    if is_main_process():
        resume, overwrite = (bool(runner.cfg.get(key)) for key in ('resume', 'overwrite'))
        source = runner.cfg.get('load_from') if resume else None
        take_work_dir(runner.work_dir, resume, overwrite, source)
    barrier()


def take_work_dir(
    work_dir: str, resume: bool, overwrite: bool = False, source: str | None = None
) -> None:
    """Lock a work dir for this process, and sweep what killed runs have left in it.

    The lock ends with the process. Taking it twice is taking it once.

    Args:
        work_dir (str): The folder.
        resume (bool): The run goes on, so that checkpoints may be there.
        overwrite (bool): Delete the checkpoints and scores of another run. Defaults to False.
        source (str, optional): The checkpoint that a run goes on from. If it is of another folder,
            no checkpoints may be in this one: a best one among them would be taken for its own.

    Raises:
        InputError: If another process has the lock, or there are checkpoints of another run.
    """
    folder = osp.realpath(work_dir)
    if folder in _held:
        return
    os.makedirs(folder, exist_ok=True)
    lock = filelock.FileLock(osp.join(folder, LOCK))
    before = read_facts(folder)
    who = f'process {before.get("pid")} on {before.get("host")}'
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise InputError(
            f'{work_dir}: another training is running in it ({who}); use another --work-dir'
        ) from error
    _held[folder] = lock
    try:
        there = sorted(name for name in os.listdir(folder) if _OF_A_RUN.fullmatch(name))
        checkpoints = [name for name in there if name.endswith('.pth')]
        from_elsewhere = bool(source) and osp.realpath(osp.dirname(str(source))) != folder
        if checkpoints and (from_elsewhere or not resume) and not overwrite:
            holds = f'{work_dir}: holds checkpoints of a training ({first_few(checkpoints)})'
            if from_elsewhere:
                raise InputError(
                    f'{holds}, and {source} is of another folder. --resume without a file goes on '
                    'with that training. Use another --work-dir to go on from the file'
                )
            raise InputError(f'{holds}. --resume goes on with it. {START_ANEW}')
        for name in there if not resume else ():
            os.remove(osp.join(folder, name))
        swept = sweep(folder)
        if before and not before.get('ended'):
            say(
                f'{work_dir}: the last training in it ({who}) was stopped before its end'
                + (f'; deleted {", ".join(swept)}' if swept else '')
            )
    except BaseException:
        leave_work_dir(work_dir)
        raise


def leave_work_dir(work_dir: str) -> None:
    """Unlock a work dir, if this process has locked it."""
    lock = _held.pop(osp.realpath(work_dir), None)
    if lock is not None:
        # Before it is released: another run may have locked the file by then.
        with contextlib.suppress(OSError):
            os.remove(lock.lock_file)
        lock.release()


def read_facts(work_dir: str) -> dict:
    """Return what ``run.json`` says; empty if it is not there or damaged."""
    try:
        with open(osp.join(work_dir, FACTS), encoding='utf-8') as file:
            facts = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}

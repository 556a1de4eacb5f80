"""Check the folder of a training: is what is in it whole, and does it belong together?"""

import json
import os
import os.path as osp
import re
import subprocess
import sys
from collections.abc import Sequence
from glob import escape, glob

import filelock

from emoreact_plugin.evaluation import read_dump
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import sha256_of
from emoreact_plugin.weights.checkpoints import check_finite, last_checkpoints, read_checkpoint

from .console import say
from .work_dir import FACTS, LOCK, read_facts


def is_run(folder: str) -> bool:
    """Tell whether a folder is that of a training."""
    names = ('last_checkpoint', FACTS, 'metrics.json')
    return any(osp.isfile(osp.join(folder, name)) for name in names) or bool(
        last_checkpoints(folder)
    )


def check_folders(folders: Sequence[str], data_tool: str) -> int:
    """Check work dirs of trainings and folders of data sets, and print what is wrong.

    Args:
        folders (Sequence[str]): The folders.
        data_tool (str): Path of ``tools/check_dataset.py``, which checks a data set.

    Returns:
        int: 1 if something is wrong, else 0.
    """
    code = 0
    for folder in folders:
        if osp.isdir(folder) and not is_run(folder):
            code |= subprocess.run([sys.executable, data_tool, folder]).returncode != 0
            continue
        problems = check_run(folder) if osp.isdir(folder) else [f'{folder}: no such folder']
        say('\n'.join(problems) or f'{folder}: all is whole')
        code |= bool(problems)
    return code


def check_run(folder: str) -> list[str]:
    """Find what is wrong in the folder of a training.

    Args:
        folder (str): The work dir.

    Returns:
        list[str]: One line for each problem: checkpoints that are damaged, missing or not finite,
        a run that was stopped, what it left behind, and scores of another checkpoint.
    """
    return [
        *_state(folder),
        *_checkpoints(folder),
        *_scores(folder),
        *(
            f'{osp.join(folder, name)}: left by a run that was killed; the next run deletes it'
            for name in sorted(os.listdir(folder))
            if re.fullmatch(r'\..+\.part', name)
        ),
    ]


def _state(folder: str) -> list[str]:
    facts = read_facts(folder)
    if not facts or facts.get('ended'):
        return []
    who = f'process {facts.get("pid")} on {facts.get("host")}, started {facts.get("started")}'
    path = osp.join(folder, LOCK)
    if osp.exists(path):
        lock = filelock.FileLock(path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return [f'{folder}: a training is running in it ({who})']
        lock.release()
    return [f'{folder}: its training did not end ({who}); --resume goes on']


def _checkpoints(folder: str) -> list[str]:
    problems = []
    note = osp.join(folder, 'last_checkpoint')
    last = last_checkpoints(folder)
    if osp.isfile(note):
        with open(note, encoding='utf-8', errors='replace') as file:
            name = osp.basename(file.read().strip())
        if not osp.isfile(osp.join(folder, name)):
            problems.append(f'{note}: names {name or "nothing"}, which is not there')
    for path in [*last, *sorted(glob(osp.join(escape(folder), 'best_*.pth')))]:
        try:
            check_finite(read_checkpoint(path).state, path)
        except (InputError, OSError) as error:
            problems.append(str(error))
    return problems


def _scores(folder: str) -> list[str]:
    path = osp.join(folder, 'metrics.json')
    if not osp.isfile(path):
        return []
    try:
        with open(path, encoding='utf-8') as file:
            checkpoint = osp.join(folder, osp.basename(json.load(file)['checkpoint']))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return [f'{path}: expected the scores of a training, found that it is damaged: {error}']
    if not osp.isfile(checkpoint):
        return [f'{path}: is of {osp.basename(checkpoint)}, which is not there']
    problems = []
    for split in ('val', 'test'):
        dump = osp.join(folder, f'{split}.npz')
        try:
            if osp.isfile(dump) and read_dump(dump).run != sha256_of(checkpoint):
                problems.append(f'{dump}: is not of {osp.basename(checkpoint)}, as metrics.json is')
        except InputError as error:
            problems.append(str(error))
    return problems

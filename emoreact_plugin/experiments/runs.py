"""Run trainings with many seeds, and resume each where it was stopped."""

import argparse
import json
import os.path as osp
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmengine.config import Config

from emoreact_cli import add_config_arguments
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.flags import leaves, load_config
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import sha256_of, write_json
from emoreact_plugin.utils.tables import score_cell

from .rows import Training

# Where things lie and how they are loaded changes no result.
_NO_MATTER = ('work_dir', 'launcher', 'env_cfg', 'log_level', 'resume', 'load_from')
_NO_MATTER_ANYWHERE = ('num_workers', 'persistent_workers', 'cache_dir')


@dataclass(frozen=True)
class Runs:
    """Settings that all trainings of a table have in common.

    Attributes:
        work_dir (str): The folder in which each training and seed gets a folder.
        tools (str): Folder with ``train.py`` and ``test.py``.
        flags (Sequence[str]): Flags of both tools, such as ``--data-root``.
        cfg_options (Sequence[str]): ``KEY=VALUE``.
    """

    work_dir: str
    tools: str
    flags: Sequence[str] = ()
    cfg_options: Sequence[str] = ()

    def of_fold(self, folder: str) -> 'Runs':
        """Return these settings for a fold, the folder of its annotation files.

        The runs of a fold have a folder of its name in the work dir.

        Raises:
            FileNotFoundError: If it has no train.csv, val.csv or test.csv.
        """
        options = []
        for split in ('train', 'val', 'test'):
            path = osp.abspath(osp.join(folder, f'{split}.csv'))
            if not osp.isfile(path):
                raise FileNotFoundError(f'{path}: no such annotation file of a fold')
            options.append(f'{split}_dataloader.dataset.ann_file={path}')
        name = osp.basename(osp.normpath(folder))
        return replace(
            self,
            work_dir=osp.join(self.work_dir, name),
            cfg_options=(*self.cfg_options, *options),
        )

    def arguments(self, training: Training, *more: str) -> list[str]:
        """Build the arguments of a tool for a training.

        The config comes first. ``--cfg-options`` comes last, because it takes all that follows.
        """
        out = [training.config, *self.flags, *training.flags, *more]
        if self.cfg_options:
            out += ['--cfg-options', *self.cfg_options]
        return out

    def folder(self, training: Training, seed: int) -> str:
        """Return the folder of a training with a seed."""
        return osp.join(self.work_dir, training.name, f'seed{seed}')

    def is_trained(self, training: Training, seed: int) -> bool:
        """Return whether a training with a seed is complete."""
        return osp.isfile(osp.join(self.folder(training, seed), 'metrics.json'))


def resolve(runs: Runs, training: Training) -> Config:
    """Resolve the configuration that a training will have."""
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return load_config(parser.parse_intermixed_args(runs.arguments(training)))


def train(runs: Runs, training: Training, seed: int, cfg: Config) -> str:
    """Train with a seed unless that is done, and resume a training that was stopped.

    Args:
        runs (Runs): What all trainings share.
        training (Training): What to train.
        seed (int): For ``tools/train.py``.
        cfg (Config): The resolved configuration. It decides if what is in the folder already
            belongs to this training.

    Returns:
        str: Path of the best checkpoint.

    Raises:
        InputError: If the folder holds a run with other settings.
        InputError: If the training fails.
    """
    folder = runs.folder(training, seed)
    _claim(folder, cfg)
    if not runs.is_trained(training, seed):
        shown = ('epoch ', 'scoring ', 'WARNING')
        flags = ('--work-dir', folder, '--seed', str(seed), '--resume')
        _run(runs, 'train.py', training, *flags, shown=shown)
        say(f'{_scores_of(folder)}  {folder}')
    # By its name: the folder may have been moved.
    return osp.join(folder, osp.basename(_metrics_of(folder)['checkpoint']))


def _metrics_of(folder: str) -> dict[str, Any]:
    with open(osp.join(folder, 'metrics.json'), encoding='utf-8') as file:
        return json.load(file)


def _scores_of(folder: str) -> str:
    """Say in half a line what a training reached."""
    scores = _metrics_of(folder).get('results', {}).get('test', {})
    micro, macro = (score_cell(scores.get(f'roc_auc/{name}')) for name in ('micro', 'macro'))
    return f'test ROC AUC  micro {micro}  macro {macro}'


def score(runs: Runs, training: Training, seed: int, checkpoint: str, mask: bool = False) -> str:
    """Score the test clips with a checkpoint, unless that is done.

    Args:
        runs (Runs): What all trainings share.
        training (Training): What was trained.
        seed (int): Seed of the training.
        checkpoint (str): Its path. A dump that is older than the checkpoint is written again.
        mask (bool): Draw masks on the test clips of a training without masks.

    Returns:
        str: Path of the dump, see ``evaluation.read_dump``.

    Raises:
        InputError: If testing fails.
    """
    folder = runs.folder(training, seed)
    dump = osp.join(folder, 'test_masked.npz' if mask else 'test.npz')
    if not osp.isfile(dump) or _is_older(dump, checkpoint):
        _run(
            runs,
            'test.py',
            training,
            checkpoint,
            '--work-dir',
            osp.join(folder, 'test_masked' if mask else 'test'),
            '--dump',
            dump,
            *(['--mask'] if mask else []),
        )
    return dump


def _is_older(file: str, than: str) -> bool:
    return osp.isfile(than) and osp.getmtime(file) < osp.getmtime(than)


def _run(
    runs: Runs, tool: str, training: Training, *arguments: str, shown: tuple[str, ...] = ()
) -> None:
    """Run a tool, and print the lines that start with one of ``shown``; all of them if it fails."""
    command = [sys.executable, osp.join(runs.tools, tool), *runs.arguments(training, *arguments)]
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, encoding='utf-8', errors='replace'
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip('\n'))
            if lines[-1].startswith(shown):
                say(lines[-1])
    if process.returncode:
        say('\n'.join(line for line in lines if not line.startswith(shown)))
        raise InputError(
            f'{tool} failed for {training.name} (exit code {process.returncode}); see above'
        )


def _claim(folder: str, cfg: Config) -> None:
    """Write the settings of a run into its folder, or compare them with those there."""
    path = osp.join(folder, 'settings.json')
    values = dict(leaves(cfg.to_dict()))
    settings = {
        key: repr(value)
        for key, value in values.items()
        if key.split('.')[0] not in _NO_MATTER and key.split('.')[-1] not in _NO_MATTER_ANYWHERE
    }
    for key, value in values.items():
        place, _, name = key.rpartition('.')
        if name == 'ann_file':
            annotations = osp.join(values.get(f'{place}.data_root', ''), value)
            if osp.isfile(annotations):
                settings[f'{key} (SHA-256)'] = sha256_of(annotations)
    if not osp.isfile(path):
        write_json(path, settings)
        return
    with open(path, encoding='utf-8') as file:
        found = json.load(file)
    differ = [
        f'{key} {found.get(key)} (found), {settings.get(key)} (expected)'
        for key in sorted({*found, *settings})
        if found.get(key) != settings.get(key)
    ]
    if differ:
        raise InputError(
            f'{folder}: holds a run of other settings: '
            f'{"; ".join(differ[:3])}{"; …" * (len(differ) > 3)}. Use '
            'another --work-dir, or delete it'
        )

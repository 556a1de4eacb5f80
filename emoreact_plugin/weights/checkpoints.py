"""Read checkpoints, and what they say about the run that wrote them."""

import json
import os.path as osp
import pickle
import re
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from glob import escape, glob
from math import isfinite
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.npz import is_zip
from emoreact_plugin.utils.text import first_few

from .config_text import UNPARSED, assignments, parse_config
from .foreign_files import is_pickle_of_arrays, reason_of, stand_ins

CONVERT = (
    'it is a pickle of NumPy arrays, and reading one can run code. If you trust it, convert it '
    'in Python: `import pickle, torch; torch.save({n: torch.from_numpy(x) for n, x in '
    "pickle.load(open('IN.pkl', 'rb'), encoding='latin1').items()}, 'OUT.pth')`"
)
# Ends of the names of tensors that are computed with; others may be indices or counts.
_WEIGHTS = ('weight', 'bias', 'running_mean', 'running_var')


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Content of a checkpoint or weight file, see :func:`read_checkpoint`.

    Attributes:
        path (str): The file, for errors.
        content (object): What was saved in it. Tensors are on the CPU.
        replaced (list[str]): Names of the unknown classes whose objects were replaced in it, each
            by a :class:`~.foreign_files.StandIn`.
    """

    path: str
    content: Any = field(repr=False)
    replaced: list[str] = field(default_factory=list)

    @property
    def meta(self) -> dict:
        """Return what the run says about itself, such as its epoch; empty if it says nothing."""
        return _dict_of(self.content, 'meta')

    @property
    def dataset_meta(self) -> dict:
        """Return what the run says about its training data; empty if it says nothing."""
        return _dict_of(self.meta, 'dataset_meta')

    @property
    def calibration(self) -> Any:
        """Return the calibration that a training kept with its weights; None without one."""
        return self.meta.get('calibration')

    @cached_property
    def config(self) -> Config:
        """Parse the configuration of the run, as data, because a file may come from anywhere.

        Raises:
            InputError: If there is none, or one that is more than data.
        """
        text = self.meta.get('cfg')
        if not isinstance(text, str) or not text:
            raise InputError(
                f'{self.path}: expected a checkpoint with the configuration of its run, found '
                'none in it; give the config file as well'
            )
        return parse_config(text, self.path)

    @cached_property
    def recipe(self) -> dict | None:
        """Parse the options of the recipe of the run; None if it was not made by a recipe."""
        try:
            recipe = assignments(self.meta.get('cfg') or '', ('recipe',))['recipe']
        except (*UNPARSED, KeyError):
            return None
        return recipe if isinstance(recipe, dict) else None

    @property
    def state(self) -> dict[str, Tensor]:
        """Return the tensors by their names.

        Raises:
            InputError: If there are none, anything else is among them, or weights are no real
                numbers.
        """
        state = self.content
        for key in ('state_dict', 'model'):
            state = _dict_of(state, key) or state
        if (
            not isinstance(state, dict)
            or not state
            or not all(isinstance(n, str) and _is_dense(x) for n, x in state.items())
        ):
            found = (
                ', '.join(map(str, list(self.content)[:8]))
                if isinstance(self.content, dict)
                else type(self.content).__name__
            )
            raise InputError(
                f'{self.path}: expected a dict of tensors or one with `state_dict`, found {found}'
            )
        for name, value in state.items():
            if name.endswith(_WEIGHTS) and not value.is_floating_point():
                raise InputError(f'{self.path}: {name}: expected real numbers, found {value.dtype}')
        return state


def _is_dense(value: Any) -> bool:
    """Tell whether a value is a tensor that has its numbers with it."""
    return isinstance(value, Tensor) and value.layout is torch.strided and not value.is_meta


def _dict_of(content: Any, key: str) -> dict:
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, dict) else {}


def read_checkpoint(path: str, foreign: bool = False) -> Checkpoint:
    """Read a file of ``torch.save``, of both formats, once, and run nothing in it.

    The checksums in it are compared. A tensor is read from the disk when it is used, except in a
    file of PyTorch < 1.6, which has no checksums.

    Args:
        path (str): The file.
        foreign (bool): Read files of other systems too. Objects of a class that cannot be found
            here, and paths and numbers of numpy, become :class:`~.foreign_files.StandIn` then.
            Everything else that is not tensors and plain values is refused, because what is
            installed here could be used to do harm. Defaults to False.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is not a file of ``torch.save``, is damaged, or holds what could run code.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such checkpoint or weight file')
    try:
        try:
            return Checkpoint(path, _load(path))
        except pickle.UnpicklingError:
            if not foreign:
                raise
            with stand_ins(path) as unknown:
                return Checkpoint(path, _load(path), unknown)
    except InputError:
        raise
    except Exception as error:  # torch raises many kinds for a bad file
        raise InputError(
            f'{path}: cannot be read as a PyTorch file of tensors and plain values: '
            f'{CONVERT if is_pickle_of_arrays(path) else reason_of(error)}'
        ) from error


def _load(path: str) -> Any:
    # Files of PyTorch < 1.6 are no zip files, which alone can be mapped into memory.
    archived = is_zip(path)
    if archived:
        with zipfile.ZipFile(path) as archive:
            # PyTorch itself does not look at the checksums, and takes damaged weights.
            damaged = archive.testzip()
        if damaged is not None:
            raise InputError(f'{path}: is damaged: the checksum of {damaged} in it is wrong')
    return torch.load(path, map_location='cpu', weights_only=True, mmap=archived)


def check_finite(state: dict[str, Any], source: str) -> None:
    """Refuse weights that are not finite.

    Args:
        state (dict): Name -> tensor.
        source (str): Where they are from, for the error.

    Raises:
        InputError: The message names the first tensor that holds NaN or infinity.
    """
    for name, value in state.items():
        if not (isinstance(value, Tensor) and value.is_floating_point() and value.numel()):
            continue
        # NaN and infinity show in the extremes, which are found in a seventh of the time.
        if not all(map(isfinite, torch.aminmax(value))):
            bad = int((~torch.isfinite(value)).sum())
            raise InputError(
                f'{source}: expected finite weights, found {bad} of {value.numel()} values of '
                f'{name} that are NaN or infinite'
            )


def latest_checkpoint(work_dir: str) -> str | None:
    """Find the newest checkpoint of a run, even if its folder was moved.

    Args:
        work_dir (str): Folder of the run.

    Returns:
        str | None: The path, or None if there is no checkpoint.
    """
    found = last_checkpoints(work_dir)
    return found[0] if found else None


def last_checkpoints(work_dir: str) -> list[str]:
    """Find the checkpoints of a run that it may go on from, the newest first.

    The first is the one that ``last_checkpoint`` names, a file that MMEngine writes. The path in it
    may be from before a move. If it is damaged or gone, the numbers in the names count.

    Args:
        work_dir (str): Folder of the run.

    Returns:
        list[str]: Paths of files that are there; they may be damaged.
    """
    named = []
    note = osp.join(work_dir, 'last_checkpoint')
    if osp.isfile(note):
        with open(note, encoding='utf-8', errors='replace') as file:
            name = osp.basename(file.read().strip().replace('\0', ''))
        path = osp.join(work_dir, name)
        named = [path] if name and osp.isfile(path) else []
    found = []
    for path in glob(osp.join(escape(work_dir), '*_*.pth')):
        number = re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', osp.basename(path))
        if number and path not in named:
            found.append((int(number[1]), path))
    return named + [path for _, path in sorted(found, reverse=True)]


def resolve_checkpoint(path: str) -> str:
    """Find the checkpoint that a path refers to.

    Args:
        path (str): A checkpoint, or the folder of a training. For a folder, it is the best
            checkpoint, or the newest if there was no validation.

    Returns:
        str: Path of the checkpoint; ``path`` itself if it is not a folder.

    Raises:
        FileNotFoundError: If there is none in the folder.
        InputError: If several are the best, as after trainings by several scores, and the
            ``metrics.json`` of ``tools/train.py`` names none of them.
    """
    if not osp.isdir(path):
        return path
    best = sorted(glob(osp.join(escape(path), 'best_*.pth')))
    if len(best) > 1:
        best = [each for each in best if osp.basename(each) == _evaluated(path)] or best
    if len(best) > 1:
        raise InputError(
            f'{path}: expected one checkpoint best_*.pth in it, found '
            f'{", ".join(map(osp.basename, best))}; name one'
        )
    found = best[0] if best else latest_checkpoint(path)
    if found is None:
        inner = sorted(glob(osp.join(escape(path), '*', 'best_*.pth')))
        raise FileNotFoundError(
            f'{path}: expected a folder with a checkpoint best_*.pth, or with '
            'the last_checkpoint of a training, found neither'
            + (f' (but {first_few(inner)})' if inner else '')
        )
    return found


def _evaluated(work_dir: str) -> str | None:
    """Return the name of the checkpoint that a training tested at its end.

    It is None if the training did not get that far.
    """
    try:
        with open(osp.join(work_dir, 'metrics.json'), encoding='utf-8') as file:
            return osp.basename(json.load(file)['checkpoint'])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _lists(values: dict) -> dict:
    """Turn tuples into lists, because a dumped tuple may come back as a list."""
    return {
        key: list(value) if isinstance(value, (list, tuple)) else value
        for key, value in values.items()
    }


def check_recipe(checkpoint: Checkpoint, recipe: dict | None, resume: bool = False) -> None:
    """Refuse a checkpoint that was trained with other options.

    Its weights may fit all the same, because face and body networks are alike, and give a score
    that means nothing.

    Args:
        checkpoint (Checkpoint): The checkpoint.
        recipe (dict, optional): The options of the configuration.
        resume (bool): Whether the training of the checkpoint is to be resumed, so that all options
            but ``init`` have to be the same. Defaults to False.

    Raises:
        InputError: If options differ; the message names them.
    """
    stored = checkpoint.recipe
    if stored is None or not isinstance(recipe, dict):
        return
    # Only a config with another network than the options make says so.
    stored, recipe = ({'network': None, **_lists(each)} for each in (stored, recipe))
    # Start weights leave no trace in a trained network. Weighted labels do,
    # but do not matter to a test; and what masks cost a network that has not
    # seen any is a question to ask.
    free = ('init',) if resume else ('init', 'mask', 'mask_kind', 'pos_weight')
    differ = [
        f'{name} {stored[name]!r} (found), {recipe[name]!r} (expected)'
        for name in recipe
        if name not in free and name in stored and stored[name] != recipe[name]
    ]
    if differ:
        raise InputError(
            f'{checkpoint.path}: was trained with other options than the '
            f'config and flags say: {"; ".join(differ)}'
        )

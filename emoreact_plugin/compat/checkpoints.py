"""Mend how MMEngine writes and loads checkpoints, so that no code in them is run."""

import copy
import functools
import inspect
import logging
import os
import pickle
from collections import Counter, OrderedDict, deque
from typing import Any

from emoreact_plugin.utils.errors import InputError

from .common import Mend, patch, replace_everywhere, source_has

# what torch's reader knows; any other kind of dict becomes a plain one
_PLAIN_DICTS = (dict, OrderedDict, Counter)


def _plain(value: Any, place: str, odd: list[str]) -> Any:
    """Return ``value`` without anything that ``weights_only=True`` refuses.

    A value that is plain already is returned as the same object. The names of
    entries that had to be turned into text are appended to ``odd``.
    """
    import numpy as np
    import torch

    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return value
    if isinstance(value, (torch.Tensor, torch.Size, torch.dtype, torch.device)):
        return value
    if isinstance(value, dict):
        # A scheduler's state holds functions of its class; loading the state
        # leaves those of the new scheduler where they are.
        value = _without_functions(value)
        entries = OrderedDict(
            (_plain(k, place, odd), _plain(v, f'{place}[{k!r}]', odd)) for k, v in value.items()
        )
        same = all(a is b and value[a] is entries[b] for a, b in zip(value, entries, strict=False))
        mapping = type(value) if type(value) in _PLAIN_DICTS else dict
        return value if same and mapping is type(value) else mapping(entries)
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        items = [_plain(v, f'{place}[{i}]', odd) for i, v in enumerate(value)]
        kind = next((k for k in (tuple, set) if isinstance(value, k)), list)
        same = all(a is b for a, b in zip(value, items, strict=False))
        return value if same and kind is type(value) else kind(items)
    odd.append(place)
    return str(value)


def _without_functions(value: dict) -> dict:
    kept = [(k, v) for k, v in value.items() if not inspect.isroutine(v)]
    return value if len(kept) == len(value) else type(value)(kept)


def plain_checkpoint(checkpoint: dict) -> dict:
    """Return a copy of an mmengine checkpoint that ``weights_only=True`` can read.

    The log history (mmengine's own ``HistoryBuffer`` objects) is left out
    together with the keys that announce it: it only smooths the printed loss
    after a resume. numpy scalars become Python numbers, numpy arrays become
    lists, config dicts become dicts, and any other object becomes its text,
    with a warning. The dict that was passed in is not changed.
    """
    from mmengine.logging import print_log

    if not isinstance(checkpoint, dict):
        return checkpoint
    checkpoint = copy.copy(checkpoint)
    hub = checkpoint.get('message_hub')
    if isinstance(hub, dict) and 'log_scalars' in hub:
        resumed = hub.get('resumed_keys', {})
        checkpoint['message_hub'] = dict(
            hub,
            log_scalars=OrderedDict(),
            resumed_keys=OrderedDict(
                (key, value) for key, value in resumed.items() if key not in hub['log_scalars']
            ),
        )
    odd: list[str] = []
    for key, value in checkpoint.items():
        checkpoint[key] = _plain(value, str(key), odd)
    if odd:
        print_log(
            'stored as text in the checkpoint, because torch.load refuses '
            f'such objects since 2.6: {", ".join(odd)}',
            logger='current',
            level=logging.WARNING,
        )
    return checkpoint


def _own_checkpoints_unreadable() -> bool:
    import io

    import torch
    from mmengine.logging import HistoryBuffer

    buffer = io.BytesIO()
    torch.save(HistoryBuffer(), buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError:
        return True
    return False


def _write_plain_checkpoints() -> None:
    from mmengine.runner import checkpoint as module

    stock = module.save_checkpoint

    # At the very end of saving, after all hooks, so that it holds for every
    # Runner and strategy whatever its config lists.
    @functools.wraps(stock)
    def save_checkpoint(checkpoint: dict, filename: str, *args: Any, **kwargs: Any) -> None:
        stock(plain_checkpoint(checkpoint), filename, *args, **kwargs)

    replace_everywhere(stock, save_checkpoint)


_UNREADABLE = """\
{file} cannot be read without running code that is stored in it, so it was \
not loaded. torch said: {reason}
Only if you trust where it comes from: read it in a Python session of your \
own and save its tensors alone, dict(state_dict=...), to another file."""
_UNSAFE_DOWNLOADS = """
Or set EMOREACT_NO_COMPAT=safe_downloads: MMEngine then reads downloads as it \
does without emoreact_plugin, and runs what is stored in them."""


class UnreadableCheckpointError(InputError, pickle.UnpicklingError):
    """Refuse a checkpoint; still the error that torch raised, for whoever catches that one."""


def _explain_unreadable_checkpoints() -> None:
    from mmengine.runner.checkpoint import CheckpointLoader

    stock = CheckpointLoader.load_checkpoint.__func__

    @functools.wraps(stock)
    def load_checkpoint(
        cls: type[CheckpointLoader],
        filename: str,
        map_location: Any = None,
        logger: Any = 'current',
    ) -> dict:
        try:
            # Its callers hand in None, which prints; the default writes to the log of the run.
            return stock(cls, filename, map_location, logger or 'current')
        except pickle.UnpicklingError as error:
            # torch goes on to recommend the unsafe way; that is left out
            reason = str(error).replace('\n', ' ')
            found = reason.find('WeightsUnpickler error:')
            text = _UNREADABLE.format(file=filename, reason=reason[max(found, 0) :][:200])
            if '://' in str(filename):
                text += _UNSAFE_DOWNLOADS
            raise UnreadableCheckpointError(text) from error

    patch(CheckpointLoader, 'load_checkpoint', classmethod(load_checkpoint))


def _downloads_unsafe() -> bool:
    from torch.hub import load_state_dict_from_url

    parameters = inspect.signature(load_state_dict_from_url).parameters
    default = parameters['weights_only'].default
    return default is False


def _load_downloads_safely() -> None:
    from mmengine.runner import checkpoint as module

    # only here: torch's own name stays as it is
    patch(module, 'load_url', functools.partial(module.load_url, weights_only=True))


def _write_whole_files() -> None:
    from mmengine.fileio import LocalBackend

    from emoreact_plugin.utils.files import write_bytes

    def put(self: LocalBackend, obj: bytes, filepath: str | os.PathLike[str]) -> None:
        write_bytes(filepath, obj)

    def put_text(
        self: LocalBackend, obj: str, filepath: str | os.PathLike[str], encoding: str = 'utf-8'
    ) -> None:
        write_bytes(filepath, obj.replace('\n', os.linesep).encode(encoding))

    # Whatever hook, Runner or strategy writes a checkpoint comes down to this.
    patch(LocalBackend, 'put', functools.wraps(LocalBackend.put)(put))
    patch(LocalBackend, 'put_text', functools.wraps(LocalBackend.put_text)(put_text))


_STORAGE_NOISE = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


def _quiet_storage() -> None:
    from mmengine.fileio import file_client

    stock = file_client.print_log

    @functools.wraps(stock)
    def print_log(msg: object, *args: Any, **kwargs: Any) -> None:
        # mmengine's own CheckpointHook is what calls the deprecated class
        if not str(msg).startswith(_STORAGE_NOISE):
            stock(msg, *args, **kwargs)

    patch(file_client, 'print_log', print_log)


def _format_configs_once() -> None:
    from mmengine.config import config

    stock = config.FormatCode

    @functools.lru_cache(maxsize=8)
    def formatted(text: str, style: tuple) -> Any:
        return stock(text, style_config=dict(style))

    @functools.wraps(stock)
    def format_code(text: str, style_config: dict) -> Any:
        return formatted(text, tuple(style_config.items()))

    patch(config, 'FormatCode', format_code)


MENDS = (
    Mend(
        'plain_checkpoints',
        "mmengine's checkpoints cannot be read with weights_only=True: open-mmlab/mmengine#1655",
        _own_checkpoints_unreadable,
        _write_plain_checkpoints,
    ),
    Mend(
        'checkpoint_errors',
        'an unreadable checkpoint does not say what to do: mmengine/runner/checkpoint.py:330',
        source_has(
            'mmengine.runner.checkpoint:CheckpointLoader.load_checkpoint',
            'return checkpoint_loader(filename, map_location)',
        ),
        _explain_unreadable_checkpoints,
    ),
    Mend(
        'safe_downloads',
        'checkpoints from a URL are read unsafely: mmengine/runner/checkpoint.py:373',
        _downloads_unsafe,
        _load_downloads_safely,
    ),
    Mend(
        'whole_files',
        'a run that is killed leaves half a file: mmengine/fileio/backends/local_backend.py:77',
        source_has('mmengine.fileio:LocalBackend.put', "with open(filepath, 'wb') as f:"),
        _write_whole_files,
    ),
    Mend(
        'quiet_storage',
        "mmengine's deprecation notes about itself at every "
        'checkpoint: mmengine/fileio/file_client.py:19,90',
        source_has('mmengine.fileio:FileClient.__new__', _STORAGE_NOISE[0]),
        _quiet_storage,
    ),
    Mend(
        'config_text',
        'every checkpoint takes half a second to format the same '
        'config: mmengine/config/config.py:1486',
        source_has(
            'mmengine.config:Config.pretty_text.fget',
            'text, _ = FormatCode(text, style_config=yapf_style)',
        ),
        _format_configs_once,
    ),
)

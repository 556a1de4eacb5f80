"""Share flags between the tools, and load the configuration that they lead to."""

import argparse
import os
import os.path as osp
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.config import Config, DictAction

from emoreact_plugin.recipes import (
    DEFAULTS,
    check_together,
    datasets_of,
    edit,
)
from emoreact_plugin.recipes.build import PLAIN
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import type_name
from emoreact_plugin.weights.checkpoints import resolve_checkpoint

from .auto_crops import AUTO
from .console import say

_NEEDED = dict(
    pytorch=('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    mpi=('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config file and apply the flags to it.

    Each of these overrides the one before: the config file, the flags, ``--cfg-options``.

    Args:
        args (argparse.Namespace): From a parser with :func:`emoreact_cli.add_config_arguments`.

    Returns:
        Config: With ``work_dir`` and ``launcher``.

    Raises:
        FileNotFoundError, InputError: For a config file that does not exist, or flags that cannot
            have an effect.
    """
    if 'LOCAL_RANK' not in os.environ:
        os.environ['LOCAL_RANK'] = str(args.local_rank)
    path = _config_path(args)
    # input, mask, num_segments, ...: the flags of the recipe
    options = {name: getattr(args, name) for name in DEFAULTS if getattr(args, name) is not None}
    if options.get('init', 'scratch') not in ('imagenet', 'scratch'):
        options['init'] = resolve_checkpoint(options['init'])
    changes = _parse_changes(args.cfg_options or ())
    for name in changes:
        if name.split('.')[0] == 'recipe':
            raise InputError(
                f'--cfg-options {name}=...: this is a record; use the flags, such as --input'
            )
        if name in DEFAULTS:
            raise InputError(
                f'--cfg-options {name}=...: this is an option of the recipe '
                f'that much depends on; use --{name.replace("_", "-")}'
            )
    cfg = read_config(path)
    # Crops are made by the command that reads them.
    auto = options.get('crops') == AUTO
    if auto:
        cfg.crops = AUTO
    edit(cfg, {name: value for name, value in options.items() if not (auto and name == 'crops')})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', UserWarning)
        check_together({**DEFAULTS, **known_options(cfg), **options})
    for each in caught:
        say(f'WARNING: {each.message}')
    for dataset in datasets_of(cfg):
        for name in ('data_root', 'cache_dir', 'allow_missing'):
            value = getattr(args, name)
            if value is not None:
                dataset[name] = value
    cfg.merge_from_dict(changes)
    _check_streams(cfg)
    _check_segments(cfg)
    cfg.launcher = choose_launcher(args.launcher)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = '_'.join(
            [osp.splitext(osp.basename(path))[0]]
            + [_short(key, value) for key, value in sorted(options.items())]
            + ([] if getattr(args, 'seed', None) is None else [f'seed-{args.seed}'])
        )
        cfg.work_dir = osp.join('work_dirs', name)
    return cfg


def _short(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return key if value else f'no-{key}'
    return f'{key}-{osp.basename(str(value))}'


def _parse_changes(changes: Iterable[str]) -> dict[str, Any]:
    """Parse changes KEY=VALUE as MMEngine's own tools do."""
    parser = argparse.ArgumentParser()
    parser.add_argument('changes', nargs='*', action=DictAction)
    return parser.parse_args(list(changes)).changes or {}


def choose_launcher(given: str | None) -> str:
    """Choose the launcher, and check that what it tells the processes is there.

    Args:
        given (str, optional): ``'none'``, ``'pytorch'``, ``'slurm'``, ``'mpi'``; None for
            ``'pytorch'`` if torchrun has started this process, else ``'none'``.

    Returns:
        str: The launcher.

    Raises:
        InputError: If environment variables of the launcher are missing.
    """
    launcher = given or ('pytorch' if 'TORCHELASTIC_RUN_ID' in os.environ else 'none')
    if given is None and launcher != 'none' and os.environ.get('RANK') == '0':
        say(f'started by torchrun, so --launcher {launcher}: {os.environ["WORLD_SIZE"]} processes')
    missing = [name for name in _NEEDED.get(launcher, ()) if name not in os.environ]
    if missing:
        raise InputError(
            f'--launcher {launcher}: expected environment variables that it sets, found no '
            f'{", ".join(missing)}; tools/dist_train.sh and tools/slurm_train.sh start processes'
        )
    return launcher


def read_config(path: str) -> Config:
    """Read a config file, a text one or a pure-Python one (with ``read_base``)."""
    try:
        with open(path, encoding='utf-8') as file:
            lazy = 'read_base' in file.read()
        return Config.fromfile(path, lazy_import=lazy)
    except (InputError, OSError):
        raise
    except Exception as error:  # it is run, and may raise any
        text = ' '.join(str(error).split())
        raise InputError(
            f'{path}: cannot be read as a config file: {type(error).__name__}: {text[:500]}'
        ) from error


def known_options(cfg: Config) -> dict[str, Any]:
    """Return the options that the record ``recipe`` of a config states; none without a record."""
    recipe = cfg.get('recipe') or {}
    return {name: recipe[name] for name in DEFAULTS if name in recipe}


def _check_streams(cfg: Config) -> None:
    """Refuse a model with streams that its data does not have."""
    streams = cfg.get('model', {}).get('streams')
    for dataset in datasets_of(cfg) if streams else ():
        steps = [s for s in dataset.get('pipeline') or () if type_name(s) == 'PackActionInputs']
        keys = steps[-1].get('collect_keys') if steps else None
        missing = [s for s in streams if f'{s}_imgs' not in (keys or ())]
        if steps and missing:
            raise InputError(
                f"the model has a stream '{missing[0]}', but the pipeline of "
                f'{dataset.get("ann_file")} packs '
                f'{", ".join(keys or ()) or "imgs"}'
            )


def _check_segments(cfg: Config) -> None:
    """Refuse a stream for another number of frames than is sampled (TSM, TRN, TANet)."""
    model = cfg.get('model', {})
    streams = model.get('streams')
    networks = streams if isinstance(streams, dict) else {'recognizer': model.get('recognizer')}
    for dataset in datasets_of(cfg) if streams else ():
        steps = dataset.get('pipeline') or ()
        sampled = next((s['num_clips'] for s in steps if type_name(s) == 'SampleFrames'), None)
        for name, network in networks.items():
            for part in ('backbone', 'cls_head'):
                needed = ((network or {}).get(part) or {}).get('num_segments')
                if sampled and needed and sampled != needed:
                    raise InputError(
                        f'{name}: {part} is for num_segments={needed}, but the pipeline of '
                        f'{dataset.get("ann_file")} samples num_clips={sampled} frames'
                    )


def leaves(value: object, path: str = '') -> Iterator[tuple[str, Any]]:
    """Iterate over dotted path and value of everything that is no dict, list or tuple."""
    items: Iterable[tuple[object, object]]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        yield path, value
        return
    for key, each in items:
        yield from leaves(each, f'{path}.{key}' if path else str(key))


def _config_path(args: argparse.Namespace) -> str:
    given = [p for p in (args.config, args.config_flag) if p is not None]
    if len(given) != 1:
        raise InputError(
            f'expected one config file, such as configs/sample/fusion.py, found {len(given)}'
        )
    if given[0].endswith('.json'):
        raise InputError(_answer_to_json(given[0], args))
    if not osp.isfile(given[0]):
        raise FileNotFoundError(f'{given[0]}: no such config file')
    return given[0]


def _answer_to_json(path: str, args: argparse.Namespace) -> str:
    """Tell whoever gives a config of the published system's code the command to use here."""
    flags = ''
    for name in (*DEFAULTS, 'batch_size', 'lr'):
        value = getattr(args, name, None)
        if value is not None:
            flag = '--' + name.replace('_', '-')
            flags += f' {flag}' if value is True else f' {flag} {value}'
    return (
        f'{path}: configs here are Python files. A config of the published code says what this one '
        f'does:\n  python tools/train.py configs/{PLAIN}{flags} --data-root FOLDER'
    )

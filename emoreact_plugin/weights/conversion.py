"""Convert weight files of other systems into files of this package."""

import os.path as osp
from collections.abc import Iterable
from copy import deepcopy

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_whole
from mmaction.registry import MODELS

from .checkpoints import check_recipe
from .load_weights import LoadedWeights, choose_network, fill
from .weight_files import KINDS, Network, WeightFile

# What a file may not say and a test depends on.
UNTOLD = ('input', 'mask', 'num_segments', 'shift_div')


def to_start_weights(file: WeightFile, stream: str | None = None) -> dict:
    """Extract the backbone of a file, to start a training from it.

    Args:
        file (WeightFile): See ``read_weight_file``.
        stream (str, optional): Which network to take, if the file has several.

    Returns:
        dict: ``state_dict``, in torchvision's names if torchvision has such a backbone, and
        ``meta``, which says what it was.

    Raises:
        InputError: If the file has several networks and none was chosen.
    """
    network = choose_network(file, stream)
    return dict(state_dict=network.backbone(), meta=dict(converted_from=_origin(file, network)))


def to_checkpoint(
    file: WeightFile, cfg: Config, may_miss: Iterable[str] = (), stream: str | None = None
) -> tuple[dict, LoadedWeights]:
    """Make a checkpoint for the model of a configuration, so that it can be tested.

    Args:
        file (WeightFile): See ``read_weight_file``.
        cfg (Config): With ``model``.
        may_miss (Iterable[str]): See ``load_weights``.
        stream (str, optional): See ``load_weights``.

    Returns:
        tuple[dict, LoadedWeights]: First a dict of ``state_dict`` and ``meta``. The latter has the
        text of the configuration and what the file says of the data, like the ``meta`` of a run.
        Second, what was loaded.

    Raises:
        InputError: If the file does not fit the model, or was trained with other options than the
            configuration's.
    """
    check_recipe(file.checkpoint, _expected(file, cfg, stream))
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    cfg = deepcopy(cfg)
    if 'start_weights' in cfg.model:
        cfg.model.start_weights = None  # all weights are in the checkpoint
    model = MODELS.build(deepcopy(cfg.model))
    loaded = fill(model, file, may_miss, stream)
    meta = dict(
        cfg=cfg.pretty_text, converted_from=_origin(file, next(iter(file.networks.values())))
    )
    about = dict(file.meta.get('dataset_meta', {}))
    if loaded.missing:  # the classes are those of a part that was left out
        about.pop('classes', None)
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    classes = (dataset.get('metainfo') or {}).get('classes')
    if classes:
        about['classes'] = tuple(classes)
    if about:
        meta['dataset_meta'] = about
    return dict(state_dict=model.state_dict(), meta=meta), loaded


def _expected(file: WeightFile, cfg: Config, stream: str | None) -> dict | None:
    """Return the options that the file must have been trained with.

    The network of a stream is that of its region, whatever was fused with it.
    """
    recipe = cfg.get('recipe')
    if stream in file.networks and isinstance(recipe, dict) and (recipe.get('input') == stream):
        return {n: x for n, x in recipe.items() if n != 'input'}
    return recipe


def _origin(file: WeightFile, network: Network) -> dict:
    origin = dict(
        kind=file.origin, file=osp.basename(file.path), arch=network.arch, shift=network.shift
    )
    if 'epoch' in file.meta:
        origin['epoch'] = file.meta['epoch']
    return origin


def describe_weights(file: WeightFile) -> str:
    """Describe in one short paragraph what a file is and holds."""
    parts = [KINDS[file.kind]]
    if 'epoch' in file.meta:
        parts.append(f'epoch {file.meta["epoch"]}')
    for name, network in file.networks.items():
        arch = network.arch or 'a backbone of names of its own'
        shift = ' with temporal shift (TSM)' * network.shift
        count = sum('num_batches' not in n for n in network.backbone())
        heads = [
            f', head for {len(x)} labels'
            for n, x in network.tensors.items()
            if n.startswith('cls_head.') and n.endswith('.bias')
        ]
        head = (heads or [', no head to load'])[0]
        parts.append((f'{name}: ' if name else '') + arch + shift + f', {count} tensors' + head)
    lines = [f'{file.path}: {"; ".join(parts)}.']
    replaced = file.checkpoint.replaced
    if replaced:
        lines.append(f'Of classes that are not here, so not read: {", ".join(replaced)}.')
    return '\n'.join(lines)


def write_checkpoint(content: dict, path: str, source: str) -> None:
    """Write a file completely or not at all.

    Args:
        content (dict): What to write.
        path (str): Where to write it. Its folder is created if it is missing.
        source (str): The file that it was made from, which is never overwritten.

    Raises:
        InputError: If both are the same file.
    """
    if osp.exists(path) and osp.samefile(path, source):
        raise InputError(
            f'{path}: expected a file of its own to write to, found the one that is read'
        )
    with write_whole(path) as temporary:
        torch.save(content, temporary)

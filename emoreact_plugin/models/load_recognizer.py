"""Load a trained recognizer from its checkpoint."""

import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import Registry, init_default_scope
from mmengine.runner.checkpoint import _load_checkpoint_to_model

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.weights.checkpoints import (
    Checkpoint,
    check_finite,
    check_recipe,
    read_checkpoint,
)
from mmaction.registry import DATASETS, MODELS, TRANSFORMS

# What the registries may look in for a name in a checkpoint.
SCOPES = ('mmaction', 'mmcv', 'mmengine')
BACKBONE = 'backbone.type'


def load_recognizer(
    checkpoint: str | Checkpoint, config: str | Config | None = None, device: str = 'cpu'
) -> tuple[Config, BaseModel]:
    """Build a trained recognizer and load all of its weights.

    Without a config, the one that is stored in the checkpoint is used. It is
    data: nothing in it is run, and everything that it names has to be
    registered already.

    Args:
        checkpoint (str | Checkpoint): Path of the checkpoint, or the checkpoint, read before.
        config (str | Config, optional): Config file, which is run, or a
            configuration. Defaults to None.
        device (str): The device of the recognizer. Defaults to ``'cpu'``.

    Returns:
        tuple[Config, BaseModel]: The configuration, and the recognizer in
        eval mode.

    Raises:
        FileNotFoundError: If one of the files is missing.
        InputError: If the checkpoint cannot be read without running what is in
            it, has no configuration, names parts in it that are not known, was
            trained with other options than the config's, does not fit the
            model, or has weights that are not finite.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = read_checkpoint(checkpoint)
    path = checkpoint.path
    if config is None:
        cfg = checkpoint.config
        check_names(cfg, path)
    else:
        cfg = Config.fromfile(config, lazy_import=False) if isinstance(config, str) else config
        check_recipe(checkpoint, cfg.get('recipe'))
    if not cfg.get('model') or not isinstance(cfg.model, dict):
        raise InputError(
            f'{path if config is None else config}: expected a configuration with a model, found '
            f'{", ".join(cfg) or "nothing"}'
        )
    init_default_scope(cfg.get('default_scope') or 'mmaction')
    try:
        model = MODELS.build(_without_start_weights(cfg.model))
    except Exception as error:  # a part may raise any for a wrong value
        if config is not None:
            raise
        raise InputError(
            f'{path}: the model of its configuration cannot be built: '
            f'{type(error).__name__}: {str(error)[:500]}'
        ) from error
    _ = checkpoint.state  # refuses what is no dict of tensors
    try:
        _load_checkpoint_to_model(model, checkpoint.content, strict=True, logger='silent')
    except Exception as error:  # others for what are no tensors
        raise InputError(
            f'{path}: its weights do not fit the model of the config: {str(error)[:500]}'
        ) from error
    check_finite(model.state_dict(), path)
    return cfg, model.to(device).eval()


def check_names(cfg: Config, source: str) -> None:
    """Refuse a stored configuration that names anything but registered parts.

    Its model, and its data set with the pipeline, are checked: a registry
    imports and calls whatever else it is told.

    Args:
        cfg (Config): The configuration.
        source (str): Where it is from, for the error message.

    Raises:
        InputError: For such a name. The message gives it, and the remedy.
    """
    remedy = 'if you trust it, give the config file as well'
    modules = _dict_in(cfg, 'custom_imports', source).get('imports') or []
    for module in modules if isinstance(modules, (list, tuple)) else [modules]:
        if not isinstance(module, str) or module not in sys.modules:
            raise InputError(
                f"{source}: its configuration wants '{module}' "
                f'imported; import it yourself, or, {remedy}'
            )
    if (cfg.get('default_scope') or 'mmaction') not in SCOPES:
        raise InputError(
            f'{source}: its configuration has the default_scope '
            f"'{cfg.default_scope}', expected one of "
            f'{", ".join(SCOPES)}; {remedy}'
        )
    model = _dict_in(cfg, 'model', source)
    loader = _dict_in(cfg, 'test_dataloader', source)
    dataset = _dict_in(loader, 'dataset', source)
    for part, registries in ((model, (MODELS,)), (dataset, (DATASETS, TRANSFORMS))):
        for key, name in _names_in(part):
            if key == '_scope_':
                known = name in SCOPES
            else:
                scope, _, plain = str(name).rpartition('.')
                # MMAction2 takes torchvision's models as backbones.
                known = (
                    scope == 'torchvision'
                    and key == BACKBONE
                    and _is_torchvisions(plain)
                    or scope in ('', *SCOPES)
                    and any(_is_registered(plain, each) for each in registries)
                    or any(_is_registered_class(name, each) for each in registries)
                )
            if not known:
                raise InputError(
                    f"{source}: its configuration names '{name}',"
                    f' which is not a registered part; {remedy}'
                )


def _dict_in(cfg: dict, name: str, source: str) -> dict:
    value = cfg.get(name) or {}
    if not isinstance(value, dict):
        raise InputError(f'{source}: its configuration has the {name} {value!r}, expected a dict')
    return value


def _is_torchvisions(name: str) -> bool:
    # Imported here: torchvision takes a second that most uses do not need.
    from torchvision import models

    # What else is in the module may fetch weights, whatever it is told.
    return name in models.list_models(models)


def _is_registered(name: str, registry: Registry) -> bool:
    # Not `name in registry`: that imports what it does not find.
    registry.import_from_location()
    while registry is not None:
        if name in registry.module_dict:
            return True
        registry = registry.parent
    return False


def _is_registered_class(name: Any, registry: Registry) -> bool:
    """Tell whether a class, or the path of one that is imported already, is registered.

    Pure-Python configs name their parts so.
    """
    if isinstance(name, str):
        module, _, plain = name.rpartition('.')
        name = vars(sys.modules[module]).get(plain) if module in sys.modules else None
    registry.import_from_location()
    while isinstance(name, type) and registry is not None:
        if name in registry.module_dict.values():
            return True
        registry = registry.parent
    return False


def _names_in(value: Any, place: str = '') -> Iterator[tuple[str, Any]]:
    """Yield key and name of everything that the registries will look up."""
    if isinstance(value, dict):
        # The heads of TSN and TSM make this one themselves.
        if 'type' in value and (place, value['type']) != ('consensus', 'AvgConsensus'):
            yield BACKBONE if place == 'backbone' else 'type', value['type']
        if '_scope_' in value:
            yield '_scope_', value['_scope_']
        for key, each in value.items():
            yield from _names_in(each, key)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _names_in(each)


def _without_start_weights(model: dict) -> dict:
    """Copy a model's config without its start weights.

    Then building the model fetches nothing: all weights are in the checkpoint.
    """
    model = deepcopy(model)

    def strip(value: object) -> None:
        if isinstance(value, dict):
            for key in ('start_weights', 'pretrained', 'init_cfg'):
                if key in value:
                    value[key] = None
            if str(value.get('type', '')).startswith('torchvision.'):
                value['weights'] = None
                for key in ('pretrained', 'pretrained_backbone', 'weights_backbone'):
                    value.pop(key, None)
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            for each in value:
                strip(each)

    strip(model)
    return model

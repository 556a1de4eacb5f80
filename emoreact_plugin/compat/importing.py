"""Mend the import of mmcv and MMAction2, and the configs of installed packages."""

import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import os.path as osp
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

from .common import Mend, patch, replace_everywhere, source_has

# (module to load, kind of warning, how it begins)
_IMPORT_NOISE = (
    # an op that only the full mmcv has
    (
        'mmcv.cnn.bricks.transformer',
        Warning,
        r'(Fail to import )?``MultiScaleDeformableAttention``',
    ),
    # mmengine/utils/misc.py:477, on Python 3.13
    ('mmengine.runner', DeprecationWarning, "'maxsplit' is passed as positional argument"),
)


@contextlib.contextmanager
def _ignoring(category: type[Warning], message: str) -> Iterator[None]:
    """Ignore one warning, and keep the filters that an import sets up.

    ``warnings.catch_warnings`` would undo those filters too, and torch and numpy
    set some that their users rely on.
    """
    warnings.filterwarnings('ignore', message=message, category=category)
    entry = warnings.filters[0]
    try:
        yield
    finally:
        # The library has a list here, but its types promise less.
        warnings.filters.remove(entry)  # type: ignore[attr-defined]


def _noise_to_come() -> bool:
    return any(name not in sys.modules for name, _, _ in _IMPORT_NOISE)


def _load_quietly() -> None:
    # Loaded here once, so that no filter has to stay behind for them.
    with contextlib.ExitStack() as stack:
        for _, category, message in _IMPORT_NOISE:
            stack.enter_context(_ignoring(category, message))
        for name, _, _ in _IMPORT_NOISE:
            importlib.import_module(name)


def _drn_missing() -> bool:
    # find_spec of the whole name would import the parent, which is what fails
    spec = importlib.util.find_spec('mmaction')
    folders = (spec and spec.submodule_search_locations) or []
    return not any(osp.isdir(osp.join(folder, 'models', 'localizers', 'drn')) for folder in folders)


def _stub_drn() -> None:
    import torch.nn as nn

    class DRN(nn.Module):
        """Stand in for the localizer that the wheel leaves out."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise ImportError(
                'DRN is not in the released wheel of MMAction2 1.2.0 (open-mmlab/mmaction2#2714). '
                'To use it, install MMAction2 from its source.'
            )

    package = 'mmaction.models.localizers.drn'
    for name in (package, package + '.drn'):
        module = types.ModuleType(name)
        vars(module).update(DRN=DRN, __path__=[])
        patch(sys.modules, name, module)
    from mmaction.registry import MODELS

    patch(MODELS.module_dict, 'DRN', DRN)


_TENSOR_FUNCTIONS = 'torchvision.transforms.functional_tensor'


def _augmentations_fail() -> bool:
    if importlib.util.find_spec('pytorchvideo') is None:
        return False
    return importlib.util.find_spec(_TENSOR_FUNCTIONS) is None


def _name_tensor_functions() -> None:
    new_name = 'torchvision.transforms._functional_tensor'
    sys.modules[_TENSOR_FUNCTIONS] = importlib.import_module(new_name)


def _importable(module: str) -> str | None:
    """Return the folder of a regular package or module, or None if there is none."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return osp.dirname(spec.origin)


def is_installed(package: str) -> bool:
    """Check whether a distribution or a module of this name is installed."""
    try:
        importlib.metadata.distribution(package)
        return True
    except importlib.metadata.PackageNotFoundError:
        return _importable(package) is not None


def get_installed_path(package: str) -> str:
    """Return the folder of the module that a distribution (or module name) installs.

    Raises:
        PackageNotFoundError: Nothing of this name is installed.
        RuntimeError: It is a namespace package, which has no single folder.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    names = [m for m, p in MODULE2PACKAGE.items() if p == package]
    names.append(package)
    try:
        dist = importlib.metadata.distribution(package)
        names += (dist.read_text('top_level.txt') or '').split()
    except importlib.metadata.PackageNotFoundError:
        if importlib.util.find_spec(package) is None:
            raise
    for name in names:
        folder = _importable(name)
        if folder is not None:
            return folder
    raise RuntimeError(
        f'{package} has no package with a folder of its own (looked for '
        f'{", ".join(dict.fromkeys(names))}); a namespace package is invalid '
        'for `get_installed_path`'
    )


def _without_pkg_resources() -> None:
    import mmengine.hub  # noqa: F401  (it holds a copy of the name)
    from mmengine.utils import package_utils

    replace_everywhere(package_utils.is_installed, is_installed)
    replace_everywhere(package_utils.get_installed_path, get_installed_path)


def _own_configs_unknown() -> bool:
    from mmengine.config.utils import MODULE2PACKAGE

    return 'emoreact_plugin' not in MODULE2PACKAGE


def _name_own_configs() -> None:
    from mmengine.config import Config
    from mmengine.config.utils import MODULE2PACKAGE

    patch(MODULE2PACKAGE, 'emoreact_plugin', 'emoreact_plugin')
    stock = Config._get_cfg_path

    # An external base's dicts get its package as their scope, but our parts
    # stand in MMAction2's registries: there is no scope of ours.
    @functools.wraps(stock)
    def _get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        path, scope = stock(cfg_path, filename)
        return path, None if scope == 'emoreact_plugin' else scope

    patch(Config, '_get_cfg_path', staticmethod(_get_cfg_path))


MENDS = (
    Mend(
        'quiet_import',
        "warnings of mmcv-lite's and mmengine's about "
        'themselves: mmcv/cnn/bricks/transformer.py:33',
        _noise_to_come,
        _load_quietly,
    ),
    Mend(
        'drn_stub',
        'import mmaction.models fails: open-mmlab/mmaction2#2714',
        _drn_missing,
        _stub_drn,
    ),
    Mend(
        'pytorchvideo',
        'PytorchVideoWrapper (MViT, UniFormerV2) says that pytorchvideo is not installed: its '
        'augmentations.py:9 imports a module that torchvision 0.17 renamed',
        _augmentations_fail,
        _name_tensor_functions,
    ),
    Mend(
        'no_pkg_resources',
        "_base_ = 'mmaction::...' needs pkg_resources: mmengine/utils/package_utils.py:17,48",
        source_has('mmengine.utils.package_utils:is_installed', 'import pkg_resources'),
        _without_pkg_resources,
    ),
    Mend(
        'own_configs',
        "_base_ = 'emoreact_plugin::...' is refused: mmengine/config/utils.py:17",
        _own_configs_unknown,
        _name_own_configs,
    ),
)

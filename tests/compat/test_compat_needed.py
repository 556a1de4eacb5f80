"""No mend where there is no fault: upstream is fixed, or it runs on a GPU."""

import sys
import types

import numpy as np
import pytest
import torch

from emoreact_plugin import compat
from emoreact_plugin.compat import checkpoints, common, cpu, importing

MENDS = {mend.name: mend for mend in compat.MENDS}


def works(*args, **kwargs):
    """Stands for an upstream function without the fault."""
    return np.zeros((1, 1, 3), np.float32)


def _targets():
    from mmengine.dist import utils
    from mmengine.fileio import FileClient, LocalBackend
    from mmengine.optim import AmpOptimWrapper
    from mmengine.runner import Runner
    from mmengine.runner.checkpoint import CheckpointLoader
    from mmengine.utils import package_utils

    from mmaction.datasets.transforms import ColorJitter
    from mmaction.engine.optimizers import TSMOptimWrapperConstructor
    from mmaction.models.backbones import MobileNetV2TSM, ResNetTSM
    from mmaction.models.heads import BaseHead
    from mmaction.models.recognizers import BaseRecognizer

    return {
        'no_pkg_resources': [(package_utils, 'is_installed')],
        'checkpoint_errors': [(CheckpointLoader, 'load_checkpoint')],
        'quiet_storage': [(FileClient, '__new__')],
        'amp_on_cpu': [(AmpOptimWrapper, '__init__')],
        'dist_on_cpu': [(utils, '_init_dist_pytorch')],
        'slurm_on_cpu': [(utils, '_init_dist_slurm')],
        'whole_files': [(LocalBackend, 'put')],
        'ddp_on_cpu': [(Runner, 'wrap_model')],
        'tsm_from_scratch': [(ResNetTSM, 'init_weights'), (MobileNetV2TSM, 'init_weights')],
        'tsm_stages': [(ResNetTSM, 'make_temporal_shift')],
        'backbone_dict': [(BaseRecognizer, '__init__')],
        'bfloat16_accuracy': [(BaseHead, 'loss_by_feat')],
        'color_jitter': [(ColorJitter, 'adjust_hue')],
        'tsm_weight_decay': [(TSMOptimWrapperConstructor, 'add_params')],
    }


@pytest.mark.parametrize('name', sorted(_targets()))
def test_not_needed_when_upstream_is_fixed(monkeypatch, name):
    for owner, attribute in _targets()[name]:
        monkeypatch.setattr(owner, attribute, works)
    assert MENDS[name].needed() is False


def test_not_needed_with_the_real_drn(monkeypatch, tmp_path):
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importing.importlib.util, 'find_spec', lambda name: spec)
    assert importing._drn_missing() is True
    drn = tmp_path / 'models' / 'localizers' / 'drn'
    drn.mkdir(parents=True)
    (drn / '__init__.py').write_text('')
    assert importing._drn_missing() is False


def test_pytorchvideo_needs_the_module_that_torchvision_renamed(monkeypatch):
    found = {'pytorchvideo': object()}
    monkeypatch.setattr(importing.importlib.util, 'find_spec', found.get)
    assert importing._augmentations_fail() is True
    found[importing._TENSOR_FUNCTIONS] = object()
    assert importing._augmentations_fail() is False
    found.clear()  # not installed
    assert importing._augmentations_fail() is False


def test_not_needed_when_loaded_known_or_allowed(monkeypatch):
    from mmengine.config.utils import MODULE2PACKAGE
    from mmengine.logging import HistoryBuffer

    assert importing._noise_to_come() is False
    monkeypatch.delitem(sys.modules, 'mmcv.cnn.bricks.transformer')
    assert importing._noise_to_come() is True
    assert importing._own_configs_unknown() is False
    monkeypatch.delitem(MODULE2PACKAGE, 'emoreact_plugin')
    assert importing._own_configs_unknown() is True
    assert checkpoints._own_checkpoints_unreadable() is True
    monkeypatch.setattr(torch, 'load', lambda *a, **k: HistoryBuffer())
    assert checkpoints._own_checkpoints_unreadable() is False


def test_downloads_are_left_alone_when_torch_makes_them_safe(monkeypatch):
    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', lambda url, weights_only=False: None)
    assert checkpoints._downloads_unsafe() is True
    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', lambda url, weights_only=True: None)
    assert checkpoints._downloads_unsafe() is False


@pytest.mark.parametrize('name', ['amp_on_cpu', 'dist_on_cpu', 'ddp_on_cpu'])
def test_stock_stays_on_a_gpu(monkeypatch, name):
    import mmengine.device

    monkeypatch.setattr(mmengine.device, 'get_device', lambda: 'cuda')
    assert MENDS[name].needed() is False


def test_mended_functions_hand_over_to_stock_on_a_gpu(monkeypatch):
    called = []
    from mmengine.dist import utils
    from mmengine.optim import AmpOptimWrapper

    def _init_dist_pytorch(backend, init_backend='torch', **kwargs):
        called.append((backend, kwargs))

    def init(self, *args, **kwargs):
        called.append((args, kwargs))

    monkeypatch.setattr(utils, '_init_dist_pytorch', _init_dist_pytorch)
    monkeypatch.setattr(AmpOptimWrapper, '__init__', init)
    cpu._dist_on_cpu()
    cpu._amp_on_cpu()
    monkeypatch.setattr(cpu, 'on_cpu', lambda: False)
    utils._init_dist_pytorch('nccl', rank=1)
    AmpOptimWrapper(512.0, optimizer='o')
    assert called == [('nccl', dict(rank=1)), ((512.0, None, False), dict(optimizer='o'))]


def test_source_that_cannot_be_read_counts_as_faulty():
    assert common.source_has('builtins:len', 'anything')() is True
    assert common.source_has(f'{__name__}:works', 'np.zeros((1, 1, 3)')() is True
    assert common.source_has(f'{__name__}:works', 'something else')() is False

"""Does each part that a mend is about work in this process?

Run as a script it prints one JSON object, mend -> 'works' or the error, for a
process in which only the import of ``mmaction.models`` is mended (nothing can
be tried without it).
"""

import contextlib
import importlib
import json
import logging
import os
import os.path as osp
import sys
import tempfile
import types
import warnings

import numpy as np


def drn_stub(folder):
    import mmaction.models  # noqa: F401


def pytorchvideo(folder):
    from importlib.util import find_spec

    from mmaction.datasets.transforms import PytorchVideoWrapper

    if find_spec('pytorchvideo'):
        imgs = [np.full((8, 8, 3), value, np.uint8) for value in (0, 255)]
        out = PytorchVideoWrapper(op='RandAugment', prob=0.0, num_layers=1)(dict(imgs=imgs))
        np.testing.assert_array_equal(out['imgs'], imgs)


def no_pkg_resources(folder):
    from mmengine.config import Config

    config = osp.join(folder, 'config.py')
    with open(config, 'w') as file:
        file.write("_base_ = 'mmaction::_base_/default_runtime.py'")
    kept = sys.modules.pop('pkg_resources', None)
    sys.modules['pkg_resources'] = None  # as under setuptools 82 and later
    try:
        loaded = Config.fromfile(config)
    finally:
        del sys.modules['pkg_resources']
        if kept is not None:
            sys.modules['pkg_resources'] = kept
    assert loaded.default_scope == 'mmaction'


def own_configs(folder):
    from mmengine.config.utils import _get_package_and_cfg_path

    found = _get_package_and_cfg_path('emoreact_plugin::sample/fusion.py')
    assert found == ('emoreact_plugin', 'sample/fusion.py')


def _checkpoint():
    from mmengine.logging import MessageHub

    hub = MessageHub('probe')
    hub.update_scalar('train/loss', 1.0)
    hub.update_info('best_score', np.float64(0.5))
    return dict(message_hub=hub.state_dict())


def plain_checkpoints(folder):
    import torch
    from mmengine.runner import save_checkpoint

    file = osp.join(folder, 'own.pth')
    save_checkpoint(_checkpoint(), file)
    loaded = torch.load(file, weights_only=True)
    assert loaded['message_hub']['runtime_info'] == {'best_score': 0.5}


def checkpoint_errors(folder):
    import torch
    from mmengine.runner.checkpoint import _load_checkpoint

    file = osp.join(folder, 'foreign.pth')
    torch.save(_checkpoint(), file)
    try:
        _load_checkpoint(file)
    except ValueError as error:
        assert file in str(error) and 'Only if you trust' in str(error)
    else:
        raise AssertionError('loaded unsafely')


class Bomb:
    """Unpickling it makes a folder, as it could do anything else."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def safe_downloads(folder):
    import torch
    from mmengine.runner import checkpoint

    exploded = osp.join(folder, 'exploded')
    torch.save(Bomb(exploded), osp.join(folder, 'bomb.pth'))
    with contextlib.suppress(Exception):
        checkpoint.load_url(
            'file://' + osp.join(folder, 'bomb.pth'),
            model_dir=osp.join(folder, 'downloads'),
            progress=False,
        )
    assert not osp.exists(exploded)


def amp_on_cpu(folder):
    import torch
    from mmengine.registry import OPTIM_WRAPPERS

    from mmaction.registry import MODELS  # noqa: F401  (fills the registries)

    model = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='AmpOptimWrapper',
            loss_scale='dynamic',  # as --amp sets it
            optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        )
    )
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    model.to(device)
    with wrapper.optim_context(model):
        out = model(torch.tensor([[1.0, 2.0]], device=device))
    half = torch.bfloat16 if device == 'cpu' else torch.float16
    assert out.dtype == half
    wrapper.update_params(out.sum().float())
    # 1 - 0.5 * gradient, which is the input
    assert model.weight.tolist() == [[0.5, 0.0]]
    # a scaler on a GPU refuses an empty state
    assert wrapper.state_dict()['loss_scaler']['scale'] > 0


def dist_on_cpu(folder):
    import torch.distributed as dist
    from mmengine.dist import utils

    os.environ.update(RANK='0', LOCAL_RANK='0', WORLD_SIZE='1')
    try:
        utils._init_dist_pytorch(
            'nccl', init_method='file://' + osp.join(folder, 'rendezvous1'), rank=0, world_size=1
        )
        dist.destroy_process_group()
    finally:
        for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE'):
            del os.environ[name]


def ddp_on_cpu(folder):
    import torch
    import torch.distributed as dist
    from mmengine.model import MMDistributedDataParallel

    if torch.cuda.is_available():
        return
    dist.init_process_group(
        'gloo', init_method='file://' + osp.join(folder, 'rendezvous2'), rank=0, world_size=1
    )
    try:
        # what Runner.wrap_model passes
        MMDistributedDataParallel(module=torch.nn.Linear(2, 1), device_ids=[0])
    finally:
        dist.destroy_process_group()


def tsm_from_scratch(folder):
    import torch

    from mmaction.registry import MODELS

    for config in (dict(type='ResNetTSM', depth=18), dict(type='MobileNetV2TSM')):
        torch.manual_seed(0)
        model = MODELS.build(dict(config, num_segments=2, pretrained=None))
        model.init_weights()


def tsm_stages(folder):
    import torch

    from mmaction.registry import MODELS

    cfg = dict(type='ResNetTSM', depth=18, num_segments=2, shift_place='blockres', pretrained=None)
    torch.manual_seed(0)
    net = MODELS.build(dict(cfg, out_indices=(1,)))
    stages = dict(num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1,))
    short = MODELS.build(dict(cfg, **stages))
    kept = {key: value for key, value in net.state_dict().items() if key in short.state_dict()}
    short.load_state_dict(kept)
    images = torch.rand(2, 3, 32, 32)
    short.train(False)
    net.train(False)
    assert torch.equal(short(images), net(images))
    assert not hasattr(short, 'layer3') and not hasattr(short, 'layer4')


def backbone_dict(folder):
    from mmaction.registry import MODELS

    backbone = dict(type='torchvision.squeezenet1_1')
    for _ in range(2):
        MODELS.get('Recognizer2D')(
            backbone=backbone, data_preprocessor=dict(type='BaseDataPreprocessor')
        )
    assert backbone == dict(type='torchvision.squeezenet1_1')


def color_jitter(folder):
    from mmaction.datasets.transforms import ColorJitter

    red = np.array([[[255, 0, 0]]], np.float32)  # hue 0 of 180
    # -51 of 180 is hue 129 (258 degrees): blue 255, red 0.3 * 255, no green
    out = ColorJitter.adjust_hue(red, -0.2)
    assert out.dtype == np.float32
    assert np.abs(out - [[[77, 0, 255]]]).max() <= 1


def bfloat16_accuracy(folder):
    import torch

    from mmaction.registry import MODELS
    from mmaction.structures import ActionDataSample

    head = MODELS.build(dict(type='TSNHead', num_classes=3, in_channels=4, topk=(1,)))
    scores = torch.tensor([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0]], dtype=torch.bfloat16)
    samples = [ActionDataSample().set_gt_label(i) for i in (1, 0)]
    losses = head.loss_by_feat(scores, samples)
    assert losses['top1_acc'] == 0.5
    # -log softmax: mean of log(1 + e^-1 + e^-2) and the same plus 1
    assert abs(losses['loss_cls'] - 0.9076) < 1e-3


def tsm_weight_decay(folder):
    import torch

    from mmaction.engine.optimizers import TSMOptimWrapperConstructor

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 1, 1),
        torch.nn.Conv2d(1, 1, 1),
        torch.nn.Flatten(),
        torch.nn.Linear(1, 1),
    )
    wrapper = TSMOptimWrapperConstructor(
        dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
        paramwise_cfg=dict(fc_lr5=True),
    )(model)
    wrapper.update_params(model(torch.ones(1, 1, 1, 1)).sum())
    decays = {g['weight_decay'] for g in wrapper.optimizer.param_groups}
    assert decays == {0}


def quiet_storage(folder):
    from mmengine.fileio import FileClient
    from mmengine.logging import MMLogger

    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    FileClient._instances.clear()
    try:
        FileClient.infer_client(uri=folder)
    finally:
        logger.removeHandler(handler)
    assert lines == [], lines


def config_text(folder):
    from mmengine.config import Config

    text = Config(dict(b=dict(x=1), a='two')).pretty_text
    assert text == "a = 'two'\nb = dict(x=1)\n"
    assert Config(dict(b=dict(x=1), a='two')).pretty_text is text  # formatted once


def whole_files(folder):
    from mmengine.fileio import LocalBackend

    path = osp.join(folder, 'a.pth')
    LocalBackend().put(b'old', path)
    with open(path, 'rb') as before:
        LocalBackend().put(b'new', path)
        # what was there is replaced, not written over
        assert before.read() == b'old'
    with open(path, 'rb') as after:
        assert after.read() == b'new'
    LocalBackend().put_text('é', path)
    assert LocalBackend().get_text(path) == 'é'


def slurm_on_cpu(folder):
    import torch.distributed
    from mmengine.dist import utils

    asked = {}
    stock = torch.distributed.init_process_group
    torch.distributed.init_process_group = lambda **kwargs: asked.update(kwargs)
    before = dict(os.environ)
    os.environ.update(
        SLURM_PROCID='1', SLURM_NTASKS='2', SLURM_NODELIST='here', MASTER_ADDR='localhost'
    )
    os.environ.pop('SLURM_LOCALID', None)
    try:
        utils._init_dist_slurm('nccl')
        assert asked == dict(backend='gloo')
        found = [os.environ[name] for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE')]
        assert found == ['1', '1', '2']
    finally:
        torch.distributed.init_process_group = stock
        os.environ.clear()
        os.environ.update(before)


PROBES = (
    drn_stub,
    pytorchvideo,
    no_pkg_resources,
    own_configs,
    plain_checkpoints,
    checkpoint_errors,
    safe_downloads,
    amp_on_cpu,
    dist_on_cpu,
    slurm_on_cpu,
    ddp_on_cpu,
    tsm_from_scratch,
    tsm_stages,
    backbone_dict,
    color_jitter,
    bfloat16_accuracy,
    tsm_weight_decay,
    whole_files,
    config_text,
    quiet_storage,
)


def run() -> dict:
    results = {}
    for probe in PROBES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                probe(folder)
                results[probe.__name__] = 'works'
            except Exception as error:
                results[probe.__name__] = f'{type(error).__name__}: {error}'
    return results


def mends_alone(folder):
    """Import the mends without the package, which would apply them."""
    package = types.ModuleType('emoreact_plugin')
    package.__path__ = [folder]
    sys.modules['emoreact_plugin'] = package
    return importlib.import_module('emoreact_plugin.compat')


def main():
    warnings.simplefilter('ignore')
    compat = mends_alone(sys.argv[1])
    applied = compat.apply()
    drn = {mend.name: mend for mend in compat.MENDS}['drn_stub']
    try:
        drn_stub(None)
        stock = 'works'
    except ImportError as error:
        stock = f'{type(error).__name__}: {error}'
    needed = [drn.name] if drn.needed() else []
    if needed:
        drn.mend()
    needed += [mend.name for mend in compat.MENDS if mend.name != drn.name and mend.needed()]
    results = dict(run(), drn_stub=stock)
    print(json.dumps(dict(applied=applied, needed=needed, results=results)))


if __name__ == '__main__':
    main()

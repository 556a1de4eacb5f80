"""A small but real run through MMEngine's stock Runner, with stock parts.

Two classes that the brightness of the frames tells apart. As a script
(``tiny_run.py WORK_DIR``) it trains one epoch on two ranks, with the
environment that torchrun gives them.
"""

import hashlib
import json
import os
import os.path as osp
import socket
import sys

import torch
import torch.multiprocessing
from torch.utils.data import Dataset

# one stock config as it is, and nothing from emoreact_plugin in it
CONFIG = """\
_base_ = 'mmaction::_base_/default_runtime.py'
model = dict(
    type='Recognizer2D',
    backbone=dict(
        type='ResNet', depth=18, pretrained=None, norm_eval=False,
        num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)),
    cls_head=dict(
        type='TSNHead', num_classes=2, in_channels=64, average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[128.] * 3, std=[64.] * 3,
        format_shape='NCHW'))
train_dataloader = dict(
    batch_size=2, num_workers=0, dataset=dict(type='TinySet'),
    sampler=dict(type='DefaultSampler', shuffle=False))
val_dataloader = train_dataloader
test_dataloader = train_dataloader
val_evaluator = dict(type='AccMetric', metric_list='top_k_accuracy')
test_evaluator = val_evaluator
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
param_scheduler = [dict(type='MultiStepLR', milestones=[1], end=9)]
default_hooks = dict(checkpoint=dict(save_best='auto', interval=1))
randomness = dict(seed=0)
"""


class TinySet(Dataset):
    """Four clips (2, 3, 32, 32) uint8: dark ones are class 0."""

    metainfo = dict(classes=('dark', 'bright'))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        from mmaction.structures import ActionDataSample

        label = index % 2
        frames = torch.full((2, 3, 32, 32), 60 + 120 * label + index)
        return dict(
            inputs=frames.to(torch.uint8), data_samples=ActionDataSample().set_gt_label(label)
        )


def make_runner(work_dir, **options):
    """Make a stock Runner on the tiny set; ``options`` go into its config."""
    from mmengine.config import Config
    from mmengine.runner import Runner

    from mmaction.registry import DATASETS

    DATASETS.register_module(module=TinySet, force=True)
    os.makedirs(work_dir, exist_ok=True)
    file = osp.join(work_dir, 'tiny.py')
    if not osp.exists(file):
        with open(file, 'w') as stream:
            stream.write(CONFIG)
    config = Config.fromfile(file)
    config.merge_from_dict(dict(options, work_dir=str(work_dir)))
    config.experiment_name = f'tiny_{len(make_runner.made)}'
    make_runner.made.append(config.experiment_name)
    return Runner.from_cfg(config)


make_runner.made = []


def digest(model) -> str:
    """Tells whether two ranks hold the same weights."""
    summed = hashlib.sha256()
    for parameter in model.parameters():
        summed.update(parameter.detach().cpu().numpy().tobytes())
    return summed.hexdigest()


def train_rank(rank, work_dir):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
    asked = []
    stock = torch.cuda.set_device
    torch.cuda.set_device = lambda device: asked.append(str(device)) or stock(device)
    config = osp.join(work_dir, f'rank{rank}')
    # each rank its own config file, so that neither reads a half-written one
    os.makedirs(config)
    runner = make_runner(config, launcher='pytorch')
    runner.train()
    with open(osp.join(work_dir, f'rank{runner.rank}.json'), 'w') as file:
        json.dump(
            dict(
                world_size=runner.world_size,
                backend=torch.distributed.get_backend(),
                wrapper=type(runner.model).__name__,
                iterations=runner.iter,
                set_device=asked,
                weights=digest(runner.model),
            ),
            file,
        )


def main(work_dir):
    from mmengine.config import config

    import emoreact_plugin.compat as compat

    compat.apply()
    config.FormatCode = lambda text, *_, **__: (text, True)  # as tests/conftest.py
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), WORLD_SIZE='2')
    # Forked, for what is imported takes long. Nothing has computed a gradient yet.
    torch.multiprocessing.start_processes(train_rank, (work_dir,), nprocs=2, start_method='fork')


if __name__ == '__main__':
    main(sys.argv[1])

import contextlib
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from tests.factories import RUNTIME, small_config

pytestmark = pytest.mark.slow


class StopError(Exception):
    pass


class StopAt(Hook):
    """Stop as a power cut would."""

    def __init__(self, epoch, where):
        self.epoch, self.where = epoch, where

    def before_train_epoch(self, runner):
        if self.where == 'epoch' and runner.epoch == self.epoch:
            raise StopError

    def before_val_epoch(self, runner):
        if self.where == 'val' and runner.epoch == self.epoch:
            raise StopError


def make_runner(tiny, work_dir, workers, resume=False, dropout=0.5):
    cfg = Config.fromfile(RUNTIME)
    options = dict(input='face', max_epochs=3, batch_size=4, data_root=str(tiny.root))
    small = small_config(num_workers=workers, dropout=dropout, **options)
    cfg.merge_from_dict(small.to_dict())
    cfg.work_dir, cfg.resume = str(work_dir), resume
    cfg.randomness = dict(seed=7)
    cfg.custom_hooks = cfg.custom_hooks[:1]  # no final test
    cfg.log_level = 'ERROR'
    cfg.experiment_name = f'{Path(work_dir).name}{workers}{resume}'
    return Runner.from_cfg(cfg)


def weights(runner):
    return torch.cat([p.detach().ravel() for p in runner.model.parameters()])


def test_a_resumed_run_ends_where_it_would_have(tiny, tmp_path):
    straight = make_runner(tiny, tmp_path / 'straight', workers=0)
    straight.train()
    stopped = make_runner(tiny, tmp_path / 'stopped', workers=2)
    stopped.register_hook(StopAt(1, 'epoch'))
    with contextlib.suppress(StopError):
        stopped.train()
    resumed = make_runner(tiny, tmp_path / 'stopped', workers=2, resume=True)
    resumed.train()
    torch.testing.assert_close(weights(resumed), weights(straight), rtol=0, atol=0)
    other = make_runner(tiny, tmp_path / 'other', workers=0, dropout=0.0)
    other.train()
    assert (weights(other) != weights(straight)).any(), 'nothing was trained'


def test_an_epoch_that_was_not_validated_is_validated_on_resume(tiny, tmp_path):
    runner = make_runner(tiny, tmp_path / 'run', workers=0)
    runner.register_hook(StopAt(3, 'val'))  # in the last one
    with contextlib.suppress(StopError):
        runner.train()

    def validated():
        scalars = (tmp_path / 'run').glob('*/vis_data/scalars.json')
        lines = [json.loads(x) for f in scalars for x in f.read_text().splitlines()]
        return sorted(x['step'] for x in lines if 'roc_auc/micro' in x)

    assert validated() == [1, 2]
    make_runner(tiny, tmp_path / 'run', workers=0, resume=True).train()
    assert validated() == [1, 2, 3]

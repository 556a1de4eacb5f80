from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.engine import SplitsCheckHook, runner
from emoreact_plugin.engine.training import HOOKS, add_hooks, apply_flags

ROOT = Path(__file__).parents[2]


def test_data_sets_of_other_types_are_not_looked_at():
    loader = dict(dataset=dict(type='VideoDataset', ann_file='nowhere'))
    runner.check_files(Config(dict(train_dataloader=loader)))


@pytest.mark.parametrize('epochs, error', [(8, False), (9, True)])
def test_a_one_cycle_schedule_lasts_as_long_as_the_training(epochs, error):
    cfg = Config.fromfile(str(ROOT / 'configs' / 'sample' / 'fusion.py'))
    cfg.train_cfg.max_epochs = epochs
    if not error:
        runner.check_schedule(cfg)
        return
    with pytest.raises(InputError, match='expected the 9 epochs.*found 8'):
        runner.check_schedule(cfg)


def test_clips_in_two_splits_are_named(capsys):

    def loop(*video_ids):
        dataset = SimpleNamespace(
            video_ids=video_ids, labels=np.array([0, 1]), summary=lambda: f'{len(video_ids)} clips'
        )
        evaluator = SimpleNamespace(metrics=())
        return SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset), evaluator=evaluator)

    SplitsCheckHook().before_train(
        SimpleNamespace(
            model=None,
            train_loop=loop('a', 'b'),
            val_loop=loop('c'),
            test_loop=loop('b', 'c', 'd'),
        )
    )
    text = capsys.readouterr().out
    assert 'WARNING: 1 clips are in train and in test: b' in text
    assert 'WARNING: 1 clips are in val and in test: c' in text
    assert text.count('WARNING') == 2


@pytest.mark.parametrize('custom_hooks', [dict(), dict(custom_hooks=None), dict(custom_hooks=[])])
def test_a_config_without_hooks_gets_ours_and_early_stopping(custom_hooks):
    cfg = Config(dict(default_hooks=dict(), **custom_hooks))
    flags = dict.fromkeys(
        (
            'no_validate',
            'amp',
            'pos_weight',
            'auto_scale_lr',
            'resume',
            'seed',
            'diff_rank_seed',
            'deterministic',
        )
    )
    apply_flags(cfg, SimpleNamespace(**flags, early_stopping=3))
    add_hooks(cfg)
    assert [hook.type for hook in cfg.custom_hooks] == ['EarlyStoppingHook', *HOOKS]
    assert cfg.custom_hooks[0].patience == 3
    add_hooks(cfg)  # none twice
    assert len(cfg.custom_hooks) == 1 + len(HOOKS)

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.engine import SplitsCheckHook, runner
from emoreact_plugin.engine.training import HOOKS, add_hooks, apply_flags
from tests.factories import call_tool

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / 'configs' / 'sample' / 'fusion.py'


@pytest.fixture
def printed(tmp_path):
    """Return a function from flags of the train tool to the config that it would train by."""

    def call(*flags):
        path = tmp_path / 'printed.py'
        code, out, errors = call_tool('train', SAMPLE, '--print-config', path, *flags)
        assert code == 0, out + errors
        return Config.fromfile(path)

    return call


@pytest.fixture
def bfloat16(monkeypatch):
    """Say that this CPU computes in bfloat16, or not."""

    def say(value):
        for name in ('_is_avx512_bf16_supported', '_is_amx_tile_supported'):
            monkeypatch.setattr(torch.cpu, name, lambda: value)

    monkeypatch.setattr('platform.machine', lambda: 'x86_64')
    monkeypatch.setattr('emoreact_plugin.engine.training.get_device', lambda: 'cpu')
    say(True)
    return say


def test_mixed_precision_needs_a_cpu_that_computes_in_it(bfloat16, tmp_path):
    bfloat16(False)
    code, _, errors = call_tool('train', SAMPLE, '--print-config', tmp_path / 'x.py', '--amp')
    assert code == 1 and '--amp: expected a GPU' in errors


def test_flags_about_training_change_the_settings_that_mmengine_reads(printed, bfloat16):
    plain = printed()
    assert plain.optim_wrapper.type == 'OptimWrapper' and not plain.auto_scale_lr.enable
    assert 'EarlyStoppingHook' not in str(plain.custom_hooks)
    cfg = printed(
        *('--amp', '--auto-scale-lr', '--early-stopping', '2', '--seed', '5'),
        *('--diff-rank-seed', '--deterministic', '--resume', 'a.pth'),
    )
    assert dict(plain.optim_wrapper, type='AmpOptimWrapper', loss_scale='dynamic') == dict(
        cfg.optim_wrapper
    )
    assert dict(plain.auto_scale_lr, enable=True) == dict(cfg.auto_scale_lr)
    (added,) = [hook for hook in cfg.custom_hooks if hook not in plain.custom_hooks]
    assert (added.type, added.monitor, added.patience) == ('EarlyStoppingHook', 'roc_auc/micro', 2)
    assert cfg.randomness == dict(seed=5, diff_rank_seed=True, deterministic=True)
    assert (cfg.resume, cfg.load_from) == (True, 'a.pth')
    cfg = printed('--resume')
    assert (cfg.resume, cfg.load_from) == (True, None)


def test_the_learning_rate_is_that_of_the_schedule_too(printed):
    """OneCycleLR, the schedule of the sample configs, never looks at the optimizer's."""
    cfg = printed('--lr', '0.002')
    assert cfg.optim_wrapper.optimizer.lr == cfg.param_scheduler.eta_max == 0.002


def test_auto_scale_needs_to_know_for_which_batch_the_learning_rate_is(tmp_path):
    (tmp_path / 'mine.py').write_text(f'_base_ = {str(SAMPLE)!r}\nauto_scale_lr = None\n')
    flags = ['--auto-scale-lr', '--print-config', tmp_path / 'x.py']
    code, _, errors = call_tool('train', tmp_path / 'mine.py', *flags)
    assert code == 1 and '--auto-scale-lr: expected auto_scale_lr=dict(base' in errors


@pytest.mark.parametrize('best', ['auto', ['roc_auc/micro', 'roc_auc/macro'], None])
def test_early_stopping_watches_what_chooses_the_best_epoch(printed, best):
    options = f'default_hooks.checkpoint.save_best={best}'.replace("'", '').replace(' ', '')
    cfg = printed('--early-stopping', '2', '--cfg-options', options)
    (added,) = [hook for hook in cfg.custom_hooks if hook.type == 'EarlyStoppingHook']
    assert added.monitor == 'roc_auc/micro'


def test_without_validation_nothing_of_it_is_left(printed):
    cfg = printed('--no-validate')
    assert [cfg[f'val_{part}'] for part in ('cfg', 'dataloader', 'evaluator')] == [None] * 3
    assert 'save_best' not in cfg.default_hooks.checkpoint
    assert cfg.test_dataloader.dataset.ann_file == 'test.csv'


def test_positive_labels_weigh_their_negatives_in_the_training_split(printed, tiny):
    labels = tiny.labels['train']
    positives = labels.sum(0)
    cfg = printed('--pos-weight', '--data-root', tiny.root)
    assert cfg.model.pos_weight == pytest.approx((len(labels) - positives) / positives)


@pytest.mark.parametrize(
    'flags, facts',
    [
        (
            ['--amp', '--cfg-options', 'optim_wrapper.type=ApexOptimWrapper'],
            ('--amp', 'OptimWrapper', 'found ApexOptimWrapper'),
        ),
        (['--early-stopping', '1', '--no-validate'], ('--early-stopping', '--no-validate')),
    ],
)
def test_flags_that_do_not_go_together(flags, facts, tmp_path):
    code, _, errors = call_tool('train', SAMPLE, '--print-config', tmp_path / 'no.py', *flags)
    assert code == 1 and all(fact in errors for fact in facts), errors
    assert not list(tmp_path.iterdir())


def test_data_sets_of_other_types_are_not_looked_at():
    loader = dict(dataset=dict(type='VideoDataset', ann_file='nowhere'))
    runner.check_files(Config(dict(train_dataloader=loader)))


@pytest.mark.parametrize('epochs, error', [(7, False), (8, True)])
def test_a_one_cycle_schedule_lasts_as_long_as_the_training(epochs, error):
    cfg = Config.fromfile(SAMPLE)
    cfg.train_cfg.max_epochs = epochs
    if not error:
        runner.check_schedule(cfg)
        return
    with pytest.raises(InputError, match='expected the 8 epochs.*found 7'):
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
    assert 'WARNING: 1 clip both in train and in test: b' in text
    assert 'WARNING: 1 clip both in val and in test: c' in text
    assert 'WARNING: val has 2 clips; on fewer than 20, it is mostly chance which' in text
    assert text.count('WARNING') == 3


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
            'overwrite',
        )
    )
    none = dict.fromkeys(('batch_size', 'lr', 'select'))
    apply_flags(cfg, SimpleNamespace(**flags, **none, early_stopping=3))
    add_hooks(cfg)
    assert [hook.type for hook in cfg.custom_hooks] == ['EarlyStoppingHook', *HOOKS]
    assert cfg.custom_hooks[0].patience == 3
    add_hooks(cfg)  # none twice
    assert len(cfg.custom_hooks) == 1 + len(HOOKS)


@pytest.mark.parametrize(
    'flag, value, expected',
    [
        ('--lr', '-1', '0 or more'),
        ('--lr', '1e300', '0 to 1e+38'),
        ('--lr', 'nan', '0 to 1e+38'),
        ('--batch-size', '0', '1 or more'),
        ('--batch-size', str(10**20), '1 to 2147483647'),
        ('--early-stopping', '-2', '1 or more'),
    ],
)
def test_numbers_that_pytorch_does_not_take_are_refused(flag, value, expected):
    code, _, errors = call_tool('train', SAMPLE, flag, value)
    assert code == 1 and f'{flag}: expected {expected}, found' in errors

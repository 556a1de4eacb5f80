"""Test what would take half a minute in tests/tools, where the rest of the console is tested."""

import logging
import sys
from types import SimpleNamespace

import pytest

from emoreact_plugin.engine import console


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(console, 'time', SimpleNamespace(time=lambda: now.seconds))
    return now


@pytest.mark.parametrize('split', ('val', 'test'))
def test_a_long_evaluation_is_heard_of(split, clock, capsys):
    hook = console.ConsoleHook()
    runner = SimpleNamespace(**{f'{split}_dataloader': range(9)})
    getattr(hook, f'before_{split}_epoch')(runner)
    for batch in range(9):
        clock.seconds += 12
        getattr(hook, f'after_{split}_iter')(runner, batch_idx=batch)
    # 12 s a batch: heard of after each 24 s, not at its end
    assert capsys.readouterr().out.splitlines() == [
        'scoring  batch 2/9  84 s left',
        'scoring  batch 4/9  60 s left',
        'scoring  batch 6/9  36 s left',
        'scoring  batch 8/9  12 s left',
    ]


def test_a_short_one_is_not(clock, capsys):
    hook = console.ConsoleHook()
    runner = SimpleNamespace(test_dataloader=range(9))
    hook.before_test_epoch(runner)
    for batch in range(9):
        clock.seconds += 2
        hook.after_test_iter(runner, batch_idx=batch)
    assert capsys.readouterr().out == ''


def test_validation_leaves_the_epoch_its_time(clock, capsys):
    hook = console.ConsoleHook(interval=0)
    runner = SimpleNamespace(
        epoch=0,
        max_epochs=2,
        val_dataloader=range(2),
        val_loop=object(),
        train_dataloader=range(1),
        message_hub=SimpleNamespace(runtime_info={}),
    )
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    clock.seconds += 50
    hook.sum, hook.count = 0.5, 1
    hook.after_train_epoch(runner)
    hook.before_val_epoch(runner)
    clock.seconds += 10
    hook.after_val_iter(runner, batch_idx=0)
    hook.after_val_epoch(runner, metrics={'roc_auc/micro': 0.75})
    assert capsys.readouterr().out.splitlines() == [
        'scoring  batch 1/2  10 s left',
        'epoch 1/2  loss 0.500  val ROC AUC  micro 0.750  60 s',
    ]


def test_messages_of_a_log_look_like_ours(capsys):
    logger = logging.Logger('x')
    logger.addHandler(logging.StreamHandler(sys.stdout))
    assert len(console.use_plain_style(logger)) == 1
    logger.info('preparing %d clips', 3)
    logger.warning('odd\x1b[31m name')
    assert capsys.readouterr().out == 'preparing 3 clips\nWARNING: odd\\x1b[31m name\n'

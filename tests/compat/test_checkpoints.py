"""Checkpoints with the mends: written plainly, and read as without us or with a clear error."""

import argparse
import functools
import pickle
import threading
from collections import Counter, OrderedDict, deque, namedtuple
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import torch

from emoreact_plugin import InputError, compat
from tests.compat import tiny_run

pytestmark = pytest.mark.slow


def test_plain_checkpoint_converts_what_torch_refuses(tmp_path):
    from mmengine.config import ConfigDict

    Point = namedtuple('Point', 'x y')
    weights = OrderedDict(w=torch.ones(2))
    weights._metadata = {'': dict(version=1)}
    checkpoint = dict(
        state_dict=weights,
        optimizer=dict(
            state={0: dict(momentum=torch.ones(2))},
            param_groups=[dict(lr=np.float64(0.1), params=[0])],
        ),
        meta=dict(
            path=Path('a/b'),
            epoch=np.int64(3),
            flag=np.bool_(True),
            name=np.str_('x'),
            array=np.arange(3),
            nested=ConfigDict(a=ConfigDict(b=(1, 2))),
            seen={1},
            ids=deque([1, 2]),
            counts=Counter('aab'),
            size=torch.Size([1, 2]),
            point=Point(np.float32(0.5), [1]),
        ),
    )
    before = pickle.dumps(checkpoint['meta']['array'])
    plain = compat.plain_checkpoint(checkpoint)
    torch.save(plain, tmp_path / 'a.pth')
    loaded = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert loaded['meta'] == dict(
        path=str(Path('a/b')),
        epoch=3,
        flag=True,
        name='x',
        array=[0, 1, 2],
        nested=dict(a=dict(b=(1, 2))),
        seen={1},
        ids=[1, 2],
        counts=dict(a=2, b=1),
        size=torch.Size([1, 2]),
        point=(0.5, [1]),
    )
    assert type(loaded['meta']['epoch']) is int
    assert type(loaded['meta']['counts']) is Counter
    assert loaded['optimizer']['param_groups'] == [dict(lr=0.1, params=[0])]
    # weights and what was plain are the same objects, the input is untouched
    assert plain['state_dict'] is weights
    assert pickle.dumps(checkpoint['meta']['array']) == before
    assert isinstance(checkpoint['meta']['epoch'], np.int64)


def test_log_history_goes_and_the_rest_of_the_hub_stays():
    from mmengine.logging import MessageHub

    hub = MessageHub('hub')
    hub.update_scalar('train/loss', 1.0)
    hub.update_info('best_score', np.float64(0.75))
    hub.update_info('best_ckpt', 'a.pth')
    state = compat.plain_checkpoint(dict(message_hub=hub.state_dict()))
    assert state['message_hub'] == dict(
        log_scalars={},
        runtime_info=dict(best_score=0.75, best_ckpt='a.pth'),
        resumed_keys=dict(best_score=True, best_ckpt=True),
    )
    other = MessageHub('other')
    other.load_state_dict(state['message_hub'])
    assert other.get_info('best_score') == 0.75


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Work dir of one epoch with the stock Runner and the stock config."""
    folder = tmp_path_factory.mktemp('tiny')
    runner = tiny_run.make_runner(folder)
    runner.train()
    return folder, runner.message_hub.get_info('best_score')


def test_stock_runner_writes_checkpoints_that_load_safely(trained):
    folder, best = trained
    files = sorted(folder.glob('*.pth'))
    names = [file.name for file in files]
    assert names == ['best_acc_top1_epoch_1.pth', 'epoch_1.pth']
    for file in files:
        checkpoint = torch.load(file, weights_only=True)
        assert checkpoint['meta']['epoch'] == 1
        assert checkpoint['meta']['dataset_meta'] == dict(classes=('dark', 'bright'))
    assert checkpoint['message_hub']['runtime_info']['best_score'] == best
    assert 'optimizer' in checkpoint and 'param_schedulers' in checkpoint


def test_resume_load_from_test_and_init_recognizer(trained, capsys):
    folder, _ = trained
    saved = torch.load(folder / 'epoch_1.pth', weights_only=True)
    runner = tiny_run.make_runner(folder, resume=True, train_cfg=dict(max_epochs=2))
    runner.train()
    # 2 iterations an epoch; momentum and schedule went on, not from zero
    assert (runner.epoch, runner.iter) == (2, 4)
    assert runner.optim_wrapper.get_lr()['lr'] == [pytest.approx(0.001)]
    runner = tiny_run.make_runner(folder, load_from=str(folder / 'epoch_1.pth'))
    assert 'acc/top1' in runner.test()
    name = 'cls_head.fc_cls.weight'
    assert torch.equal(runner.model.state_dict()[name], saved['state_dict'][name])
    from mmaction.apis import init_recognizer

    model = init_recognizer(str(folder / 'tiny.py'), str(folder / 'epoch_1.pth'), device='cpu')
    assert torch.equal(model.state_dict()[name], saved['state_dict'][name])
    assert 'WARNING' not in capsys.readouterr().err


@pytest.fixture
def turn_off(monkeypatch):
    """Return a function that applies the mends again without the ones that it is given."""

    def turn(names):
        compat.revert()
        monkeypatch.setenv('EMOREACT_NO_COMPAT', names)
        return compat.apply()

    yield turn
    compat.revert()
    monkeypatch.delenv('EMOREACT_NO_COMPAT', raising=False)
    compat.apply()


@pytest.fixture
def foreign(tmp_path):
    """Save a checkpoint with an object that torch reads only where it is told to."""
    path = tmp_path / 'foreign.pth'
    torch.save(dict(state_dict=dict(w=torch.ones(1)), args=argparse.Namespace(lr=0.1)), path)
    return path


def test_a_foreign_file_loads_exactly_where_it_does_without_us(foreign, turn_off):
    from mmengine.runner.checkpoint import _load_checkpoint

    for names in ('', 'checkpoint_errors'):
        turn_off(names)
        # the error that stock MMEngine shows is still that error
        with pytest.raises(pickle.UnpicklingError):
            _load_checkpoint(str(foreign))
        with torch.serialization.safe_globals([argparse.Namespace]):
            assert _load_checkpoint(str(foreign))['args'].lr == 0.1


def test_a_download_that_stock_reads_unsafely_says_how_it_loads_as_before(
    foreign, turn_off, monkeypatch
):
    from mmengine.runner.checkpoint import _load_checkpoint

    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setenv('TORCH_HOME', str(foreign.parent / 'hub'))
    handler = functools.partial(SilentHandler, directory=str(foreign.parent))
    with HTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}/foreign.pth'
        with pytest.raises(InputError, match='EMOREACT_NO_COMPAT=safe_downloads'):
            _load_checkpoint(url)
        assert 'safe_downloads' not in turn_off('safe_downloads')
        assert _load_checkpoint(url)['args'].lr == 0.1
        server.shutdown()


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_a_schedulers_functions_are_left_out():
    state = dict(step=3, anneal_func=max)
    checkpoint = dict(param_schedulers=[state])
    assert compat.plain_checkpoint(checkpoint) == dict(param_schedulers=[dict(step=3)])
    assert state == dict(step=3, anneal_func=max)

"""The mends: each answers a fault that is there, and all work together."""

import json
import os
import os.path as osp
import pickle
import subprocess
import sys
import warnings
from collections import Counter, OrderedDict, deque, namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

from emoreact_plugin import compat
from emoreact_plugin.compat import common, cpu, importing
from tests.compat import compat_probes, tiny_run

pytestmark = pytest.mark.slow

HERE = osp.dirname(osp.abspath(__file__))
PACKAGE = osp.dirname(osp.dirname(osp.abspath(compat.__file__)))
MENDS = {mend.name: mend for mend in compat.MENDS}


def python(*args, **environment):
    environment = dict(os.environ, PYTHONPATH=osp.dirname(PACKAGE), **environment)
    command = [sys.executable, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)


# -- the whole ---------------------------------------------------------------


def test_apply_twice_is_apply_once(monkeypatch):
    first = compat.apply()

    def never():
        raise AssertionError('applied again')

    monkeypatch.setattr(compat, 'MENDS', (common.Mend('x', '', lambda: True, never),))
    assert compat.apply() == first
    assert [name for name in MENDS if name in first] == first


def test_only_needed_mends_are_applied(monkeypatch):
    done = []
    fakes = tuple(
        common.Mend(name, '', lambda n=needed: n, lambda n=name: done.append(n))
        for name, needed in (('a', True), ('b', False), ('c', True))
    )
    monkeypatch.setattr(compat, 'MENDS', fakes)
    monkeypatch.setattr(compat, '_applied', None)
    assert compat.apply() == ['a', 'c']
    assert done == ['a', 'c']


@pytest.mark.parametrize('value, off', [('1', True), ('0', False), ('', False)])
def test_switch(monkeypatch, value, off):
    monkeypatch.setenv('EMOREACT_NO_COMPAT', value)
    fake = common.Mend('a', '', lambda: True, lambda: None)
    monkeypatch.setattr(compat, 'MENDS', (fake,))
    monkeypatch.setattr(compat, '_applied', None)
    assert compat.apply() == ([] if off else ['a'])


def test_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(compat.REQUIRED_MODULES, 'no_such_module_1', 'no-such-dist==1')
    with pytest.raises(ImportError, match='no-such-dist==1') as error:
        compat.check_requirements()
    assert f'{sys.executable} -m pip install no-such-dist==1' in str(error.value)


def test_every_part_works_mended():
    applied = compat.apply()
    assert compat_probes.run() == {probe.__name__: 'works' for probe in compat_probes.PROBES}, (
        applied
    )


def test_stock_has_the_faults_that_are_mended():
    """Both sides on what is installed: needed exactly where it fails."""
    done = python(osp.join(HERE, 'compat_probes.py'), PACKAGE, EMOREACT_NO_COMPAT='1')
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['applied'] == []
    failing = {k for k, v in report['results'].items() if v != 'works'}
    assert failing == set(report['needed']), report


def test_import_is_quiet_brings_in_no_plots_and_leaves_no_warning_filter():
    # torch 2.6 leaves a temporary folder to be cleaned up when Python exits
    code = (
        'import sys, warnings, emoreact_plugin, torch\n'
        'heavy = {"matplotlib", "sklearn"} & set(sys.modules)\n'
        'assert not heavy, heavy\n'
        'kept = [str(entry[1]) for entry in warnings.filters]\n'
        'assert not any("MultiScale" in k or "maxsplit" in k for k in kept), kept\n'
        # one of torch's own, set up while it was imported
        'assert any(entry[2] is torch.jit.TracerWarning for entry in warnings.filters)'
    )
    done = python('-W', 'default', '-W', 'ignore::ResourceWarning', '-c', code)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


# -- configs of packages -----------------------------------------------------


def test_installed_path_of_distributions_and_modules():
    import mmcv

    import mmaction

    here = osp.dirname(mmaction.__file__)
    assert importing.get_installed_path('mmaction2') == here
    assert importing.get_installed_path('mmaction') == here
    assert importing.get_installed_path('mmcv') == osp.dirname(mmcv.__file__)
    assert importing.get_installed_path('emoreact_plugin') == PACKAGE
    assert importing.is_installed('mmaction2')
    assert importing.is_installed('mmaction')
    assert not importing.is_installed('no_such_module_1')
    with pytest.raises(ImportError, match='no_such_module_1'):
        importing.get_installed_path('no_such_module_1')


def test_namespace_package_has_no_path(monkeypatch, tmp_path):
    (tmp_path / 'a_namespace_1').mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RuntimeError, match='namespace package'):
        importing.get_installed_path('a_namespace_1')


def test_drn_says_why_it_is_missing():
    if 'drn_stub' not in compat.apply():
        pytest.skip('this MMAction2 has DRN')
    from mmaction.registry import MODELS

    with pytest.raises(ImportError, match='mmaction2#2714'):
        MODELS.build(dict(type='DRN', vocab_size=1))


# -- checkpoints -------------------------------------------------------------


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


def test_foreign_checkpoint_is_refused(tmp_path):
    from mmengine.runner.checkpoint import _load_checkpoint

    foreign = str(tmp_path / 'foreign.pth')
    torch.save(dict(state_dict=dict(w=torch.ones(1)), hook=warnings.WarningMessage), foreign)
    with pytest.raises(ValueError, match='Only if you trust') as error:
        _load_checkpoint(foreign)
    assert foreign in str(error.value)


def test_a_schedulers_functions_are_left_out():
    state = dict(step=3, anneal_func=max)
    checkpoint = dict(param_schedulers=[state])
    assert compat.plain_checkpoint(checkpoint) == dict(param_schedulers=[dict(step=3)])
    assert state == dict(step=3, anneal_func=max)


# -- the CPU -----------------------------------------------------------------


@pytest.mark.skipif(not cpu.on_cpu(), reason='stock does it on a GPU')
def test_amp_on_cpu_warns_of_no_scaler():
    from mmengine.optim import AmpOptimWrapper

    weights = torch.nn.Linear(2, 1).parameters()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        AmpOptimWrapper(optimizer=torch.optim.SGD(weights, lr=0.5))


@pytest.mark.skipif(not cpu.on_cpu(), reason='stock does it on a GPU')
def test_amp_trains_and_resumes_on_cpu(tmp_path):
    runner = tiny_run.make_runner(tmp_path, optim_wrapper=dict(type='AmpOptimWrapper'))
    seen = []
    head = runner.model.cls_head.fc_cls
    head.register_forward_hook(lambda m, i, o: seen.append(o.dtype))
    runner.train()
    assert seen[:2] == [torch.bfloat16] * 2  # training
    assert seen[2:] == [torch.float32] * 2  # validation
    assert (
        torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['optimizer']['loss_scaler']['scale']
        == 65536.0
    )
    runner = tiny_run.make_runner(
        tmp_path,
        resume=True,
        train_cfg=dict(max_epochs=2),
        optim_wrapper=dict(type='AmpOptimWrapper', dtype='float16'),
    )
    runner.train()
    assert runner.epoch == 2
    assert runner.optim_wrapper.cast_dtype == torch.bfloat16


@pytest.mark.skipif(not cpu.on_cpu(), reason='stock does it on a GPU')
def test_two_processes_on_cpu(tmp_path):
    done = python(osp.join(HERE, 'tiny_run.py'), str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((tmp_path / f'rank{i}.json').read_text()) for i in (0, 1)]
    for rank in ranks:
        assert rank['world_size'] == 2
        assert rank['backend'] == 'gloo'
        assert rank['wrapper'] == 'MMDistributedDataParallel'
        assert rank['iterations'] == 1  # 4 clips, 2 ranks, batches of 2
        assert rank['set_device'] == []
    assert ranks[0]['weights'] == ranks[1]['weights']


def test_shift_trains_from_scratch_with_the_default_options():
    from mmaction.registry import MODELS

    torch.manual_seed(0)
    model = MODELS.build(dict(type='ResNetTSM', depth=18, num_segments=2))
    model.init_weights()
    conv = model.layer1[0].conv1.conv
    weight = getattr(conv, 'net', conv).weight
    # Kaiming, fan out, 64 * 9: the standard deviation is sqrt(2 / 576)
    assert weight.std().item() == pytest.approx(0.0589, rel=0.05)

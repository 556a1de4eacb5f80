"""The mends: each answers a fault that is there, and all work together."""

import json
import os
import os.path as osp
import re
import subprocess
import sys
import warnings

import pytest
import torch

from emoreact_plugin import InputError, compat
from emoreact_plugin.compat import common, cpu, importing
from tests.compat import compat_probes, tiny_run
from tests.factories import ROOT

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


@pytest.mark.parametrize(
    'value, left',
    [
        ('1', []),
        ('all', []),
        ('0', ['a', 'b', 'c']),
        ('', ['a', 'b', 'c']),
        ('b', ['a', 'c']),
        ('c, a', ['b']),
    ],
)
def test_switch(monkeypatch, value, left):
    monkeypatch.setenv('EMOREACT_NO_COMPAT', value)
    fakes = tuple(common.Mend(name, '', lambda: True, lambda: None) for name in 'abc')
    monkeypatch.setattr(compat, 'MENDS', fakes)
    monkeypatch.setattr(compat, '_applied', None)
    assert compat.apply() == left


def test_unknown_name_in_the_switch_is_refused_with_the_choices(monkeypatch):
    monkeypatch.setenv('EMOREACT_NO_COMPAT', 'safe_downloads,save_downloads')
    monkeypatch.setattr(compat, '_applied', None)
    with pytest.raises(InputError, match='found save_downloads') as error:
        compat.apply()
    assert 'drn_stub, pytorchvideo, no_pkg_resources' in str(error.value)


def test_revert_puts_the_originals_back_and_apply_works_again():
    done = python(osp.join(HERE, 'revert_probe.py'), PACKAGE)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert list(report) == [name for name in compat.apply() if name != 'quiet_import']
    for name, changes in report.items():
        assert changes['mended'] and not changes['left'], (name, changes)
        assert changes['again'] == changes['mended'], name


def test_every_part_works_reverted_and_mended_again():
    first = compat.apply()
    compat.revert()
    assert compat.apply() == [name for name in first if name != 'quiet_import']
    assert set(compat_probes.run().values()) == {'works'}


def test_half_applied_mends_are_undone(monkeypatch):
    def fail():
        raise RuntimeError('cannot be mended')

    compat.revert()
    holder = dict(value=1)
    fakes = (
        common.Mend('a', '', lambda: True, lambda: common.patch(holder, 'value', 2)),
        common.Mend('b', '', lambda: True, fail),
    )
    with monkeypatch.context() as patched:
        patched.setattr(compat, 'MENDS', fakes)
        with pytest.raises(RuntimeError, match='cannot be mended'):
            compat.apply()
    assert holder == dict(value=1)
    compat.apply()


def test_every_mend_is_documented():
    page, _ = (ROOT / 'docs' / 'compat.md').read_text().split("## MMAction2's own tests")
    assert re.findall(r'^\| `(\w+)` \|', page, re.M) == list(MENDS)


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
    # what Python says when it compiles others' files, as after an installation with uv
    compiling = ('-W', 'ignore:invalid escape sequence')
    done = python('-W', 'default', '-W', 'ignore::ResourceWarning', *compiling, '-c', code)
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

import collections
import pathlib
import pickle
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
import torch

from emoreact_plugin import InputError
from emoreact_plugin.weights.checkpoints import read_checkpoint
from emoreact_plugin.weights.foreign_files import StandIn
from tests.weights.weight_samples import hostile

HOSTILE = list(hostile('x'))


@pytest.mark.parametrize('old_format', [False, True])
@pytest.mark.parametrize('how', HOSTILE)
def test_what_would_create_a_file_is_refused(how, old_format, tmp_path):
    evil = hostile(tmp_path / 'created')[how]
    file = tmp_path / 'evil.pth'
    torch.save(
        dict(state_dict=dict(a=torch.ones(1)), config=evil),
        file,
        _use_new_zipfile_serialization=not old_format,
    )
    for foreign in (False, True):
        with pytest.raises(InputError, match='evil.pth: .*could run code') as error:
            read_checkpoint(str(file), foreign)
        assert 'safe_globals' not in str(error.value)
        assert 'weights_only' not in str(error.value)
    assert not (tmp_path / 'created').exists()
    if how == 'open':  # it does what it says
        evil.call[0](*evil.call[1]).close()
        assert (tmp_path / 'created').exists()


def lost_class(name='Config', module='lost_module', **members):
    """Make a class of a module that can be imported only in ``with_module``."""
    return type(name, (), dict(__module__=module, **members))


def save_with(kind, content, path, **options):
    """Write a file while the class can be imported; then it is gone."""
    name = kind.__module__
    sys.modules[name] = module = types.ModuleType(name)
    setattr(module, kind.__name__, kind)
    try:
        torch.save(content, path, **options)
    finally:
        del sys.modules[name]
    return str(path)


@pytest.mark.parametrize('old_format', [False, True])
def test_an_object_of_a_lost_class_is_replaced(old_format, tmp_path):
    kind = lost_class()
    config = kind()
    config.folder = pathlib.Path('saved')
    config.values = collections.OrderedDict(a=1)
    tensor = torch.randn(3)
    path = save_with(
        kind,
        dict(x=tensor, config=config, best=np.float64(0.5), epoch=7, functions=[kind]),
        tmp_path / 'a.pth',
        _use_new_zipfile_serialization=not old_format,
    )
    checkpoint = read_checkpoint(path, foreign=True)
    content = checkpoint.content
    assert checkpoint.replaced == ['lost_module.Config']
    assert torch.equal(content['x'], tensor) and content['epoch'] == 7
    for name in ('config', 'best'):
        assert isinstance(content[name], StandIn)
        assert not hasattr(content[name], '__dict__')
    assert not any(isinstance(x, tuple) for x in torch.serialization.get_safe_globals())


def test_plain_files_are_read_as_they_are(tmp_path):
    torch.save(dict(a=[1, 'x']), tmp_path / 'a.pth')
    for foreign in (False, True):
        checkpoint = read_checkpoint(str(tmp_path / 'a.pth'), foreign)
        assert checkpoint.content == dict(a=[1, 'x']) and checkpoint.replaced == []


def test_a_lost_class_that_is_called_is_refused(tmp_path):
    kind = lost_class(__reduce__=lambda self: (kind, (1,)))
    path = save_with(kind, dict(a=kind()), tmp_path / 'a.pth')
    with pytest.raises(InputError, match='calls something that is not here'):
        read_checkpoint(path, foreign=True)


def test_a_class_that_is_here_is_refused(tmp_path):
    ran = []
    kind = lost_class(
        module='colorsys',  # of the standard library
        __setstate__=lambda self, state: ran.append(state),
    )
    thing = kind()
    thing.value = 1
    stock = sys.modules.get('colorsys')
    path = save_with(kind, dict(a=thing), tmp_path / 'a.pth')
    if stock:
        sys.modules['colorsys'] = stock
    with pytest.raises(InputError, match='asks for colorsys.Config'):
        read_checkpoint(path, foreign=True)
    assert not ran


def test_a_class_that_is_here_by_python_2s_name_is_refused(tmp_path):
    torch.save(dict(a=subprocess.CompletedProcess('x', 0)), tmp_path / 'a.pth')
    # what protocol 2 makes of `subprocess`
    with zipfile.ZipFile(tmp_path / 'a.pth') as archive:
        assert b'ccommands\n' in archive.read('a/data.pkl')
    with pytest.raises(InputError, match='asks for commands.Completed'):
        read_checkpoint(str(tmp_path / 'a.pth'), foreign=True)


def test_modules_that_are_looked_for_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / 'found_module.py').write_text('raise SystemExit("imported")')
    kind = lost_class(module='found_module')
    path = save_with(kind, dict(a=kind()), tmp_path / 'a.pth')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match='asks for found_module.Config'):
        read_checkpoint(path, foreign=True)
    assert 'found_module' not in sys.modules


def test_mmengines_own_checkpoints(tmp_path):
    """As MMAction2 publishes them: log history, numpy's numbers, methods."""
    from mmengine.logging import HistoryBuffer

    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    buffer.update(3.0)
    torch.save(
        dict(
            state_dict=dict(a=torch.ones(2)),
            meta=dict(epoch=3),
            message_hub=dict(log_scalars=dict(loss=buffer), runtime_info=dict(lr=np.float64(1))),
        ),
        tmp_path / 'a.pth',
    )
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'a.pth', weights_only=True)
    with pytest.raises(InputError, match='a.pth: .*mmengine.logging.history_buffer'):
        read_checkpoint(str(tmp_path / 'a.pth'))
    checkpoint = read_checkpoint(str(tmp_path / 'a.pth'), foreign=True)
    content = checkpoint.content
    assert content['state_dict']['a'].sum() == 2 and checkpoint.replaced == []
    assert isinstance(content['message_hub']['log_scalars']['loss'], StandIn)

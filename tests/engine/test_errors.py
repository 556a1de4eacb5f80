import re

import pytest
import torch
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.utils.errors import MissingPackageError
from mmaction.registry import TRANSFORMS


@pytest.mark.parametrize(
    'error',
    [
        InputError('a.csv, line 2: expected 0 or 1, found 3'),
        MissingPackageError('expected onnx, which is not installed'),
        FileNotFoundError('a.mp4: no such video'),
    ],
)
def test_what_a_user_can_mend_is_one_line(error, monkeypatch):
    with pytest.raises(SystemExit) as end, clear_errors():
        raise error
    line, hint = end.value.code.split('\n')
    assert line == f'error: {error}' and 'EMOREACT_TRACEBACK' in hint
    monkeypatch.setenv('EMOREACT_TRACEBACK', '1')
    with pytest.raises(type(error)), clear_errors():
        raise error


@pytest.mark.parametrize(
    'resumable, said', [(False, 'stopped'), (True, 'the same command goes on')]
)
@pytest.mark.parametrize('place', ['anywhere', 'MMEngine'])
def test_ctrl_c_is_one_line(place, resumable, said, capsys, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr('mmengine.config.config.FormatCode', stop)
    with pytest.raises(SystemExit) as end, clear_errors(resumable):
        Config(dict(a=1)).pretty_text if place == 'MMEngine' else stop()
    assert end.value.code == 130
    assert said in capsys.readouterr().out


def test_other_errors_are_bugs():
    with pytest.raises(SyntaxError), clear_errors():
        exec('a b')


class BadClip(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise InputError('a.mp4: cannot be decoded')


@pytest.mark.parametrize(
    'change, fact',
    [
        (dict(max_gaps=5), "LoadLandmarks.*'max_gaps'.*did you mean max_gap?"),
        (dict(kind='x'), "LoadLandmarks.*unknown argument 'kind'"),
        (dict(type='LoadLandmark'), 'LoadLandmark.*not in the .*registry'),
    ],
)
def test_a_misspelt_name_in_a_config_is_one_line(change, fact, monkeypatch):
    def build():
        TRANSFORMS.build({**dict(type='LoadLandmarks'), **change})

    with pytest.raises(SystemExit) as end, clear_errors():
        build()
    assert re.match(f'error: .*{fact}', end.value.code.split('\n')[0])
    monkeypatch.setenv('EMOREACT_TRACEBACK', '1')
    with pytest.raises((TypeError, KeyError)), clear_errors():
        build()


@TRANSFORMS.register_module()
class Buggy:
    def __init__(self, size=1):
        dict.fromkeys([], nothing=size)


def test_a_wrong_call_that_no_config_asked_for_is_a_bug():
    with pytest.raises(TypeError), clear_errors():
        TRANSFORMS.build(dict(type='Buggy', size=2))


def test_an_error_in_a_worker_of_a_loader_is_one_line_too():
    with pytest.raises(SystemExit) as end, clear_errors():
        list(torch.utils.data.DataLoader(BadClip(), num_workers=1))
    assert end.value.code.split('\n')[0] == 'error: a.mp4: cannot be decoded'


@pytest.mark.parametrize(
    'error', [KeyError('b'), RuntimeError('CUDA out of memory'), ValueError('x'), TypeError('y')]
)
def test_a_bug_keeps_its_traceback(error):
    with pytest.raises(type(error)), clear_errors():
        raise error


def test_callers_may_catch_the_builtin_errors():
    assert issubclass(InputError, ValueError)
    assert issubclass(MissingPackageError, ImportError)

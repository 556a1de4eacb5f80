import sys

import pytest

from emoreact_plugin.preparation.mediapipe.models import LandmarkModels
from tests.preparation.mediapipe.fake_mediapipe import World


def test_without_mediapipe(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mediapipe', None)
    with pytest.raises(
        ImportError,
        match=(
            r"pip install 'emoreact_plugin\[landmarks\]' .*Python 3.10 to "
            f'3.12; this is 3.{sys.version_info[1]}'
        ),
    ):
        LandmarkModels()


def test_chatter_is_kept_and_shown_on_failure(monkeypatch, capfd):
    world = World().install(monkeypatch)
    world.noise = True
    LandmarkModels().close()
    assert capfd.readouterr().err == ''
    world.noise = 'fails'
    with pytest.raises(RuntimeError, match='no such model'):
        LandmarkModels()
    assert 'chatter' in capfd.readouterr().err
    print('later errors', file=sys.stderr)
    assert capfd.readouterr().err == 'later errors\n'

import cv2
import pytest

from tests.factories import save_checkpoint
from tests.inference.camera import FakeCapture


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
    """Save a fusion with random weights, without a note on what it was trained on."""
    return save_checkpoint(tmp_path_factory.mktemp('fusion') / 'fusion.pth')


@pytest.fixture
def no_mediapipe(monkeypatch):
    """As if it was not installed."""
    for module in ('live.streaming', 'opening'):
        monkeypatch.setattr(
            f'emoreact_plugin.inference.{module}.has_landmark_models', lambda: False
        )


@pytest.fixture
def fake_camera(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)
    return FakeCapture


@pytest.fixture
def videos(tiny):
    return [str(tiny.root / 'videos' / name) for name in tiny.videos['test']]

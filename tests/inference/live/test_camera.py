import cv2
import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.inference.live.camera import Camera
from tests.inference.camera import FakeCapture


def test_a_camera_keeps_its_newest_frame(fake_camera):
    camera = Camera(3, iter(np.arange(100.0)).__next__)
    camera._thread.join(10)  # all five have come before one is asked for
    ((time, image),) = camera
    assert FakeCapture.last.index == 3 and camera.fps == 10
    assert time == 4 and image[0, 0].tolist() == [0, 0, 5]  # RGB
    assert camera.dropped == 4
    camera.close()
    assert FakeCapture.last.released


def test_a_camera_that_breaks_while_it_is_read(fake_camera, monkeypatch):
    stock = FakeCapture.read

    def read(self):
        if self.k == 2:
            raise cv2.error('unplugged')
        return stock(self)

    monkeypatch.setattr(FakeCapture, 'read', read)
    camera = Camera(3, iter(np.arange(100.0)).__next__)
    camera._thread.join(10)
    frames = iter(camera)
    assert next(frames)[0] == 1  # what came before is given
    with pytest.raises(InputError, match='camera 3: '):
        next(frames)
    camera.close()


@pytest.mark.parametrize('stated', [0.0, -1.0, float('nan'), float('inf')])
def test_a_camera_that_states_no_rate(stated, fake_camera, monkeypatch):
    monkeypatch.setattr(FakeCapture, 'get', lambda self, what: stated)
    camera = Camera(3, float)
    assert camera.fps == 30
    camera.close()

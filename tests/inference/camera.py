"""A clock and a camera that are not real."""

import cv2
import numpy as np


class Clock:
    """Stands still unless it is told."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class FakeCapture:
    """A camera that gives a frame whenever it is read."""

    opened, count = True, 5

    def __init__(self, index):
        self.index, self.released, self.k = index, False, 0
        FakeCapture.last = self

    def isOpened(self):  # noqa: N802  OpenCV's name
        return self.opened

    def get(self, what):
        return 10.0 if what == cv2.CAP_PROP_FPS else 0.0

    def read(self):
        if self.k == self.count:
            return False, None
        self.k += 1
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = self.k  # blue
        return True, image

    def release(self):
        self.released = True

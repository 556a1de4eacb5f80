"""Read the newest frame of a camera."""

from collections.abc import Callable, Iterator
from threading import Condition, Thread

import cv2
import numpy as np

from emoreact_plugin.preparation.mediapipe.models import silenced
from emoreact_plugin.utils.errors import InputError

USUAL_FPS = 30.0
# What reads a frame again after one that failed gives up after so many.
MOST_FAILURES = 30
PATIENCE = 2.0  # seconds


class Camera:
    """Read a camera in a thread and keep only its newest frame.

    Args:
        index (int): Index of the camera, from 0.
        clock (Callable): Function that returns the time, seconds.

    Attributes:
        fps (float): Frames per second as the camera states them; 30 if it states none, or an
            impossible value.
        dropped (int): Number of frames that came and were never asked for.

    Raises:
        InputError: When the camera cannot be opened.
    """

    def __init__(self, index: int, clock: Callable[[], float]) -> None:
        with silenced():
            self._capture = cv2.VideoCapture(index)
            opened = self._capture.isOpened()
        if not opened:
            self._capture.release()
            raise InputError(
                f'camera {index}: cannot be opened; is it plugged in, and used by no other program?'
            )
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps < float('inf') else USUAL_FPS
        self.dropped, self._index = 0, index
        self._clock = clock
        self._newest: tuple[float, np.ndarray] | None = None
        self._changed, self._closed, self._ended = Condition(), False, False
        self._error: Exception | None = None
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            self._read_frames()
        except Exception as error:  # raised where the frames are asked for
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def _read_frames(self) -> None:
        failures = 0
        while not self._closed and failures < MOST_FAILURES:
            there, image = self._capture.read()
            if not there:
                failures += 1
                continue
            failures = 0
            with self._changed:
                self.dropped += self._newest is not None
                self._newest = (self._clock(), image)
                self._changed.notify()

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the newest frame, each frame once, until the camera gives no more.

        Yields:
            tuple[float, np.ndarray]: Seconds, and (H, W, 3) uint8, RGB.

        Raises:
            InputError: When reading the camera failed.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._ended)
                if self._newest is None:
                    break
                (time, image), self._newest = self._newest, None
            yield time, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        if self._error is not None:
            raise InputError(
                f'camera {self._index}: cannot be read any more ({self._error})'
            ) from self._error

    def close(self) -> None:
        """Release the camera."""
        self._closed = True
        self._thread.join(PATIENCE)
        self._capture.release()

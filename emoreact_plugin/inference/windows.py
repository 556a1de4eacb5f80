"""Slide a window over the frames of a clip, by the times at which they are shown."""

from dataclasses import dataclass

import numpy as np

from emoreact_plugin.utils.errors import InputError

# Times are sums of binary fractions: so far off, they are still the same.
TOLERANCE = 1e-6
# Windows of a clip: so many, and so many for each of its frames. A file of three frames may say
# that the last one is shown after a year.
MAX_WINDOWS, MAX_OF_A_FRAME = 1000, 100


@dataclass(frozen=True)
class Window:
    """Consecutive frames of a clip that are scored together.

    Attributes:
        start_s, end_s (float): Start and end, in seconds from the first frame of the clip.
        first, stop (int): Its frames are ``first`` to ``stop - 1``, at least one.
        short (bool): Whether the clip is shorter than a window.
    """

    start_s: float
    end_s: float
    first: int
    stop: int
    short: bool


def check_window(seconds: float, stride: float) -> None:
    """Refuse a length or stride of which no windows can be made.

    Raises:
        InputError: For a length or a stride that is not positive and finite.
    """
    for name, value in (('window', seconds), ('stride', stride)):
        if not 0 < value < float('inf'):
            raise InputError(f'{name}: expected more than 0 seconds, found {value}')


def duration_of(times: np.ndarray, fps: float = 0.0) -> float:
    """Compute how long a clip is shown.

    Args:
        times (np.ndarray): (T, ) seconds, ascending: when each frame is shown.
        fps (float): Frames per second, for a clip of one frame; 0 counts as 25.

    Returns:
        float: Seconds. The last frame counts with the median time between frames.
    """
    gaps = np.diff(times)
    last = float(np.median(gaps)) if len(gaps) else 1 / (fps or 25.0)
    return float(times[-1] - times[0]) + last


def plan_windows(times: np.ndarray, duration: float, seconds: float, stride: float) -> list[Window]:
    """Plan the windows of a clip.

    They start every ``stride`` seconds; the last one ends with the clip. A clip that is shorter
    than a window is one window. A window that lies between the times of two frames has the frame
    that is shown during it.

    Args:
        times (np.ndarray): (T, ) seconds, ascending, from 0: when each frame is shown.
        duration (float): Length of the clip, seconds.
        seconds (float): Length of a window, see :func:`check_window`.
        stride (float): Seconds from the start of one window to the next, likewise.

    Returns:
        list[Window]: At least one window.

    Raises:
        InputError: For far more windows than frames.
    """
    last = duration - seconds
    if last <= TOLERANCE:
        return [Window(0.0, duration, 0, len(times), last < -TOLERANCE)]
    limit, count = MAX_WINDOWS + MAX_OF_A_FRAME * len(times), last / stride
    if count > limit:
        raise InputError(
            f'expected at most {limit} windows for {len(times)} frames, found {count:.3g}: the '
            f'frames are shown during {duration:.3g} s, and a window starts every {stride:g} s'
        )
    starts = [k * stride for k in range(int((last + TOLERANCE) / stride) + 1)]
    if last - starts[-1] > TOLERANCE:
        starts.append(last)
    windows = []
    for start in starts:
        first, stop = np.searchsorted(times, (start - TOLERANCE, start + seconds - TOLERANCE))
        first = max(min(first, stop - 1), 0)
        windows.append(
            Window(start, start + seconds, int(first), max(int(stop), int(first) + 1), False)
        )
    return windows

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.inference.windows import Window, check_window, duration_of, plan_windows


def test_windows_by_hand():
    # 12 frames, one every half second: 6 s
    times = np.arange(12) / 2
    assert duration_of(times) == 6
    assert plan_windows(times, 6.0, 2.0, 1.5) == [
        Window(0.0, 2.0, 0, 4, False),
        Window(1.5, 3.5, 3, 7, False),
        Window(3.0, 5.0, 6, 10, False),
        # aligned to the end
        Window(4.0, 6.0, 8, 12, False),
    ]
    assert [w.first for w in plan_windows(times, 6.0, 2.0, 2.0)] == [0, 4, 8]


def test_frames_belong_to_a_window_by_their_time():
    # ten frames in the first second, one in each of the next three
    times = np.array([*np.arange(10) / 10, 1.0, 2.0, 3.0])
    windows = plan_windows(times, 4.0, 1.0, 1.0)
    assert [(w.first, w.stop) for w in windows] == [(0, 10), (10, 11), (11, 12), (12, 13)]


def test_a_window_in_a_gap_has_the_frame_that_is_shown():
    windows = plan_windows(np.array([0.0, 0.5, 9.5]), 10.0, 1.0, 1.0)
    assert [(w.first, w.stop) for w in windows] == [(0, 2)] + [(1, 2)] * 8 + [(2, 3)]


@pytest.mark.parametrize('count, short', [(1, True), (4, True), (5, False)])
def test_a_short_clip_is_one_window(count, short):
    times = np.arange(count) / 10
    assert plan_windows(times, count / 10, 0.5, 0.1) == [Window(0.0, count / 10, 0, count, short)]


def test_sums_of_binary_fractions_lose_no_frame():
    times = np.arange(1000) * 0.1
    for window in plan_windows(times, 100.0, 0.7, 0.1):
        assert window.stop - window.first == 7


def test_the_last_frame_is_shown_as_long_as_most():
    assert duration_of(np.array([0.0, 0.1, 0.2, 0.9])) == pytest.approx(1.0)
    assert duration_of(np.array([0.0]), 10.0) == pytest.approx(0.1)
    assert duration_of(np.array([0.0])) == pytest.approx(0.04)


@pytest.mark.parametrize(
    'seconds, stride, name',
    [
        (0, 1, 'window'),
        (-1, 1, 'window'),
        (float('nan'), 1, 'window'),
        (1, 0, 'stride'),
        (1, -2, 'stride'),
        (1, float('inf'), 'stride'),
    ],
)
def test_lengths_that_make_no_windows(seconds, stride, name):
    with pytest.raises(InputError, match=f'{name}: expected more than 0 sec'):
        check_window(seconds, stride)


@pytest.mark.parametrize(
    'times, stride', [([0, 0.04, 3e7], 1.0), ([0, 1, 2], 1e-9), ([0, 9], 1e-323)]
)
def test_far_more_windows_than_frames_are_refused(times, stride):
    with pytest.raises(InputError, match=f'at most 1.00 windows for {len(times)} frames'):
        plan_windows(np.array(times), duration_of(np.array(times)), 0.5, stride)

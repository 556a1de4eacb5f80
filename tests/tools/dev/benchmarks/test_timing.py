import gc

import numpy as np
import pytest
from benchmarks.timing import Comparison, Group, measure, rows_of, run

from emoreact_plugin import InputError

pytestmark = pytest.mark.slow


class Clock:
    """Stands still but for what calls add."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def __call__(self):
        return self.now

    def takes(self, name, *seconds):
        """Return a call whose repetition k takes ``seconds[k]``."""

        def call(k):
            self.log.append((name, k))
            self.now += seconds[k]

        return call


def test_calls_take_turns_after_an_uncounted_round():
    clock = Clock()
    calls = dict(a=clock.takes('a', 1, 2, 3), b=clock.takes('b', 10, 20, 30))
    seconds, stopped = measure(calls, 3, clock)
    assert clock.log == [
        ('a', 0),
        ('b', 0),
        ('a', 0),
        ('b', 0),
        ('a', 1),
        ('b', 1),
        ('a', 2),
        ('b', 2),
    ]
    assert not stopped
    assert seconds['a'].tolist() == [1, 2, 3]
    assert seconds['b'].tolist() == [10, 20, 30]


def test_rows_are_ratios_of_one_repetition():
    group = Group('loading', {}, dict(ours=2, plain=2), [Comparison('ours', 'plain', 8.0)])
    seconds = dict(ours=np.array([0.008, 0.006, 0.03]), plain=np.array([0.002, 0.006, 0.01]))
    (row,) = rows_of(group, seconds)
    assert (row.group, row.name, row.yardstick) == ('loading', 'ours', 'plain')
    np.testing.assert_allclose(row.ms, [4, 3, 15])
    np.testing.assert_allclose(row.yardstick_ms, [1, 3, 5])
    # Not 4 / 3, the ratio of the medians.
    np.testing.assert_allclose(row.ratios, [4, 1, 3])
    assert row.published == 8


def test_units_differ_and_default_to_one():
    group = Group('x', {}, dict(ours=4), [Comparison('ours', 'plain')])
    (row,) = rows_of(group, dict(ours=np.array([1.0]), plain=np.array([1.0])))
    assert row.ms.tolist() == [250] and row.yardstick_ms.tolist() == [1000]


def stop(at):

    def call(k):
        if k == at:
            raise KeyboardInterrupt

    return call


def test_a_stop_leaves_the_finished_rounds():
    clock = Clock()
    calls = dict(a=clock.takes('a', 1, 2, 3), b=stop(1))
    seconds, stopped = measure(calls, 3, clock)
    assert stopped
    assert seconds['a'].tolist() == [1] and len(seconds['b']) == 1


def test_garbage_collection_waits_and_comes_back():
    seen = []
    measure(dict(a=lambda k: seen.append(gc.isenabled())), 2)
    assert seen == [True, False, False] and gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        measure(dict(a=lambda k: 1 / (1 - k)), 2)
    assert gc.isenabled()


def test_errors():
    with pytest.raises(InputError, match='repetitions: expected 1.*found 0'):
        measure(dict(a=print), 0)


def group(title, *calls):
    calls = {f'call{k}': call for k, call in enumerate(calls)}
    return Group(title, calls, {}, [Comparison('call1', 'call0')])


def test_parts_are_saved_as_they_go():
    saved = []
    parts = dict(one=[group('a', id, id), group('b', id, id)], two=[group('c', id, id)])
    rows, stopped = run(
        parts, 2, lambda rows: saved.append([row.group for part in rows.values() for row in part])
    )
    assert saved == [['a'], ['a', 'b'], ['a', 'b', 'c']] and not stopped
    assert [row.group for row in rows['one']] == ['a', 'b']
    assert [row.group for row in rows['two']] == ['c']


@pytest.mark.parametrize('at, groups', [(1, ['a', 'b']), (0, ['a'])])
def test_a_stop_keeps_what_is_finished(at, groups):
    # At 0 the uncounted round is stopped, so there is no row.
    parts = dict(one=[group('a', id, id), group('b', id, stop(at))], two=[group('c', id, id)])
    rows, stopped = run(parts, 2)
    assert stopped and list(rows) == ['one']
    assert [row.group for row in rows['one']] == groups
    assert len(rows['one'][-1].ms) == (1 if at else 2)


def test_a_stop_between_groups():

    def groups():
        yield group('a', id, id)
        raise KeyboardInterrupt

    rows, stopped = run(dict(one=groups()), 2)
    assert stopped and len(rows['one']) == 1

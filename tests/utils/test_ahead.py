"""Items that are made ahead: the same ones, in the same order, and not too many."""

import threading

import pytest

from emoreact_plugin.utils.ahead import work_ahead


def test_the_same_items_in_another_thread():
    threads = set()

    def items():
        for k in [3, None, 1, [], 2]:
            threads.add(threading.get_ident())
            yield k

    assert list(work_ahead(items())) == [3, None, 1, [], 2]
    assert len(threads) == 1 and threading.get_ident() not in threads
    assert list(work_ahead([])) == []


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise OSError('broken frame')

    seen = []
    with pytest.raises(OSError, match='broken frame'):
        for item in work_ahead(items(), ahead=5):
            seen.append(item)
    assert seen == [1, 2]


def test_whoever_stops_early_stops_the_source():
    made, threads = [], set()

    def items():
        for k in range(100):
            threads.add(threading.current_thread())
            made.append(k)
            yield k

    ahead = work_ahead(items(), ahead=3)
    assert next(ahead) == 0
    ahead.close()
    assert made == [0, 1, 2, 3]  # the one that was taken, and three ahead of it
    assert not threads.pop().is_alive()

import numpy as np

from emoreact_plugin.utils.bounded_cache import BoundedCache


def arrays(max_bytes):
    return BoundedCache[np.ndarray](max_bytes, lambda array: array.nbytes)


def test_a_value_is_made_once():
    cache = arrays(100)
    first = cache.get('a', lambda: np.zeros(10, np.uint8))
    assert cache.get('a', lambda: np.ones(10, np.uint8)) is first
    assert cache.num_bytes == 10


def test_the_values_used_last_stay():
    cache, made = arrays(100), []

    def get(key):
        return cache.get(key, lambda: made.append(key) or np.zeros(40, np.uint8))

    for key in 'abaca':  # b has to go for c
        get(key)
    assert made == ['a', 'b', 'c']
    get('b')
    assert made == ['a', 'b', 'c', 'b'] and cache.num_bytes == 80


def test_a_value_that_is_too_large_is_not_kept():
    cache = arrays(100)
    cache.get('small', lambda: np.zeros(60, np.uint8))
    assert len(cache.get('large', lambda: np.zeros(101, np.uint8))) == 101
    assert cache.num_bytes == 60

import random

import numpy as np
import pytest
import torch

from emoreact_plugin.utils.random_state import get_random_state, seeded, set_random_state


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_seeded_draws_and_restores():
    before = get_random_state()
    expected = draws()
    set_random_state(before)
    with seeded((1, 2, 3)):
        one = draws()
    assert draws() == expected
    with seeded((1, 2, 3)):
        assert draws() == one
    with seeded((1, 2, 4)):
        assert not set(draws()) & set(one)


def test_seeded_restores_after_an_error():
    before = get_random_state()
    expected = draws()
    set_random_state(before)
    try:
        with seeded((1,)):
            raise KeyError
    except KeyError:
        pass
    assert draws() == expected


@pytest.mark.parametrize('kind', [np.random.MT19937, np.random.PCG64])
@pytest.mark.parametrize('normal', [False, True])
def test_the_whole_state_of_numpy_is_restored(kind, normal):
    own = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(kind(3))
        np.random.rand(5)
        if normal:
            np.random.randn()  # of a pair, whose other half is held back
        before, other = get_random_state(), np.random.RandomState(kind())
        other.set_state(np.random.get_state(legacy=False))
        # more than the 624 words of a Mersenne twister, and half of a pair
        expected = other.rand(2000), other.randn()
        for _ in range(2):
            draws = np.random.rand(2000), np.random.randn()
            np.testing.assert_array_equal(draws[0], expected[0])
            assert draws[1] == expected[1]
            set_random_state(before)
        assert np.random.randn() != expected[1]
        np.random.set_bit_generator(kind(4))
        set_random_state(before)
        np.testing.assert_array_equal(np.random.rand(2000), expected[0])
    finally:
        np.random.set_bit_generator(own)

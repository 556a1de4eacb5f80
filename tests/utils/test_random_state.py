"""Random state that is saved, seeded and restored."""

import random

import numpy as np
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


def test_a_block_within_a_block_has_its_own_draws():
    before = get_random_state()
    with seeded((1,)):
        one = [draws(), draws()]
    after = draws()
    set_random_state(before)
    with seeded((1,)):
        first = draws()
        with seeded((2,)):
            inner = draws()
        assert [first, draws()] == one
    assert draws() == after
    with seeded((2,)):
        assert draws() == inner


def test_blocks_of_two_threads_do_not_disturb_later_ones():
    first, second = seeded((1,)), seeded((2,))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    for _ in range(2):
        before = get_random_state()
        expected = draws()
        set_random_state(before)
        with seeded((3,)), seeded((4,)):
            draws()
        assert draws() == expected

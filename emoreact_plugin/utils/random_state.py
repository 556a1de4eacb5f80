"""Save, set and seed the global random generators."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

# Generators that no block uses now.
_spares: list[np.random.MT19937] = []


def get_random_state() -> tuple:
    """Return the state of the generators that transforms draw from.

    These are ``random``, NumPy's and torch's (CPU).
    """
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def set_random_state(state: tuple) -> None:
    """Restore the state that :func:`get_random_state` returned."""
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])


@contextmanager
def seeded(key: Sequence[int]) -> Iterator[None]:
    """Seed the generators from some whole numbers for the time of a block.

    After it they go on as before, except that NumPy forgets a second normal number which it drew
    together with the first.

    Args:
        key (Sequence[int]): Numbers that are not negative, for example (seed,
            epoch, index).
    """
    words = np.random.SeedSequence(tuple(key)).generate_state(3)
    numpy: Any = np.random  # the types of NumPy leave out these functions
    before = random.getstate(), numpy.get_bit_generator(), torch.get_rng_state()
    # NumPy draws from another generator: to save and restore the state of one takes far longer.
    spare = _spares.pop() if _spares else np.random.MT19937()
    numpy.set_bit_generator(spare)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    # Not torch.manual_seed: that would reseed a GPU's generator as well.
    torch.default_generator.manual_seed(int(words[2]))
    try:
        yield
    finally:
        random.setstate(before[0])
        numpy.set_bit_generator(before[1])
        torch.set_rng_state(before[2])
        # After blocks of several threads, NumPy may be left with a spare one.
        _spares[:] = [each for each in _spares if each is not before[1]]
        _spares.append(spare)

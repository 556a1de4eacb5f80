"""Save, set and seed the global random generators."""

import ctypes
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.random import mtrand

# 624 words and the position of the next one, see `state_address` in NumPy's documentation.
MT19937_BYTES = 625 * 4


def get_random_state() -> tuple:
    """Return the state of the generators that transforms draw from.

    These are ``random``, NumPy's and torch's (CPU). NumPy draws normal deviates in pairs: one that
    it holds back is dropped.
    """
    generator = mtrand.get_bit_generator()
    content: Any
    if isinstance(generator, np.random.MT19937):
        # NumPy's own functions go through the words in Python, which takes fifty times longer.
        content = ctypes.string_at(generator.ctypes.state_address, MT19937_BYTES)
    else:
        content = generator.state
    mtrand.set_bit_generator(generator)  # drops the deviate
    return random.getstate(), (generator, content), torch.get_rng_state()


def set_random_state(state: tuple) -> None:
    """Restore the state that :func:`get_random_state` returned."""
    random.setstate(state[0])
    generator, content = state[1]
    if isinstance(generator, np.random.MT19937):
        ctypes.memmove(generator.ctypes.state_address, content, MT19937_BYTES)
    else:
        generator.state = content
    mtrand.set_bit_generator(generator)
    torch.set_rng_state(state[2])


@contextmanager
def seeded(key: Sequence[int]) -> Iterator[None]:
    """Seed the generators from some whole numbers for the time of a block.

    Args:
        key (Sequence[int]): Numbers that are not negative, for example (seed,
            epoch, index).
    """
    words = np.random.SeedSequence(tuple(key)).generate_state(3)
    before = get_random_state()
    random.seed(int(words[0]))
    np.random.seed(words[1])
    # Not torch.manual_seed: that would reseed a GPU's generator as well.
    torch.default_generator.manual_seed(int(words[2]))
    try:
        yield
    finally:
        set_random_state(before)

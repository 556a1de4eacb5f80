"""Save, set and seed the global random generators."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch


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

"""Fixtures of all tests; what they are made of is in factories.py."""

import gc
import os

import pytest
import torch
from mmengine.registry import init_default_scope

from tests.factories import TinyData, make_tiny

# Several processes of tests share the cores, and so do those that a test starts.
torch.set_num_threads(1)
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Nothing that is imported becomes garbage, so no collection has to look at it. MMEngine's data
# sets collect when they are made, which took more than half of the time of some tests.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope='session')
def own_cache(tmp_path_factory):
    """No test touches the user's cache."""
    before = os.environ.get('EMOREACT_CACHE_DIR')
    os.environ['EMOREACT_CACHE_DIR'] = str(tmp_path_factory.mktemp('cache'))
    yield
    if before is None:
        del os.environ['EMOREACT_CACHE_DIR']
    else:
        os.environ['EMOREACT_CACHE_DIR'] = before


@pytest.fixture(autouse=True)
def mmaction_scope():
    """Set the default scope, as a config's ``default_scope`` does."""
    init_default_scope('mmaction')


@pytest.fixture(scope='session')
def tiny(tmp_path_factory) -> TinyData:
    """Read only: tests that change files call ``make_tiny`` themselves."""
    return make_tiny(tmp_path_factory.mktemp('tiny'))


@pytest.fixture
def own(tmp_path):
    """Make a separate dataset for tests that break it."""
    return make_tiny(tmp_path / 'data', counts=(3, 2, 2))

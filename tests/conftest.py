"""Fixtures of all tests; what they are made of is in factories.py.

Heavy imports stand in the functions: pytest-xdist's first process loads this file and runs no
test.
"""

import gc
import os

import pytest

# Several processes of tests share the cores, and so do those that a test starts.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Nothing that is imported becomes garbage, so no collection has to look at it. MMEngine's data
# sets collect when they are made, which took more than half of the time of some tests.
gc.disable()


def pytest_collection_finish():
    import torch

    torch.set_num_threads(1)
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope='session')
def own_cache(tmp_path_factory):
    """No test touches the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('EMOREACT_CACHE_DIR', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(autouse=True, scope='session')
def unformatted_configs():
    """Leave out the line breaks of configs that MMEngine writes, half a second for each.

    It writes one with every run and every checkpoint. The tools that tests start write them whole.
    """
    from mmengine.config import config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, 'FormatCode', lambda text, *_, **__: (text, True))
        yield


@pytest.fixture(autouse=True)
def mmaction_scope():
    """Set the default scope, as a config's ``default_scope`` does."""
    from mmengine.registry import init_default_scope

    init_default_scope('mmaction')


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    """Read only: tests that change files call ``make_tiny`` themselves."""
    from tests.factories import make_tiny

    return make_tiny(tmp_path_factory.mktemp('tiny'))


@pytest.fixture
def own(tmp_path):
    """Make a separate dataset for tests that break it."""
    from tests.factories import make_tiny

    return make_tiny(tmp_path / 'data', counts=(3, 2, 2))

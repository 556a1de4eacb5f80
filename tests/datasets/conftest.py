import pytest

from ..conftest import make_tiny


@pytest.fixture
def own(tmp_path):
    """A data set of its own for tests that break it."""
    return make_tiny(tmp_path / 'data', counts=(3, 2, 2))

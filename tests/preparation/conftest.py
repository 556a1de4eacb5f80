from tests.datasets.conftest import root, whole  # noqa: F401

import threading

import pytest

from emoreact_plugin.preparation import jobs
from tests.datasets.conftest import root, whole  # noqa: F401


@pytest.fixture
def interrupted(monkeypatch):
    """Interrupt jobs once one has said that it started; the second event says that they stop."""
    started, stopped = threading.Event(), threading.Event()
    real = jobs.ThreadPoolExecutor.shutdown

    def interrupt(futures):
        assert started.wait(10)
        raise KeyboardInterrupt

    def shutdown(self, *args, **kwargs):
        stopped.set()
        real(self, *args, **kwargs)

    monkeypatch.setattr(jobs, 'as_completed', interrupt)
    monkeypatch.setattr(jobs.ThreadPoolExecutor, 'shutdown', shutdown)
    return started, stopped

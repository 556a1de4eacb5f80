import logging
import sys

import pytest

from emoreact_plugin.evaluation import ROCAUCMetric


@pytest.fixture
def warnings_logged(monkeypatch):
    """Messages that the metric logs as warnings."""
    messages = []

    def record(message, logger=None, level=logging.INFO):
        assert (logger, level) == ('current', logging.WARNING)
        messages.append(message)

    module = sys.modules[ROCAUCMetric.__module__]
    monkeypatch.setattr(module, 'print_log', record)
    return messages

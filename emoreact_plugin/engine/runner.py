"""Build the Runner of the tools."""

import logging
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner


def build_runner(cfg: Config) -> Runner:
    """Build the Runner of a config, of the type ``runner_type`` if the config has it."""
    if 'runner_type' in cfg:
        from mmaction.registry import RUNNERS

        return RUNNERS.build(cfg)
    return ConsoleRunner.from_cfg(cfg)


class ConsoleRunner(Runner):
    """Run like MMEngine's Runner, but log to the file; the console gets warnings only."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger, and let its console handlers write only useful warnings."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            # A file's handler is a kind of StreamHandler as well.
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.WARNING)
                handler.addFilter(_worth_reading)
        return logger


def _worth_reading(record: logging.LogRecord) -> bool:
    # A constant learning rate needs no scheduler, a dump no prefix.
    return not record.getMessage().startswith(
        (
            '`save_param_scheduler` is True',
            '`resume_param_scheduler` is True',
            'The prefix is not set in metric class DumpResults',
        )
    )

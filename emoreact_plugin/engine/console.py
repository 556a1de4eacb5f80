"""Print a few readable lines on the console; the long log is in the file."""

import logging
import time
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from emoreact_plugin.utils.text import printable
from mmaction.registry import HOOKS


@master_only
def say(text: str) -> None:
    """Print a line at once, on the first rank only."""
    print(printable(text), flush=True)


class _Plain(logging.Formatter):
    """Format messages of a log in the style of :func:`say`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message, after the level of a warning or an error."""
        text = printable(record.getMessage())
        return text if record.levelno < logging.WARNING else f'{record.levelname}: {text}'


def use_plain_style(logger: logging.Logger) -> list[logging.Handler]:
    """Let a logger print on the console as :func:`say` does; its files stay as they are.

    Args:
        logger (logging.Logger): Such as MMEngine's.

    Returns:
        list[logging.Handler]: Its console handlers.
    """
    # A file's handler is a kind of StreamHandler as well.
    handlers: list[logging.Handler] = [
        each for each in logger.handlers if type(each) is logging.StreamHandler
    ]
    for handler in handlers:
        handler.setFormatter(_Plain())
    return handlers


@HOOKS.register_module()
class ConsoleHook(Hook):
    """Print one line for each epoch, and progress lines in a long epoch, validation or test.

    Args:
        interval (float): Seconds between progress lines. Defaults to 20.
    """

    # After the checkpoint hook, so that the best epoch is known.
    priority = 'LOWEST'

    def __init__(self, interval: float = 20.0) -> None:
        self.interval = interval
        self.loss: float | None = None
        self.best: str | None = None

    def before_train(self, runner: Runner) -> None:
        """Remember the best checkpoint so far, which a resumed training already has."""
        self.best = runner.message_hub.runtime_info.get('best_ckpt')

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the clock and the sum of losses of the epoch."""
        self.start = self.last = time.time()
        self.sum, self.count = 0.0, 0

    def after_train_epoch(self, runner: Runner) -> None:
        """Prepare the line of the epoch, and print it if there is no validation."""
        self.loss = float(self.sum) / max(self.count, 1)
        self.text = f'{self._epoch(runner)}  loss {self.loss:.3f}'
        if runner.val_loop is None:
            say(f'{self.text}  {time.time() - self.start:.0f} s')

    def before_val_epoch(self, runner: Runner) -> None:
        """Start the clock of the scoring."""
        # Apart from the epoch's, whose line tells how long it took.
        self.scoring_start = self.last = time.time()

    before_test_epoch = before_val_epoch

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Any = None,
        mode: str = 'train',
    ) -> None:
        """Add up the loss of a training, and print a progress line if the interval is over."""
        training = mode == 'train'
        if training:
            if outputs is not None:
                # Added up where it is: reading it would make a GPU wait.
                self.sum = self.sum + outputs['loss'].detach()
            self.count += 1
        now, total = time.time(), len(getattr(runner, f'{mode}_dataloader'))
        if now - self.last < self.interval or batch_idx + 1 >= total:
            return
        self.last = now
        start, count = (self.start, self.count) if training else (self.scoring_start, batch_idx + 1)
        left = f'{(now - start) / count * (total - count):.0f} s left'
        if training:
            loss = float(self.sum) / count
            say(
                f'{self._epoch(runner)}  batch {batch_idx + 1}/{total}  loss {loss:.3f}  {left} of '
                'this epoch'
            )
        else:
            say(f'scoring  batch {batch_idx + 1}/{total}  {left}')

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float | None] | None = None
    ) -> None:
        """Print the line of the epoch with its ROC AUC, and mark the best epoch so far."""
        if not hasattr(self, 'text'):
            return  # a validation that belongs to no epoch of training
        found = {name: (metrics or {}).get(f'roc_auc/{name}') for name in ('micro', 'macro')}
        scores = ''.join(
            f'  {name} {value:.3f}' for name, value in found.items() if value is not None
        )
        best = runner.message_hub.runtime_info.get('best_ckpt')
        mark = '  best so far' if best and best != self.best else ''
        self.best = best
        say(f'{self.text}  val ROC AUC{scores}  {time.time() - self.start:.0f} s{mark}')
        del self.text

    @staticmethod
    def _epoch(runner: Runner) -> str:
        return f'epoch {runner.epoch + 1}/{runner.max_epochs}'

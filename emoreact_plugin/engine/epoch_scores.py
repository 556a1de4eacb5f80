"""Keep the scores of every validation."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from emoreact_plugin.evaluation import DumpScores
from mmaction.registry import HOOKS

from .testing import keep_scores


@HOOKS.register_module()
class EpochScoresHook(Hook):
    """Write the scores of all val clips after each epoch, as ``val_epoch_<n>.npz``.

    The files are dumps in the work dir, see :func:`~emoreact_plugin.evaluation.dump.read_dump`. The
    published system keeps such files too. A validation that belongs to no epoch of training, such
    as that of the best checkpoint, is left out.
    """

    _training = False

    def before_train(self, runner: Runner) -> None:
        """Keep scores from now on."""
        self._training = True

    def after_train(self, runner: Runner) -> None:
        """Keep no more scores."""
        self._training = False

    def before_val_epoch(self, runner: Runner) -> None:
        """Let the validation write its scores."""
        if self._training:
            keep_scores(runner.val_loop, f'val_epoch_{runner.epoch}', runner.work_dir, None)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Take away what wrote the scores."""
        kept = runner.val_loop.evaluator.metrics
        kept[:] = [each for each in kept if not isinstance(each, DumpScores)]

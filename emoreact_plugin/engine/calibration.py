"""Keep the calibration of a network with its checkpoint."""

from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import BaseLoop, save_checkpoint

from emoreact_plugin.evaluation import Calibration, ROCAUCMetric
from emoreact_plugin.weights.checkpoints import read_checkpoint

# Where it stands in the meta of a checkpoint.
META_KEY = 'calibration'


def store_calibration(checkpoint: str, calibration: Calibration) -> None:
    """Write the calibration into the ``meta`` of a checkpoint, which is replaced as a whole.

    Args:
        checkpoint (str): Path of a checkpoint that was written by a Runner.
        calibration (Calibration): What was chosen on val.
    """
    if is_main_process():
        content: dict[str, Any] = read_checkpoint(checkpoint).content
        content['meta'][META_KEY] = calibration.to_meta()
        save_checkpoint(content, checkpoint)


def use_calibration(loop: BaseLoop, calibration: Calibration | None) -> None:
    """Let the metrics of a loop score what a calibration makes of the logits."""
    for metric in loop.evaluator.metrics:
        if isinstance(metric, ROCAUCMetric):
            metric.calibration = calibration

"""Show a training in TensorBoard: its scalars, and a chart of the ROC AUC of each class."""

import os.path as osp
import time
from glob import escape, glob
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import TensorboardVisBackend

from emoreact_plugin.datasets.annotations import SOFT_POSITIVE
from emoreact_plugin.datasets.wrappers import labels_of
from emoreact_plugin.utils.errors import MissingPackageError
from emoreact_plugin.utils.parts import type_name
from mmaction.registry import HOOKS, VISBACKENDS

from .labels import score_priors

FOLDER = 'tensorboard'
# MMEngine calls these of training and validation alike, but counts the first
# by iterations and the second by epochs.
TIMES = ('time', 'data_time')
# Installed one after the other, the extras may leave a version of protobuf
# that one of them cannot use.
_INSTALL = (
    "pip install 'emoreact_plugin[tensorboard]', with all other extras that are wanted in the "
    "same command: 'emoreact_plugin[landmarks,onnx,tensorboard]'"
)


@VISBACKENDS.register_module()
class TensorboardTrainingBackend(TensorboardVisBackend):
    """Write one training to TensorBoard, as MMEngine's ``TensorboardVisBackend`` does.

    Everything is written to disk at once. ``time`` and ``data_time``, seconds per batch, are those
    of training; in validation they are called ``val/time`` and ``val/data_time``. Scores that are
    not defined are left out. So is everything after the end of the training, such as the scores of
    the best checkpoint, which are not those of the last epoch.

    Args:
        save_dir (str): Folder of the event files.
    """

    _closed = False

    def add_scalars(
        self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any
    ) -> None:
        """Write numbers.

        Args:
            scalar_dict (dict): Name -> number, or None. Without an ``iter``, which MMEngine gives
                for training, the numbers are those of a validation.
            step (int): Iteration or epoch.
            file_path (str, optional): Not used.
            **kwargs: Not used.
        """
        if not self._closed:
            scope = '' if 'iter' in scalar_dict else 'val/'
            super().add_scalars(
                {
                    scope + k if k in TIMES else k: v
                    for k, v in scalar_dict.items()
                    if v is not None
                },
                step,
            )
            self._tensorboard.flush()

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        """Write an image.

        Args:
            name (str): Name of the image.
            image (np.ndarray): (H, W, 3) uint8 RGB.
            step (int): Iteration or epoch.
            **kwargs: Not used.
        """
        if not self._closed:
            super().add_image(name, image, step)
            self._tensorboard.flush()

    def close(self) -> None:
        """Close the file; nothing more is written."""
        super().close()
        self._closed = True


@HOOKS.register_module()
class ROCAUCChartHook(Hook):
    """Chart the ROC AUC of each class, macro and micro after each validation of a training.

    The visualizer gets a bar chart called ``roc_auc``. The hook needs a
    :class:`~emoreact_plugin.evaluation.ROCAUCMetric` without a prefix in ``val_evaluator``, and
    does nothing without one. If the datasets have ``labels``, the chart also shows the number of
    positives, and a mark at the micro ROC AUC of the label frequencies of the training split alone.
    """

    _training = False

    def before_train(self, runner: Runner) -> None:
        """Draw charts from now on, because a training starts."""
        self._training = True

    def after_train(self, runner: Runner) -> None:
        """Draw no more charts, because a later validation is not that of the last epoch."""
        # A validation after it is not of the last epoch.
        self._training = False

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float | None] | None = None
    ) -> None:
        """Draw the chart of a validation.

        Args:
            runner (Runner): Of the training.
            metrics (dict[str, float | None], optional): Of the validation.
        """
        metrics = metrics or {}
        if not (self._training and is_main_process() and 'roc_auc/macro' in metrics):
            return
        from emoreact_plugin.plots import plot_roc_bars, to_image  # matplotlib is heavy

        dataset = runner.val_dataloader.dataset
        labels = labels_of(dataset)

        def values_of(scores: dict[str, float | None]) -> dict[str, float | None]:
            names = [name for name in scores if name.startswith('roc_auc/')]
            return {name.removeprefix('roc_auc/'): scores[name] for name in names}

        priors = score_priors(runner.cfg, 'val')
        figure = plot_roc_bars(
            dataset.metainfo['classes'],
            {f'val, epoch {runner.epoch}': values_of(metrics)},
            labels=None if labels is None else labels >= SOFT_POSITIVE,
            priors={name: values_of(each) for name, each in priors.items()},
        )
        runner.visualizer.add_image('roc_auc', to_image(figure), runner.epoch)


def without_tensorboard(cfg: Config) -> None:
    """Remove TensorBoard from a config that is not used for training.

    Args:
        cfg (Config): A config that :func:`add_tensorboard` may have changed; changed in place.
    """
    visualizer = cfg.get('visualizer') or {}
    backends = visualizer.get('vis_backends') or []
    if isinstance(backends, (list, tuple)):
        visualizer['vis_backends'] = [
            each for each in backends if type_name(each) != TensorboardTrainingBackend.__name__
        ]


def add_tensorboard(cfg: Config) -> None:
    """Let a training write to TensorBoard, whatever visualizer it has.

    The event files are in ``<work_dir>/tensorboard/<time>``. A resumed training continues in the
    latest such folder, so that its curves continue.

    Args:
        cfg (Config): Of the training, with ``work_dir`` and ``resume``; changed in place.

    Raises:
        MissingPackageError: If TensorBoard is not installed.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f'--tensorboard: TensorBoard cannot be imported ({error}); {_INSTALL}'
        ) from error
    earlier = sorted(glob(osp.join(escape(cfg.work_dir), FOLDER, '*')))
    folder = (
        earlier[-1]
        if cfg.get('resume') and earlier
        else osp.join(cfg.work_dir, FOLDER, time.strftime('%Y%m%d_%H%M%S'))
    )
    visualizer = cfg.get('visualizer') or dict(
        type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]
    )
    backends = visualizer.get('vis_backends') or []
    if not isinstance(backends, (list, tuple)):
        backends = [backends]
    backends = [each for each in backends if not type_name(each).endswith('TensorboardVisBackend')]
    visualizer['vis_backends'] = [
        *backends,
        dict(type='TensorboardTrainingBackend', save_dir=folder),
    ]
    cfg.visualizer = visualizer
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='ROCAUCChartHook')]

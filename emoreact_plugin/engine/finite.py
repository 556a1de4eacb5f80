"""Stop a training whose loss or weights are not finite; average the losses over the ranks."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.weights.checkpoints import check_finite
from mmaction.registry import HOOKS

# Iterations between looks at a loss on a GPU, which has to be waited for.
_INTERVAL = 20


@HOOKS.register_module()
class FiniteHook(Hook):
    """Stop if a loss, the weights or the logits are not finite, before they are saved.

    The error names iteration, epoch and clips. With several ranks, the losses that other hooks
    print and log are means over the ranks.
    """

    # Before the hooks that log and save.
    priority = 'HIGHEST'

    def __init__(self) -> None:
        self._training = False
        self._seen: list[tuple[int, list[str], dict[str, Tensor]]] = []

    def before_train(self, runner: Runner) -> None:
        """Name the epoch from now on."""
        self._training = True

    def before_train_epoch(self, runner: Runner) -> None:
        """Forget the losses of a stopped epoch."""
        self._seen = []

    def after_train(self, runner: Runner) -> None:
        """Name no epoch from now on: the best checkpoint may be scored."""
        self._training = False

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Average the losses, and look at them.

        Raises:
            InputError: If one is not finite.
        """
        losses = {
            name: value.detach()
            for name, value in (outputs or {}).items()
            if isinstance(value, Tensor) and value.is_floating_point()
        }
        if get_world_size() > 1 and outputs is not None:
            for name, value in losses.items():
                mean = value.clone()
                all_reduce(mean, 'mean')
                outputs[name] = losses[name] = mean
        self._seen.append((runner.iter + 1, _clips_of(data_batch), losses))
        on_cpu = all(value.device.type == 'cpu' for value in losses.values())
        if on_cpu or len(self._seen) >= _INTERVAL:
            self._check_losses(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Look at the losses that are left of the epoch.

        Raises:
            InputError: If one is not finite.
        """
        self._check_losses(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at the losses and weights before they are saved.

        Raises:
            InputError: If one is not finite.
        """
        self._check_losses(runner)
        check_finite(checkpoint['state_dict'], f'epoch {checkpoint["meta"]["epoch"]}')

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Any = None,
    ) -> None:
        """Look at the scores of a batch.

        Raises:
            InputError: If one is not finite.
        """
        for sample in outputs or ():
            for name in ('pred_logits', 'pred_score'):
                value = sample.get(name) if hasattr(sample, 'get') else None
                if isinstance(value, Tensor) and not bool(torch.isfinite(value).all()):
                    clip = next(_names([sample]), 'one')
                    raise InputError(
                        f'{self._epoch(runner)}clip {clip}: expected finite scores, found {name} '
                        f'{value.flatten().tolist()[:8]}; weights or frames may be at fault'
                    )

    after_test_iter = after_val_iter

    def _epoch(self, runner: Runner) -> str:
        return f'epoch {runner.epoch}, ' if self._training else ''

    def _check_losses(self, runner: Runner) -> None:
        seen, self._seen = self._seen, []
        for iteration, clips, losses in seen:
            for name, value in losses.items():
                if not bool(torch.isfinite(value).all()):
                    # All ranks have the same mean, so all of them come here.
                    everywhere = [each for rank in all_gather_object(clips) for each in rank]
                    raise InputError(
                        f'epoch {runner.epoch + 1}, iteration {iteration}: expected a finite '
                        f'{name}, found {float(value.mean())}, with the clips '
                        f'{", ".join(everywhere) or "of unknown names"}. The last checkpoint is '
                        'from before; a lower learning rate or optim_wrapper.clip_grad may help'
                    )


def _clips_of(data_batch: Any) -> list[str]:
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    return list(_names(samples or ()))


def _names(samples: Any) -> Iterator[str]:
    for sample in samples:
        for key in ('video_id', 'filename', 'frame_dir', 'img_path'):
            name = getattr(sample, key, None)
            if name:
                yield str(name)
                break

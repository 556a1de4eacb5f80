"""Look at all splits before a training starts."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from emoreact_plugin.datasets.wrappers import labels_of, summary_of, unwrap, video_ids_of
from emoreact_plugin.models import check_stock_head
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import first_few, number
from mmaction.registry import HOOKS

from .console import say

# With fewer, ten positives and ten negatives at best, ROC AUC has a standard error above 0.1.
FEW_CLIPS = 20


@HOOKS.register_module()
class SplitsCheckHook(Hook):
    """Open all splits before the first epoch, describe them, and warn of clips in two of them.

    MMEngine would open val only after the first epoch and test after the last.
    """

    def before_train(self, runner: Runner) -> None:
        """Open the splits.

        Raises:
            InputError: If all labels of val are the same, so that no ROC AUC can tell the best
                epoch; if the head of a stock model does not fit several labels a clip.
        """
        loops = dict(train=runner.train_loop, val=runner.val_loop, test=runner.test_loop)
        seen: dict[str, set[str]] = {}
        for split, loop in loops.items():
            if loop is None:
                continue
            dataset = loop.dataloader.dataset
            clips = set(video_ids_of(dataset))
            for other, others in seen.items():
                both = sorted(others & clips)
                if both:
                    say(
                        f'WARNING: {number(len(both), "clip")} both in {other} and in {split}: '
                        f'{first_few(both)}'
                    )
            seen[split] = clips
            say(f'{split}: {summary_of(dataset)}')
            labels = labels_of(dataset)
            if split == 'train' and labels is not None:
                metrics = runner.val_loop.evaluator.metrics if runner.val_loop else ()
                model = runner.model
                check_stock_head(
                    model.module if is_model_wrapper(model) else model, labels, metrics
                )
            if split == 'val' and labels is not None and len(labels) < FEW_CLIPS:
                say(
                    f'WARNING: val has {number(len(labels), "clip")}; on fewer than {FEW_CLIPS}, '
                    'it is mostly chance which epoch, temperature and thresholds are best'
                )
            if split == 'val' and labels is not None and (labels.min() == labels.max()):
                files = ', '.join(each.ann_file for each in unwrap(dataset))
                raise InputError(
                    f'{files}: all labels are {labels.min():g}, so no ROC AUC can tell '
                    'the best epoch; expected 0 and 1, or --no-validate'
                )

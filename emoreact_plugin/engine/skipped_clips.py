"""Skip bad clips in trainings and tests, and list them at the end."""

from typing import Any

from mmengine.config import Config
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner

from emoreact_plugin.datasets.bad_clips import BadClips, check_share, refuse_above, skipped_line
from emoreact_plugin.datasets.wrappers import unwrap
from emoreact_plugin.recipes import datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a, type_name
from mmaction.registry import DATASETS, HOOKS, METRICS

from .console import say


def skip_bad_clips(cfg: Config, share: float | None) -> None:
    """Let the data sets of a config skip clips that cannot be loaded.

    Args:
        cfg (Config): The config, whose evaluators are complete.
        share (float, optional): The share of bad clips that is allowed, 0..1. Without it, or with
            0, nothing changes.

    Raises:
        InputError: For another share, for data sets of other types, and for a metric that would
            score the clips that stand in for those that are skipped.
    """
    if not share or not check_share(share):
        return
    for dataset in datasets_of(cfg):
        if not is_a(dataset, 'EmoReactDataset', registry=DATASETS):
            raise InputError(
                f'--skip-bad-clips: expected EmoReactDataset, found {type_name(dataset)}'
            )
        dataset['skip_bad_clips'] = share
    for split in ('val', 'test'):
        evaluators = cfg.get(f'{split}_evaluator') or ()
        for each in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
            if not is_a(each, 'ROCAUCMetric', 'DumpScores', registry=METRICS):
                raise InputError(
                    '--skip-bad-clips: expected metrics that leave out what was skipped, '
                    f'ROCAUCMetric and DumpScores (--dump FILE.npz), found {type_name(each)}'
                )
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), dict(type='SkippedClipsHook')]


@HOOKS.register_module()
class SkippedClipsHook(Hook):
    """List the clips that were skipped when a run ends.

    After each epoch, validation and test, the ranks tell each other which clips are bad.

    Raises:
        InputError: If more clips are bad on all ranks together than the data set allows.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.found: dict[str, list[BadClips]] = {}

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        """Join what the ranks found in an epoch, a validation or a test."""
        found = _bad_clips_of(getattr(runner, f'{mode}_dataloader').dataset)
        self.found[mode] = found
        for bad in found:
            marks = bad.marks.int()
            all_reduce(marks, 'max')
            bad.marks.copy_(marks.bool())
            refuse_above(bad.share, bad.names, len(bad.all_names))

    def after_run(self, runner: Runner) -> None:
        """List the clips that were skipped."""
        for split, found in self.found.items():
            for bad in found:
                if bad.names:
                    say(f'{split}: {skipped_line(bad.names, len(bad.all_names))}')


def _bad_clips_of(dataset: Any) -> list[BadClips]:
    """Return what a data set, or those inside a wrapper, remember of bad clips."""
    return [each.bad_clips for each in unwrap(dataset) if getattr(each, 'bad_clips', None)]

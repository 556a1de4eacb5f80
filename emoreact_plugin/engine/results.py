"""What a training or test leaves: its table, and the scores of its clips."""

import os.path as osp

from mmengine.config import Config
from mmengine.runner import Runner

from emoreact_plugin.evaluation import DumpScores, ROCAUCMetric, format_table, prior_roc_auc_micro

from .labels import labels_of


def label_prior(cfg: Config) -> dict[str, float | None]:
    """Micro ROC AUC of the training split's label frequencies on val and
    test; None for a split whose labels are not in an annotation CSV.
    """

    def labels(split):
        try:
            return labels_of(cfg, split)
        except FileNotFoundError:  # testing needs no training split
            return None

    train = labels('train')
    return {
        split: train and labels(split) and prior_roc_auc_micro(train, labels(split))
        for split in ('val', 'test')
    }


def results_table(runner: Runner, results: dict[str, dict], prior: dict[str, float | None]) -> str:
    """The table of ``ROCAUCMetric``'s results, or, of other metrics, a line
    each.
    """

    if results and all('roc_auc/micro' in m for m in results.values()):
        loop = runner.test_loop or runner.val_loop
        classes = loop.dataloader.dataset.metainfo['classes']
        return format_table(results, classes, prior)
    return '\n'.join(
        f'{split} {name}: {value}'
        for split, metrics in results.items()
        for name, value in metrics.items()
    )


def keep_scores(loop, split, work_dir, checkpoint):
    """Let a loop write the scores of its clips into the work dir, for
    plot_roc.py and fuse_scores.py. Not by the config, which is to run again
    elsewhere.
    """
    dataset, metrics = loop.dataloader.dataset, loop.evaluator.metrics
    ours = [each for each in metrics if type(each) is ROCAUCMetric]
    if (
        ours
        and getattr(dataset, 'video_ids', None)
        and any(
            'video_id' in getattr(step, 'meta_keys', ()) for step in dataset.pipeline.transforms
        )
    ):
        dump = DumpScores(
            osp.join(work_dir, f'{split}.npz'),
            scores=ours[0].scores,
            classes=ours[0].classes,
            split=split,
            checkpoint=checkpoint,
        )
        dump.dataset_meta = dataset.metainfo
        metrics.append(dump)

"""Make the results of a training or test: its table, and the scores of its clips."""

import os.path as osp

from mmengine.runner import BaseLoop, Runner

from emoreact_plugin.evaluation import DumpScores, ROCAUCMetric, format_table


def results_table(runner: Runner, results: dict[str, dict], prior: dict[str, float | None]) -> str:
    """Format the results of ``ROCAUCMetric`` as a table; other metrics get one line each."""
    if results and all('roc_auc/micro' in m for m in results.values()):
        loop = runner.test_loop or runner.val_loop
        classes = loop.dataloader.dataset.metainfo['classes']
        return format_table(results, classes, prior)
    return '\n'.join(
        f'{split} {name}: {value}'
        for split, metrics in results.items()
        for name, value in metrics.items()
    )


def keep_scores(loop: BaseLoop, split: str, work_dir: str, checkpoint: str | None) -> None:
    """Let a loop write the scores of its clips into the work dir.

    plot_roc.py and fuse_scores.py read them. They are not requested in the config, because the
    config is meant to run again elsewhere. Nothing is written without a ``ROCAUCMetric``, or if the
    dataset has no ``video_ids`` or the pipeline does not pack ``video_id``.
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

"""Write the predictions of a Runner to a dump."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import sha256_of
from mmaction.registry import METRICS

from .dump import Dump, check_name, write_dump
from .roc_auc_metric import ROCAUCMetric, groups_of, without_skipped


@METRICS.register_module()
class DumpScores(ROCAUCMetric):
    """Write the predictions of a split to a file, and add nothing to the results.

    :func:`read_dump` reads the file. The metric takes the samples that :class:`ROCAUCMetric` takes,
    refuses those that it refuses, and keeps the scores that it ranks: ``pred_logits`` if the
    samples have them, else ``pred_score`` on the scale that ``scores`` says. A sample needs
    ``video_id`` too. ``stream_logits`` (stream -> (C,)) and ``<stream>_found`` (n,), which
    ``LateFusionRecognizer`` and ``CropRegions`` add, and ``groups`` of the dataset are kept if a
    sample has them.

    Args:
        out_file (str): The file, ``.npz``. Its folder is created if it is missing.
        scores (str): What ``pred_score`` holds, ``'probabilities'`` or ``'logits'``: the same as
            for the ``ROCAUCMetric`` of this config.
        classes (Sequence[str], optional): Names of the C classes. Defaults to None, which takes the
            dataset's ``metainfo['classes']``.
        split (str): A note that says which split it is. Defaults to '', unknown.
        checkpoint (str, optional): The file that the weights are from. Its SHA-256 is noted, which
            tells which dumps come from the same network.
        collect_device (str): See :class:`mmengine.evaluator.BaseMetric`.
        collect_dir (str, optional): See :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        InputError: When a sample comes that lacks a key.
        InputError: If an argument is not as above. Later, for the same reasons as in
            :class:`ROCAUCMetric`, if a clip comes twice, or if only some samples have a stream.
    """

    def __init__(
        self,
        out_file: str,
        scores: str = 'probabilities',
        classes: Sequence[str] | None = None,
        split: str = '',
        checkpoint: str | None = None,
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(
            scores=scores, classes=classes, collect_device=collect_device, collect_dir=collect_dir
        )
        self.out_file = check_name(out_file)
        # Now: a folder that cannot be made would be found out too late.
        self.out_file.parent.mkdir(parents=True, exist_ok=True)
        self.split = split
        self.run = '' if checkpoint is None else sha256_of(checkpoint)

    def _read(self, samples: list[dict], classes: tuple[str, ...]) -> list[dict]:
        for sample in samples:
            if sample.get('video_id') is None:
                raise InputError(
                    f'video_id: not in the sample, which has {sorted(sample)}; a dump needs it, so '
                    "have PackActionInputs pack it: meta_keys=('video_id', ...)"
                )
        results = super()._read(samples, classes)
        for sample, result in zip(samples, results, strict=True):
            found = {
                name: np.mean(np.asarray(sample[f'{name}_found']))
                for name in result['stream_logits']
                if sample.get(f'{name}_found') is not None
            }
            result.update(video_id=str(sample['video_id']), found=found)
        return results

    def compute_metrics(self, results: list[dict]) -> dict[str, Any]:
        """Write the predictions of all clips to the file.

        Args:
            results (list[dict]): What :meth:`process` kept, of all ranks.

        Returns:
            dict: Empty.
        """
        results, skipped = without_skipped(results)
        scores, labels, scale = self._gather(results)
        write_dump(
            self.out_file,
            Dump(
                video_ids=tuple(r['video_id'] for r in results),
                classes=self.classes,
                labels=labels,
                scores=scores,
                scale=scale,
                stream_logits=_stacked(results, 'stream_logits'),
                found=_stacked(results, 'found'),
                groups=groups_of(results),
                split=self.split,
                run=self.run,
                skipped=skipped,
            ),
        )
        return {}


def _stacked(results: list[dict], key: str) -> dict[str, np.ndarray]:
    """Stack what every result has under a key, and return stream -> array (N, ...)."""
    names = list(results[0][key])
    for result in results:
        if set(result[key]) != set(names):
            raise InputError(
                f'DumpScores: {key}: expected the streams of the first clip, '
                f'{", ".join(names) or "none"}, in every sample, found '
                f'{", ".join(result[key]) or "none"} in that of video_id {result["video_id"]!r}'
            )
    return {name: np.stack([result[key][name] for result in results]) for name in names}

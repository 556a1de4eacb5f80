"""Feed the predictions of a Runner to the scoring functions on arrays."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number
from mmaction.registry import METRICS

from . import functional as F
from .array_checks import check_cells, check_classes, check_fraction, check_scale, refuse_softmax
from .calibration import Calibration, calibration_error
from .spread import collapse_text, collapsed_labels
from .within_groups import coarsest, within_metrics

# The key of a sample that stands in for a clip that was skipped, with the name of that clip.
SKIPPED = 'skipped'
STREAM_PREFIX = 'stream_logits/'  # before the name of a stream, in errors and dumps


@METRICS.register_module()
class ROCAUCMetric(BaseMetric):
    """Compute ROC AUC, average precision and F1 of a multi-label recognizer.

    A sample needs ``pred_score`` (C,) and ``gt_label`` (C,) of 0 and 1. If it has ``pred_logits``
    (C,) too, as from ``LateFusionRecognizer``, these are ranked, and their sigmoids are the
    probabilities for F1. The sigmoids of large logits tie, so ranking sigmoids would lose order. A
    stock recognizer gives only ``pred_score``, and ``scores`` says what that holds. With
    ``cls_head=dict(average_clips='score')`` it is the mean of the logits over the clip's views, so
    use ``scores='logits'``.

    The result is that of :func:`~emoreact_plugin.evaluation.functional.compute_metrics`. If all
    samples have ``groups`` (kind -> name), the ROC AUC of pairs of clips of one group is added:
    ``roc_auc_within/micro``, ``roc_auc_within/<class>``, and ``roc_auc_within/pairs``, their
    number, see :func:`~emoreact_plugin.evaluation.within_groups.within_groups`. The kind with the
    fewest groups is taken, and left out if it has only one. If all samples have ``stream_logits``
    (stream -> (C,)) of several streams, the ROC AUC of each stream alone is added under
    ``<stream>/roc_auc/...``. ``ece/macro`` is the expected calibration error. With a
    ``calibration``, which our tools set, ``ece_calibrated/macro`` is that after the temperature,
    and ``f1_tuned/macro`` and ``f1_tuned/<class>`` are F1 at the thresholds of val. Samples with
    ``skipped``, which stand in for clips that could not be loaded, are left out; only then
    ``clips/scored`` and ``clips/skipped`` say how many clips the scores are of. Where all clips
    score alike in some labels, as those of a collapsed model do, ``collapsed/labels`` is the number
    of these labels, and a warning in the log names them, once for each metric. A class whose
    labels are all equal has no ROC AUC: its value is ``None``, it is left out of macro, and a
    warning in the log says which class and why. MMEngine's logs keep a ``None`` (as ``null`` in
    JSON), its visualizers leave it out, and ``CheckpointHook(save_best=...)`` skips it.
    ``EarlyStoppingHook`` raises on it, so it must watch a score that is defined.

    Args:
        scores (str): What ``pred_score`` holds, ``'probabilities'`` (of each class on its own, in
            0..1) or ``'logits'``.
        threshold (float): The lowest probability at which a class counts as predicted, for F1.
            Above 0 and below 1.
        classes (Sequence[str], optional): Names of the C classes. Defaults to None, which takes the
            dataset's ``metainfo['classes']``. Without a dataset, as in MMAction2's
            ``eval_metric.py``, they are ``'class 0'``, ``'class 1'``, ...
        collect_device (str): See :class:`mmengine.evaluator.BaseMetric`.
        prefix (str, optional): Put before every name, with a slash.
        collect_dir (str, optional): See :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        InputError: When a sample comes that lacks a key.
        InputError: If an argument or a sample is not as above; if ``pred_score`` has an axis of
            views (``average_clips=None``); if every row of ``pred_score`` is a softmax
            (``average_clips='prob'``).
    """

    # Not None, at which mmengine warns that no prefix is set: the names of
    # the results say themselves what they are.
    default_prefix = ''

    def __init__(
        self,
        scores: str = 'probabilities',
        threshold: float = 0.5,
        classes: Sequence[str] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.scores = check_scale(scores, 'scores')
        self.threshold = check_fraction(threshold, 'threshold')
        self._classes = None if classes is None else check_classes(classes)
        self.calibration: Calibration | None = None
        self._told: set[str] = set()

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the C classes."""
        if self._classes is not None:
            return self._classes
        classes = (self.dataset_meta or {}).get('classes')
        if classes is None:
            raise InputError(
                "ROCAUCMetric: expected the data set's metainfo to have 'classes', found "
                f'{sorted(self.dataset_meta or {})}; give classes=(...) to the metric or '
                'metainfo=dict(classes=(...)) to the data set'
            )
        return check_classes(classes)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Check the samples of a batch and keep what is scored.

        Exactly one result is appended for each sample, in the order of the batch.
        ``collect_results`` relies on this when it drops the samples that the sampler added to pad
        the last batch.

        Args:
            data_batch: Not used.
            data_samples (Sequence[dict]): Samples with ``pred_score`` (C,), ``gt_label`` (C,), and
                optionally ``pred_logits`` (C,) and ``video_id``.
        """
        if self._classes is None and self.dataset_meta is None and data_samples:
            # Saved results are evaluated: there is no dataset that could name the classes.
            count = len(data_samples[0].get('gt_label', ()))
            self._classes = tuple(f'class {k}' for k in range(count))
        classes = self.classes
        read = self._read([s for s in data_samples if s.get(SKIPPED) is None], classes)
        if len(read) < len(data_samples):
            scored = iter(read)
            read = [
                next(scored) if sample.get(SKIPPED) is None else {SKIPPED: sample[SKIPPED]}
                for sample in data_samples
            ]
        self.results += read

    def _read(self, samples: list[dict], classes: tuple[str, ...]) -> list[dict]:
        """Return what is kept of some samples, in their order."""
        plain = [sample.get('pred_logits') is None for sample in samples]
        if True in plain and False in plain:  # refused in the end, but not here
            return [result for sample in samples for result in self._read([sample], classes)]
        source = 'pred_score' if True in plain else 'pred_logits'
        scores = rows_of_samples(samples, source, self._scale_of(source), classes)
        labels = rows_of_samples(samples, 'gt_label', 'labels', classes)
        none: dict = {}  # one for all, which spares the garbage collector much
        return [
            {
                'video_id': sample.get('video_id'),
                'source': source,
                'score': score,
                'label': label,
                'groups': sample.get('groups') or none,
                'stream_logits': streams,
            }
            for sample, score, label, streams in zip(
                samples, scores, labels, _streams_of(samples, classes), strict=True
            )
        ]

    def _scale_of(self, source: str) -> str:
        return 'logits' if source == 'pred_logits' else self.scores

    def compute_metrics(self, results: list[dict]) -> dict:
        """Score all clips.

        Args:
            results (list[dict]): What :meth:`process` kept, of all ranks.

        Returns:
            dict[str, float | None]: See the class.

        Raises:
            InputError: If there are no clips, if only some have
                ``pred_logits``, or if every row is a softmax.
        """
        results, skipped = without_skipped(results)
        scores, labels, scale = self._gather(results)
        self._warn(labels)
        probabilities = F.sigmoid(scores) if scale == 'logits' else scores
        metrics = F.compute_metrics(scores, labels, self.classes, self.threshold, probabilities)
        groups = groups_of(results)
        kind = coarsest(groups)
        if kind is not None:
            metrics |= within_metrics(scores, labels, groups[kind], self.classes)
        streams = _common(result['stream_logits'] for result in results)
        for name in streams if len(streams) > 1 else ():
            logits = np.stack([result['stream_logits'][name] for result in results])
            values = F.roc_auc_metrics(logits, labels, self.classes)
            metrics |= {f'{name}/{key}': value for key, value in values.items()}
            self._flag_collapse(metrics, logits, 'logits', f'{name}/')
        self._flag_collapse(metrics, scores, scale)
        metrics['ece/macro'] = float(calibration_error(probabilities, labels).mean())
        if self.calibration is not None and scale == 'logits':
            metrics |= self._calibrated(scores, labels, self.calibration)
        if skipped:
            metrics |= {'clips/scored': len(results), 'clips/skipped': len(skipped)}
        return metrics

    def _calibrated(
        self, logits: np.ndarray, labels: np.ndarray, calibration: Calibration
    ) -> dict[str, float | None]:
        """Score what the temperature and thresholds that were chosen on val make of the logits."""
        probabilities = calibration.probabilities(logits)
        thresholds = np.array([calibration.thresholds[name] for name in self.classes])
        f1 = F.f1_of_labels(probabilities >= thresholds, labels.astype(bool))
        error = float(calibration_error(probabilities, labels).mean())
        values = {'f1_tuned/macro': float(F.macro(f1)), 'ece_calibrated/macro': error}
        values |= {f'f1_tuned/{c}': float(x) for c, x in zip(self.classes, f1, strict=True)}
        return F.none_for_nan(values)

    def _flag_collapse(
        self, metrics: dict, scores: np.ndarray, scale: str, stream: str = ''
    ) -> None:
        """Add the number of labels in which all clips score alike, and warn about them once."""
        names = collapsed_labels(scores, self.classes, scale)
        if not names:
            return
        metrics[f'{stream}collapsed/labels'] = len(names)
        if stream not in self._told:
            self._told.add(stream)
            what = number(len(scores), 'clip') + (f' of stream {stream[:-1]}' if stream else '')
            text = collapse_text(names, len(self.classes), what)
            print_log(text, logger='current', level=logging.WARNING)

    def _gather(self, results: list[dict]) -> tuple[np.ndarray, np.ndarray, str]:
        """Return scores and labels of all clips, (N, C), and the scale of the scores."""
        if not results:
            raise InputError('ROCAUCMetric: expected at least one clip to score, found none')
        sources = [result['source'] for result in results]
        if len(set(sources)) > 1:
            odd = results[sources.index('pred_score')]
            raise InputError(
                'ROCAUCMetric: expected pred_logits in every sample or in none, found them in '
                f'{sources.count("pred_logits")} of {len(sources)}, not in that of video_id '
                f'{odd["video_id"]!r}'
            )
        # Much faster than np.stack for many clips.
        shape = len(results), len(self.classes)
        scores, labels = (
            np.concatenate([r[key] for r in results]).reshape(shape) for key in ('score', 'label')
        )
        if sources[0] == 'pred_score':
            refuse_softmax(scores)
        return scores, labels, self._scale_of(sources[0])

    def _warn(self, labels: np.ndarray) -> None:
        """Warn about the classes that have no ROC AUC.

        MMEngine's logger drops a warning that it has written before, so a run over many epochs
        gives it once.
        """
        clips = len(labels)
        counts = ', '.join(
            f'{name} ({positives:g} of {number(clips, "clip")} positive)'
            for name, positives in zip(self.classes, labels.sum(axis=0), strict=True)
            if positives in (0, clips)
        )
        if not counts:
            return
        message = (
            'ROC AUC is undefined for a class of which all clips have the '
            f'same label, so it is left out of roc_auc/macro: {counts}'
        )
        if labels.all() or not labels.any():
            message += '; as all labels are equal, roc_auc/micro is undefined too'
        print_log(message, logger='current', level=logging.WARNING)


def without_skipped(results: Sequence[dict]) -> tuple[list[dict], tuple[str, ...]]:
    """Return the results of the clips that were scored, and the names of those skipped."""
    scored = [result for result in results if SKIPPED not in result]
    return scored, tuple(result[SKIPPED] for result in results if SKIPPED in result)


def groups_of(results: Sequence[dict]) -> dict[str, tuple[str, ...]]:
    """Collect the groups of N results: kind -> N names; only of kinds that all of them have.

    A group of None, NaN or '' is none.
    """
    named = [
        {
            kind: str(name)
            for kind, name in result['groups'].items()
            if name not in (None, '') and name == name
        }
        for result in results
    ]
    return {kind: tuple(each[kind] for each in named) for kind in _common(named)}


def _common(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """List the keys that all mappings have, in the order of the first."""
    first, *others = list(mappings) or [{}]
    return [key for key in first if all(key in other for other in others)]


def rows_of_samples(
    samples: list[dict], key: str, kind: str, classes: tuple[str, ...]
) -> np.ndarray:
    """Check the C values that each of N samples has under a key, and return (N, C) float64.

    Arguments and errors are those of :func:`row_of_sample`.
    """
    rows = _array_of([sample.get(key) for sample in samples], len(classes))
    if rows is not None:
        try:
            check_cells(rows, kind, key, classes)
            return rows
        except InputError:
            pass  # that of the sample says more
    return np.array([row_of_sample(sample, key, kind, classes) for sample in samples])


def _array_of(values: list, count: int) -> np.ndarray | None:
    """Join N arrays or tensors of real numbers, each (C,), to (N, C) float64; None for others."""
    if len(set(map(type, values))) != 1 or not isinstance(values[0], (np.ndarray, torch.Tensor)):
        return None
    if any(value.shape != (count,) or value.dtype != values[0].dtype for value in values):
        return None
    if isinstance(values[0], torch.Tensor):
        if values[0].dtype.is_complex:
            return None
        return torch.stack(values).detach().cpu().double().numpy()
    if values[0].dtype.kind not in 'buif':
        return None
    return np.concatenate(values).reshape(-1, count).astype(np.float64)


def _streams_of(samples: list[dict], classes: tuple[str, ...]) -> list[dict[str, np.ndarray]]:
    """Return the logits of the streams of each sample: stream -> (C,)."""
    given = [sample.get('stream_logits') or {} for sample in samples]
    if not any(given):
        return [{}] * len(samples)
    streams: list[dict[str, np.ndarray]] = [{} for _ in samples]
    for name in dict.fromkeys(name for each in given for name in each):
        at = [k for k, each in enumerate(given) if name in each]
        key = STREAM_PREFIX + name
        named = [{'video_id': samples[k].get('video_id'), key: given[k][name]} for k in at]
        for k, row in zip(at, rows_of_samples(named, key, 'scores', classes), strict=True):
            streams[k][name] = row
    return streams


def row_of_sample(sample: dict, key: str, kind: str, classes: tuple[str, ...]) -> np.ndarray:
    """Check the C values that a sample has under a key, and return them as (C,) float64.

    Args:
        sample (dict): The sample; its ``video_id`` is for errors.
        key (str): The key.
        kind (str): What the values are, see ``functional.check_array``.
        classes (tuple[str, ...]): C names.

    Raises:
        InputError: If they are missing, have another shape, or one of them is bad.
    """
    clip = f'of video_id {sample.get("video_id")!r}'
    if sample.get(key) is None:
        raise InputError(f'{key} {clip}: not in the sample, which has {sorted(sample)}')
    value = sample[key]
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        # numpy has no bfloat16
        value = value.float() if value.is_floating_point() else value
        value = value.numpy()
    value = np.asarray(value)
    if key == 'pred_score' and value.ndim == 2:
        raise InputError(
            f'{key} {clip}: expected shape ({len(classes)},), one score a class, found '
            f"{value.shape}, one row a view; set cls_head=dict(average_clips='score') in the "
            "recognizer and scores='logits' here"
        )
    if value.shape != (len(classes),):
        raise InputError(
            f'{key} {clip}: expected shape ({len(classes)},), one value each '
            f'of {", ".join(classes)}, found {value.shape}'
        )
    if value.dtype.kind not in 'buif':
        raise InputError(f'{key} {clip}: expected real numbers, found dtype {value.dtype}')
    value = value.astype(np.float64)
    check_cells(value, kind, f'{key} {clip}', classes)
    return value

"""Read the labels of the splits of a config, and balance them."""

import os.path as osp
from collections.abc import Sequence

from mmengine.config import Config

from emoreact_plugin.datasets import EMOTIONS, read_annotations
from emoreact_plugin.datasets.annotations import Annotation, labeled_clips, rows_within
from emoreact_plugin.evaluation import Priors, compute_metrics
from emoreact_plugin.recipes import datasets_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a, type_name
from mmaction.registry import DATASETS, MODELS


def read_split(cfg: Config, split: str) -> list[Annotation] | None:
    """Read the annotations of the clips of a split, without those that ``indices`` leaves out.

    Args:
        cfg (Config): The configuration.
        split (str): ``'train'``, ``'val'`` or ``'test'``.

    Wrappers are looked into: those of ``ConcatDataset`` one after the other, those of others once.

    Returns:
        list[Annotation] | None: One for each clip; None if a data set of the split is no
        ``EmoReactDataset``, which has an annotation CSV.

    Raises:
        FileNotFoundError, InputError: If the CSV cannot be read.
    """
    datasets = datasets_of(cfg, [split])
    if not datasets or not all(
        is_a(each, 'EmoReactDataset', registry=DATASETS) for each in datasets
    ):
        return None
    found = []
    for dataset in datasets:
        path = osp.join(dataset.get('data_root', ''), dataset['ann_file'])
        rows = read_annotations(
            path,
            _classes_of(dataset),
            dataset.get('columns'),
            dataset.get('soft_labels', False),
            group_names=dataset.get('group_names'),
        )
        found += rows_within(rows, dataset.get('indices'), path)
    return found


def _classes_of(dataset: dict) -> Sequence[str]:
    return dataset.get('metainfo', {}).get('classes', EMOTIONS)


def balance_labels(cfg: Config) -> None:
    """Set the model's ``pos_weight`` from the labels of the training split.

    The weight of a label is its number of negatives per positive, or 1 if all clips have it or
    none. A soft label counts as a part of each.

    Raises:
        InputError: If the model is not a ``LateFusionRecognizer`` or the dataset not an
            ``EmoReactDataset``, or several in ``ConcatDataset``, all repeated alike or not at all.
    """
    dataset = cfg.train_dataloader['dataset']
    while is_a(dataset, 'RepeatDataset', registry=DATASETS):
        dataset = dataset['dataset']
    other = _type_of_another(dataset)
    rows = None if other else read_split(cfg, 'train')
    if not rows or not is_a(cfg.model, 'LateFusionRecognizer', registry=MODELS):
        found = other or type_name(cfg.model)
        raise InputError(
            '--pos-weight: expected a LateFusionRecognizer and an EmoReactDataset, or a '
            f'ConcatDataset of some that repeats none, found {found}'
        )
    positives = [sum(column) for column in zip(*(row.label for row in rows), strict=True)]
    cfg.model.pos_weight = [
        (len(rows) - count) / count if 0 < count < len(rows) else 1.0 for count in positives
    ]
    if 'recipe' in cfg:
        cfg.recipe.pos_weight = True


def _type_of_another(dataset: dict) -> str | None:
    """Name the first data set that may repeat some clips more often than others, by its type."""
    if is_a(dataset, 'ConcatDataset', registry=DATASETS):
        return next(filter(None, map(_type_of_another, dataset['datasets'])), None)
    return None if is_a(dataset, 'EmoReactDataset', registry=DATASETS) else type_name(dataset)


def score_priors(cfg: Config, split: str) -> dict[str, dict[str, float | None]]:
    """Score a split by the labels of the training split alone.

    The strength of the priors is chosen on val.

    Returns:
        dict[str, dict[str, float | None]]: Name of the prior -> ``roc_auc/micro``,
        ``roc_auc/macro`` and so on; empty if train or the split has no annotation CSV that can be
        found: testing needs none.
    """
    clips = {}
    for name in dict.fromkeys(('train', 'val', split)):
        try:
            rows = read_split(cfg, name)
        except FileNotFoundError:
            rows = None
        clips[name] = labeled_clips(rows) if rows else None
    train, scored = clips['train'], clips[split]
    if train is None or scored is None:
        return {}
    classes = _classes_of(datasets_of(cfg, [split])[0])
    return {
        name: compute_metrics(scores, scored.labels, classes, 0.5, scores)
        for name, scores in Priors(train, clips['val']).scores(scored).items()
    }

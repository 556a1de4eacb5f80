"""Read the labels of the splits of a config, and balance them."""

import os.path as osp

from mmengine.config import Config

from emoreact_plugin.datasets import EMOTIONS, read_annotations
from emoreact_plugin.datasets.annotations import Annotation, labelled_clips, rows_within
from emoreact_plugin.evaluation import Priors, compute_metrics
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a
from mmaction.registry import DATASETS, MODELS


def read_split(cfg: Config, split: str) -> list[Annotation] | None:
    """Read the annotations of the clips of a split, without those that ``indices`` leaves out.

    Args:
        cfg (Config): The configuration.
        split (str): ``'train'``, ``'val'`` or ``'test'``.

    Returns:
        list[Annotation] | None: One for each clip; None if the split has no annotation CSV of an
        ``EmoReactDataset``.

    Raises:
        FileNotFoundError, InputError: If the CSV cannot be read.
    """
    loader = cfg.get(f'{split}_dataloader')
    if not loader or not is_a(loader['dataset'], 'EmoReactDataset', registry=DATASETS):
        return None
    dataset = loader['dataset']
    rows = read_annotations(
        osp.join(dataset.get('data_root', ''), dataset['ann_file']),
        dataset.get('metainfo', {}).get('classes', EMOTIONS),
        dataset.get('columns'),
        dataset.get('soft_labels', False),
        group_names=dataset.get('group_names'),
    )
    return rows_within(rows, dataset.get('indices'))


def balance_labels(cfg: Config) -> None:
    """Set the model's ``pos_weight`` from the labels of the training split.

    The weight of a label is its number of negatives per positive, or 1 if all clips have it or
    none. A soft label counts as a part of each.

    Raises:
        InputError: If the model is not a ``LateFusionRecognizer`` or the dataset not an
            ``EmoReactDataset``.
    """
    rows = read_split(cfg, 'train')
    if rows is None or not is_a(cfg.model, 'LateFusionRecognizer', registry=MODELS):
        found = cfg.model.get('type') if rows else 'another data set'
        raise InputError(
            f'--pos-weight: expected a LateFusionRecognizer and an EmoReactDataset, found {found}'
        )
    positives = [sum(column) for column in zip(*(row.label for row in rows), strict=True)]
    cfg.model.pos_weight = [
        (len(rows) - count) / count if 0 < count < len(rows) else 1.0 for count in positives
    ]
    if 'recipe' in cfg:
        cfg.recipe.pos_weight = True


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
        clips[name] = labelled_clips(rows) if rows else None
    train, scored = clips['train'], clips[split]
    if train is None or scored is None:
        return {}
    loader = cfg[f'{split}_dataloader']
    classes = loader['dataset'].get('metainfo', {}).get('classes', EMOTIONS)
    return {
        name: compute_metrics(scores, scored.labels, classes, 0.5, scores)
        for name, scores in Priors(train, clips['val']).scores(scored).items()
    }

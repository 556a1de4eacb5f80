"""Read the labels of the splits of a config, and balance them."""

import os.path as osp

from mmengine.config import Config

from emoreact_plugin.datasets import EMOTIONS, read_annotations
from emoreact_plugin.datasets.annotations import SOFT_POSITIVE
from emoreact_plugin.evaluation.functional import prior_roc_auc_micro
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a
from mmaction.registry import DATASETS, MODELS


def read_labels(cfg: Config, split: str, soft: bool = False) -> list[tuple[float, ...]] | None:
    """Read the labels of a split.

    Args:
        cfg (Config): The configuration.
        split (str): One of :data:`SPLITS`.
        soft (bool): Keep soft labels as they are. Otherwise they become 0 or 1, as for scoring.

    Returns:
        list | None: N rows of C values; None if the labels are not in an annotation CSV of
        ``EmoReactDataset``.

    Raises:
        FileNotFoundError, InputError: If the CSV cannot be read.
    """
    loader = cfg.get(f'{split}_dataloader')
    if not loader or not is_a(loader['dataset'], 'EmoReactDataset', registry=DATASETS):
        return None
    dataset = loader['dataset']
    path = osp.join(dataset.get('data_root', ''), dataset['ann_file'])
    classes = dataset.get('metainfo', {}).get('classes', EMOTIONS)
    rows = read_annotations(
        path, classes, dataset.get('columns'), dataset.get('soft_labels', False)
    )
    if soft:
        return [tuple(row.label) for row in rows]
    return [tuple(float(value >= SOFT_POSITIVE) for value in row.label) for row in rows]


def balance_labels(cfg: Config) -> None:
    """Set the model's ``pos_weight`` from the labels of the training split.

    The weight of a label is its number of negatives per positive, or 1 if all clips have it or
    none. A soft label counts as a part of each.

    Raises:
        InputError: If the model is not a ``LateFusionRecognizer`` or the dataset not an
            ``EmoReactDataset``.
    """
    labels = read_labels(cfg, 'train', soft=True)
    if labels is None or not is_a(cfg.model, 'LateFusionRecognizer', registry=MODELS):
        found = cfg.model.get('type') if labels else 'another data set'
        raise InputError(
            f'--pos-weight: expected a LateFusionRecognizer and an EmoReactDataset, found {found}'
        )
    positives = [sum(column) for column in zip(*labels, strict=True)]
    cfg.model.pos_weight = [
        (len(labels) - count) / count if 0 < count < len(labels) else 1.0 for count in positives
    ]
    if 'recipe' in cfg:
        cfg.recipe.pos_weight = True


def label_prior(cfg: Config) -> dict[str, float | None]:
    """Compute the micro ROC AUC that the training split's label frequencies reach on val and test.

    It is None for a split whose labels are not in an annotation CSV.
    """

    def labels(split: str) -> list[tuple[float, ...]] | None:
        try:
            return read_labels(cfg, split)
        except FileNotFoundError:  # testing needs no training split
            return None

    train = labels('train')
    scored = {split: labels(split) for split in ('val', 'test')}
    return {
        split: prior_roc_auc_micro(train, each) if train and each else None
        for split, each in scored.items()
    }

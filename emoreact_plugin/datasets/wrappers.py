"""Look through MMEngine's wrappers at the data sets within them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset

REPEATING = (RepeatDataset, ClassBalancedDataset)


def unwrap(dataset: Any, repeating: bool = True) -> Iterator[Any]:
    """Yield the data sets within a built one, or itself, in the order of its samples.

    Args:
        dataset (Any): A data set. ``ConcatDataset``, ``RepeatDataset`` and ``ClassBalancedDataset``
            are looked into.
        repeating (bool): Whether to look into those that repeat samples. If not, they are left
            out. Defaults to True.
    """
    if isinstance(dataset, ConcatDataset):
        for each in dataset.datasets:
            yield from unwrap(each, repeating)
    elif not isinstance(dataset, REPEATING):
        yield dataset
    elif repeating:
        yield from unwrap(dataset.dataset)


def video_ids_of(dataset: Any) -> list[str]:
    """Return the ids of the clips in a data set, those that are repeated once."""
    return [name for each in unwrap(dataset) for name in getattr(each, 'video_ids', ())]


def labels_of(dataset: Any) -> np.ndarray | None:
    """Return the labels of the clips in a data set, (N, C); None if a part does not tell them."""
    parts = list(unwrap(dataset))
    if not all(hasattr(each, 'labels') for each in parts):
        return None
    return np.concatenate([each.labels for each in parts])


def summary_of(dataset: Any) -> str:
    """Describe a data set in one line: the data sets in it, and what makes one of them."""
    texts = [
        each.summary() if hasattr(each, 'summary') else f'{len(each)} samples'
        for each in unwrap(dataset)
    ]
    text = ' + '.join(texts)
    if isinstance(dataset, (ConcatDataset, *REPEATING)):
        text += f' ({type(dataset).__name__}: {len(dataset)} samples)'
    return text

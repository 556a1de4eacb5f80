"""Say what is checked: the data sets of a config, or those of a folder."""

import os.path as osp
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emoreact_plugin.datasets.annotations import USUAL_COLUMNS
from emoreact_plugin.datasets.emoreact_dataset import EmoReactDataset
from emoreact_plugin.datasets.pipeline_facts import draws_masks, lost_without, steps_of
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a, type_name
from emoreact_plugin.utils.tables import open_csv
from mmaction.registry import DATASETS

# The number of frames that most configurations draw.
FEW_FRAMES = 3
BINARY = {'0', '1', '0.0', '1.0'}


@dataclass(frozen=True)
class SplitCheck:
    """Say which data set of a split is checked, and for what.

    Attributes:
        split (str): The split, such as ``'train'``.
        config (dict): Config of an ``EmoReactDataset``.
        dataset (EmoReactDataset): Built from it, not initialised.
        looks_at (tuple[str, ...]): ``'landmarks'`` and/or ``'keypoints'``:
            files that are of use to it.
        min_frames (int): Clips with fewer frames repeat some.
        needs_any (bool): Without a single file of ``looks_at`` the data set
            cannot be used.
    """

    split: str
    config: dict
    dataset: EmoReactDataset
    looks_at: tuple[str, ...]
    min_frames: int
    needs_any: bool = False

    @property
    def key(self) -> tuple:
        """Return a key that is equal for data sets of the same clips."""
        return (
            osp.realpath(self.dataset.ann_file),
            str(self.config.get('indices')),
            *sorted(self.dataset.data_prefix.items()),
        )


def make_check(split: str, config: dict, **changes: Any) -> SplitCheck:
    """Prepare the check of a data set.

    Args:
        split (str): The split, such as ``'train'``.
        config (dict): Config of an ``EmoReactDataset``.
        **changes: Fields that replace what the data set's pipeline says.

    Returns:
        SplitCheck: With a data set that is built but not initialised.

    Raises:
        InputError: For another type of data set.
    """
    if not is_a(config, 'EmoReactDataset', registry=DATASETS):
        raise InputError(f'{split}: expected an EmoReactDataset, found {type_name(config)}')
    dataset = DATASETS.build(dict(config, lazy_init=True))
    looks_at = (
        ()
        if 'crops' in dataset.data_prefix
        else tuple(lost_without(dataset.pipeline, dataset.required, draws_masks(dataset.pipeline)))
    )
    min_frames = _sampled_frames(dataset.pipeline)
    return replace(SplitCheck(split, dict(config), dataset, looks_at, min_frames), **changes)


def checks_of_folder(
    folder: str,
    splits: Sequence[str],
    classes: Sequence[str] | None = None,
    cache_dir: str | None = None,
) -> list[SplitCheck]:
    """Prepare the check of a folder that holds a data set.

    The folder has a ``<split>.csv`` for each split and a folder ``videos`` or
    ``frames``, laid out as ``EmoReactDataset`` reads it.

    Args:
        folder (str): The folder.
        splits (Sequence[str]): Names of the splits.
        classes (Sequence[str], optional): The label columns. Defaults to
            None: the columns that hold 0 and 1 only.
        cache_dir (str, optional): Folder of the cache files.

    Returns:
        list[SplitCheck]: One for each split, with or without a file.

    Raises:
        FileNotFoundError: If all of the files, or both folders, are missing.
        InputError: See :func:`label_columns`.
    """
    names = [f'{split}.csv' for split in splits]
    paths = [p for p in (osp.join(folder, n) for n in names) if osp.isfile(p)]
    if not paths:
        raise FileNotFoundError(f'{folder}: expected {", ".join(names)}, found none of them')
    sources = dict(video='videos', frames='frames')
    there = {kind: name for kind, name in sources.items() if osp.isdir(osp.join(folder, name))}
    if not there:
        raise FileNotFoundError(f'{folder}: expected a folder videos or frames, found neither')
    kind = next(iter(there))
    classes = tuple(classes or label_columns(paths))
    return [
        make_check(
            split,
            dict(
                type='EmoReactDataset',
                ann_file=name,
                data_root=folder,
                data_prefix={kind: there[kind]},
                pipeline=[],
                metainfo=dict(classes=classes),
                cache_dir=cache_dir,
                test_mode=True,
            ),
            # What the clips will be used for, nobody has said; but every
            # region is found by one of the two.
            looks_at=('landmarks', 'keypoints'),
            needs_any=True,
            min_frames=FEW_FRAMES,
        )
        for split, name in zip(splits, names, strict=True)
    ]


def _sampled_frames(pipeline: Callable) -> int:
    """Return how many frames of a clip a pipeline draws, 1 if nothing tells."""
    counts = [1]
    for step in steps_of(pipeline):
        for sampler in (step, *getattr(step, 'samplers', {}).values()):
            length, clips = (getattr(sampler, name, None) for name in ('clip_len', 'num_clips'))
            if isinstance(length, int) and isinstance(clips, int):
                counts.append(length * clips)
    return max(counts)


def label_columns(paths: Sequence[str]) -> tuple[str, ...]:
    """Find the columns that hold only 0 and 1 in at least one of some annotation files.

    One file is enough, so that a wrong cell in another file is found and does
    not hide its column.

    Args:
        paths (Sequence[str]): The files.

    Returns:
        tuple[str, ...]: Names of the columns, in the order of the first file
        that has them; never the unnamed index, ``video`` or ``Valence``.

    Raises:
        InputError: For a file that is not a CSV file in UTF-8, or if there is
            no such column.
    """
    names: dict[str, None] = {}
    found: set[str] = set()
    for path in paths:
        with open_csv(path) as reader:
            header, *rows = [row for row in reader if row] or [[]]
        for k, name in enumerate(map(str.strip, header)):
            names[name] = None
            cells = {row[k].strip() for row in rows if k < len(row)}
            if cells and cells <= BINARY:
                found.add(name)
    found -= {'', *USUAL_COLUMNS.values()}
    if not found:
        raise InputError(
            f'{", ".join(paths)}: expected columns of 0 and 1, '
            'one a label, found none; name them with --classes'
        )
    return tuple(name for name in names if name in found)

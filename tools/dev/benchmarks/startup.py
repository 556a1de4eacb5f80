"""Measure how long a data set of many annotation rows takes to start."""

import csv
from collections.abc import Iterator
from itertools import combinations, islice
from pathlib import Path

import numpy as np

from emoreact_plugin.clips.landmark_writers import write_keypoints_txt, write_openface_csv
from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.datasets.annotations import EMOTIONS
from emoreact_plugin.recipes import build_pipeline
from emoreact_plugin.video.writing import write_video

from .timing import Comparison, Group

FRAMES, WIDTH, HEIGHT = 450, 64, 48
READ = 'csv.DictReader of its rows'


def make_rows(root: Path, rows: int) -> Path:
    """Write a small video with landmarks, and annotations of many parts of it.

    Args:
        root (Path): The folder.
        rows (int): Number of rows, at most 101025: as many as the video has parts.

    Returns:
        Path: The annotation file.
    """
    rng = np.random.default_rng(0)
    video = root / 'talk.mp4'
    write_video(str(video), rng.integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8), None)
    points = rng.uniform((20, 10), (40, 40), (FRAMES, 68, 2))
    write_openface_csv(root / 'talk.csv', points, np.zeros(FRAMES, bool), None)
    write_keypoints_txt(root / 'talk.mp4_hol.txt', rng.uniform(0, 1, (FRAMES, 9, 2)))
    labels = rng.integers(0, 2, (rows, len(EMOTIONS))).tolist()
    path = root / 'rows.csv'
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(['video', 'first', 'last', 'child', *EMOTIONS])
        parts = islice(combinations(range(FRAMES + 1), 2), rows)
        for number, (part, label) in enumerate(zip(parts, labels, strict=True)):
            writer.writerow([video.name, *part, f'c{number % 500}', *label])
    return path


def start(path: Path) -> EmoReactDataset:
    """Do what a training does with a split before its first epoch.

    Its files are checked before its data set is built.
    """
    build(path).check_files()
    dataset = build(path)
    dataset.full_init()
    assert len(set(dataset.video_ids)) == len(dataset.labels)
    return dataset


def build(path: Path) -> EmoReactDataset:
    """Build a data set without reading its files yet."""
    return EmoReactDataset(
        str(path),
        build_pipeline(('face', 'body'), 3, 32, train=True),
        data_prefix=dict(video=str(path.parent)),
        cache_dir=str(path.parent / 'cache'),
        columns=dict(start='first', end='last', groups='child'),
        required=('landmarks', 'keypoints'),
        lazy_init=True,
    )


def read(path: Path) -> list[dict]:
    """Read the rows and nothing else."""
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def startup_groups(root: str, rows: int = 100_000) -> Iterator[Group]:
    """Yield the group of calls that start a data set.

    Args:
        root (str): An empty folder for its files.
        rows (int): Number of annotation rows.
    """
    path = make_rows(Path(root), rows)
    yield Group(
        f'start of a data set of {rows} annotation rows',
        {READ: lambda k: read(path), 'checked and ready': lambda k: start(path)},
        {},
        [Comparison('checked and ready', READ)],
    )

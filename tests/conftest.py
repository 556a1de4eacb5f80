"""A data set of a few tiny clips, written as the real one's files are."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

# A folder with real clips, OpenFace files and labels; the few tests that try
# them are skipped without it.
REAL_DATA = Path(os.environ.get('EMOREACT_TEST_DATA', 'not-given'))
WIDTH, HEIGHT, FRAMES = 64, 48, 6
# Several processes of tests share the cores.
torch.set_num_threads(1)
EMOTIONS = (
    'Curiosity',
    'Uncertainty',
    'Excitement',
    'Happiness',
    'Surprise',
    'Disgust',
    'Fear',
    'Frustration',
)


@pytest.fixture(autouse=True, scope='session')
def own_cache(tmp_path_factory):
    """No test touches the user's cache."""
    before = os.environ.get('EMOREACT_CACHE_DIR')
    os.environ['EMOREACT_CACHE_DIR'] = str(tmp_path_factory.mktemp('cache'))
    yield
    if before is None:
        del os.environ['EMOREACT_CACHE_DIR']
    else:
        os.environ['EMOREACT_CACHE_DIR'] = before


def write_video(path: Path, frames: np.ndarray) -> None:
    """Write (n, H, W, 3) uint8 RGB frames as H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        stream.options = dict(crf='4')
        for frame in frames:
            image = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(image))
        container.mux(stream.encode())


def write_openface(path: Path, points: np.ndarray) -> None:
    """Write (n, 68, 2) landmarks as OpenFace does; a NaN face failed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ['frame', 'face_id', 'timestamp', 'confidence', 'success']
    columns += [f'x_{i}' for i in range(68)] + [f'y_{i}' for i in range(68)]
    lines = [', '.join(columns)]
    for k, face in enumerate(points):
        there = np.isfinite(face).all()
        values = np.nan_to_num(face).T.ravel()
        lines.append(
            ', '.join(
                [str(k + 1), '0', f'{k / 25:.3f}', '0.98' if there else '0', str(int(there))]
                + [f'{v:.1f}' for v in values]
            )
        )
    path.write_text('\n'.join(lines) + '\n')


def face_of(frame: int) -> np.ndarray:
    """(68, 2): extent x 10 + frame .. 30 + frame, y 5 .. 25, pixels."""
    rng = np.random.default_rng(frame)
    points = rng.uniform((10, 5), (30, 25), (68, 2)).round(1)
    points[:2] = (10, 5), (30, 25)
    return points + (frame, 0)


def body_of(frame: int) -> np.ndarray:
    """(3, 2): fractions of width and height; x 0.1 .. 0.9, y 0.2 .. 1."""
    return np.array([(0.1, 0.2), (0.5, 0.6), (0.9, 1.0)])


@pytest.fixture(autouse=True)
def mmaction_scope():
    """Set the default scope, as a config's ``default_scope`` does."""
    init_default_scope('mmaction')


class TinyData(NamedTuple):
    root: Path
    videos: dict  # split -> names
    labels: dict  # split -> (n, 8) int


def make_tiny(root: Path, counts=(8, 4, 6), seed=0) -> TinyData:
    """Clips whose frame k has the brightness 20 + 30 k."""
    rng = np.random.default_rng(seed)
    videos, labels = {}, {}
    ramp = 20 + 30 * np.arange(FRAMES)
    frames = np.broadcast_to(ramp[:, None, None, None], (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    for split, count in zip(('train', 'val', 'test'), counts, strict=True):
        names = [f'{split.upper()}10{i}_2.mp4' for i in range(count)]
        table = rng.integers(0, 2, (count, 8))
        table[0], table[1] = 1, 0  # both values for every emotion
        for name in names:
            write_video(root / 'videos' / name, frames)
            stem = name[:-4]
            write_openface(
                root / 'videos' / f'{name}_openface' / f'{stem}.csv',
                np.stack([face_of(k) for k in range(FRAMES)]),
            )
            (root / 'videos' / f'{name}_hol.txt').write_text(
                ''.join(
                    ' '.join(f'{v:.2f}' for v in body_of(k).ravel()) + '\n' for k in range(FRAMES)
                )
            )
        write_annotations(root / f'{split}.csv', names, table)
        videos[split], labels[split] = names, table
    return TinyData(root, videos, labels)


def write_annotations(path: Path, names, table) -> None:
    """Write the annotation CSV; the valence of row i is 1 + i / 4."""
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['', 'video', *EMOTIONS, 'Valence'])
        for i, (name, row) in enumerate(zip(names, table, strict=True)):
            writer.writerow([i, name, *row, 1 + i / 4])


@pytest.fixture(scope='session')
def tiny(tmp_path_factory) -> TinyData:
    """Read only: tests that change files call ``make_tiny`` themselves."""
    return make_tiny(tmp_path_factory.mktemp('tiny'))


@pytest.fixture
def own(tmp_path):
    """Make a separate dataset for tests that break it."""
    return make_tiny(tmp_path / 'data', counts=(3, 2, 2))

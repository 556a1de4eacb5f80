"""Data sets of tiny clips."""

from pathlib import Path

import cv2
import numpy as np

from emoreact_plugin.datasets import EmoReactDataset
from tests.conftest import FRAMES, HEIGHT, WIDTH


def dataset(root, split='train', pipeline=(), **kwargs):
    return EmoReactDataset(
        ann_file=f'{split}.csv',
        pipeline=list(pipeline),
        data_root=str(root),
        test_mode=split != 'train',
        **kwargs,
    )


LOAD = [
    dict(type='SampleFrames', clip_len=1, num_clips=3, test_mode=True),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
]
LOAD_FRAMES = [LOAD[0], dict(type='RawFrameDecode'), LOAD[2]]


def to_frames(root: Path, names, start: int, folder='frames'):
    """Write a folder of PNG files for each video."""
    for name in names:
        directory = root / folder / name[:-4]
        directory.mkdir(parents=True)
        for k in range(FRAMES):
            image = np.full((HEIGHT, WIDTH, 3), 20 + 30 * k, np.uint8)
            cv2.imwrite(str(directory / f'{start + k:06d}.png'), image)

"""Checkpoints of small networks, videos of known frames, a camera."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401
from emoreact_plugin.recipes import build
from mmaction.registry import MODELS

OPTIONS = dict(arch='resnet18', init='scratch', image_size=32)
CLOCK = Fraction(1, 12800)


def save_checkpoint(path: Path, meta=None, cfg=None, **options) -> str:
    """Of a recipe's model, or of a configuration's, with random weights."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    cfg = cfg or Config(build(**{**OPTIONS, **options}))
    model = MODELS.build(cfg.model)
    # Random heads score all alike, near 0.5.
    for name, parameter in model.named_parameters():
        if name.endswith('fc_cls.weight'):
            parameter.data *= 50
    torch.save(
        dict(
            meta=dict(cfg=cfg.pretty_text, dataset_meta=meta or {}), state_dict=model.state_dict()
        ),
        path,
    )
    return str(path)


def write_timed(path: Path, times, width=64, height=48) -> Path:
    """Write a video whose frames are shown at these times, in seconds, and grow brighter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', 30, options=dict(crf='4'))
        stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
        stream.codec_context.time_base = CLOCK
        for k, time in enumerate(times):
            image = np.full((height, width, 3), (20 + 7 * k) % 236, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = round(time / CLOCK), CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


class Clock:
    """Stands still unless it is told."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class FakeCapture:
    """A camera that gives a frame whenever it is read."""

    opened, count = True, 5

    def __init__(self, index):
        self.index, self.released, self.k = index, False, 0
        FakeCapture.last = self

    def isOpened(self):  # noqa: N802  OpenCV's name
        return self.opened

    def get(self, what):
        return 10.0 if what == cv2.CAP_PROP_FPS else 0.0

    def read(self):
        if self.k == self.count:
            return False, None
        self.k += 1
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = self.k  # blue
        return True, image

    def release(self):
        self.released = True

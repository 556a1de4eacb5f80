"""A network whose maps are known, and clips made for it."""

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.recipes import build
from mmaction.models.backbones.resnet_tsm import TemporalShift
from mmaction.registry import MODELS

CELL, PLACES = 8, 6  # a map of 6x6 places of 8x8 pixels
SIZE = CELL * PLACES
# Emotions 0, 1, 2 are red, green and blue.
COLORS = 3
# The body has every second frame of the face's four.
FEWER_BODIES = dict(
    face=dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=4),
    body=dict(share='face', num_frames=2),
)


@MODELS.register_module()
class ColorNet(nn.Module):
    """Return in channel c how much of colour c there is in a place.

    With TSM, red comes from the next frame, green from the last.
    """

    def __init__(self, num_segments=None):
        super().__init__()
        conv = nn.Conv2d(3, 3, CELL, CELL, bias=False)
        conv.weight.data = torch.eye(3)[..., None, None].repeat(1, 1, CELL, CELL) / CELL**2
        self.num_segments = num_segments
        self.conv = conv if num_segments is None else TemporalShift(conv, num_segments, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.conv(x))


def recognizer(num_segments=None):
    return dict(
        type='Recognizer2D',
        backbone=dict(type='ColorNet', num_segments=num_segments),
        cls_head=dict(
            type='TSNHead',
            num_classes=8,
            in_channels=COLORS,
            dropout_ratio=0,
            multi_class=True,
            average_clips='score',
            loss_cls=dict(type='BCELossWithLogits'),
        ),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
    )


def set_head(network):
    """Class k = colour k, less a tenth of the others."""
    weight = torch.full((8, COLORS), -0.1)
    weight[:COLORS] += 1.1 * torch.eye(COLORS)
    network.cls_head.fc_cls.weight.data = weight
    network.cls_head.fc_cls.bias.data.zero_()
    return network.eval()


def frame_of(places, strength=(255, 255, 255)):
    """Draw a black image with one coloured place per colour: row, column of colour c."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    for c, (row, column) in enumerate(places):
        image[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL, c] = strength[c]
    return image


def draw_places(count, seed=0):
    """(count, 3, 2): a place for each colour, different in each frame."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(PLACES**2)[:COLORS] for _ in range(count)]
    return np.stack(np.unravel_index(drawn, (PLACES, PLACES)), -1)


def peak(values):
    """Row, column of the greatest value of a map."""
    return np.unravel_index(values.argmax(), values.shape)


class ColorClip:
    """Frames in memory: the face is the left half, the body the right one."""

    def __init__(self, count, seed=0):
        self.places = dict(face=draw_places(count, seed), body=draw_places(count, seed + 1))
        self.images = [
            np.concatenate([frame_of(self.places[name][k]) for name in ('face', 'body')], 1)
            for k in range(count)
        ]
        self.total_frames, self.size = count, (2 * SIZE, SIZE)
        self.has_landmarks = self.has_keypoints = True
        self.path, self.name, self.fps = 'color_model', 'color_model.mp4', 0.0
        self.most_read = 0
        # Boxes are a tenth wider on each side than their points: these end
        # at the borders of the halves.
        face, body = _points(0, SIZE), _points(SIZE, 2 * SIZE)
        self.landmarks = Landmarks(
            np.repeat(np.tile(face, (34, 1))[None], count, 0),
            np.repeat(body[None], count, 0),
            np.zeros(count, bool),
            np.zeros(count, bool),
        )

    def frames(self):
        yield from (image.copy() for image in self.images)

    def read(self, inds):
        self.most_read = max(self.most_read, len(inds))
        return [self.images[k].copy() for k in inds]


def _points(left, right):
    """(2, 2): of 40 of 48 pixels, so that the box has 48."""
    return np.array([(left + 4, 4), (right - 4, SIZE - 4)], np.float32)


def color_model(shift=False, num_segments=3, **options):
    """Make the configuration and the network of a fusion."""
    cfg = Config(
        build(
            input='fusion',
            arch='resnet18',
            init='scratch',
            image_size=SIZE,
            num_segments=num_segments,
            **options,
        )
    )
    network = recognizer(num_segments if shift else None)
    if 'recognizer' in cfg.model:
        cfg.model.recognizer = network
    else:
        cfg.model.streams = dict.fromkeys(cfg.model.streams, network)
    model = MODELS.build(cfg.model).eval()
    for each in model.recognizers.values():
        set_head(each)
    return cfg, model

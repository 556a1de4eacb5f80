"""The models that ``LandmarkDetector`` runs, for people made of numbers.

Frame k of a clip is ``frame(k)``; a world says who is in it. The models see
all of a frame's people, or the one whose middle lies in a region. A pixel is
(number of the frame, x, y), by which a part of a frame is known.
"""

from typing import NamedTuple

import numpy as np

from emoreact_plugin.preparation.mediapipe.models import Pose, face_detection
from emoreact_plugin.preparation.mediapipe.regions import Box, Detection, body_region
from emoreact_plugin.preparation.mediapipe.tensors import Found

WIDTH, HEIGHT = 240, 200


class Person(NamedTuple):
    """A head of ``size`` pixels around (x, y), and a body beneath it."""

    x: float
    y: float
    size: float = 40
    face: bool = True  # for the detector
    mesh: bool = True
    body: bool = True
    small: bool = True  # for the detector of small faces

    @property
    def hips(self):
        return self.x, self.y + 3 * self.size


def frame(k, scale=1):
    """(H, W, 3) uint8; coordinates stay those of scale 1."""
    y, x = np.mgrid[: HEIGHT * scale, : WIDTH * scale] // scale
    return np.stack([np.full_like(x, k), x, y], axis=2).astype(np.uint8)


def mesh_of(person):
    """(468, 2): the extent is that of the head, the eyes are level."""
    k = np.arange(468)
    unit = np.stack([k % 22 / 21 - 0.5, k // 22 / 21 - 0.5], axis=1)
    unit[[33, 263]] = (-0.2, -0.2), (0.2, -0.2)
    unit[[234, 454, 10, 152]] = (-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5)
    return (person.x, person.y) + person.size * unit


def joints_of(person):
    """Make the joints of a person, (35, 2).

    They are the head's 11, others down to the hips, and the two points that say where to look.
    """
    joints = np.tile((person.x, person.y), (35, 1)).astype(float)
    joints[11:33, 1] += np.linspace(1, 3, 22) * person.size
    joints[[13, 15], 0] += -0.5 * person.size, 0.5 * person.size
    joints[33] = person.hips
    joints[34] = person.x, person.y - person.size
    return joints


class World:
    """People by frame; ``install`` makes it what the models see."""

    def __init__(self, *frames):
        self.frames = frames
        self.log, self.open = [], 0

    def install(self, monkeypatch):
        world = self

        class Models:
            def __init__(self, body=True):
                self.closed = False
                world.open += 1

            def close(self):
                world.open -= not self.closed
                self.closed = True

            def faces(self, image, corner=(0, 0), small=False):
                return world.look('small_faces' if small else 'faces', image, corner)

            def bodies(self, image, corner=(0, 0)):
                return world.look('bodies', image, corner)

            def mesh(self, image, region):
                return world.look('mesh', image, region=region)

            def pose(self, image, region):
                return world.look('pose', image, region=region)

        monkeypatch.setattr('emoreact_plugin.preparation.mediapipe.detector.LandmarkModels', Models)
        return self

    def look(self, kind, image, corner=(0, 0), region=None):
        assert image.dtype == np.uint8 and image.flags.c_contiguous
        k, left, top = image[0, 0].tolist()
        right, bottom = image[-1, -1, 1:].tolist()
        self.log.append((kind, k, image.shape))
        # Of a frame that is larger or smaller than those of scale 1.
        scale = image.shape[1] / (right + 1 - left), image.shape[0] / (bottom + 1 - top)

        def pixels(points):
            return (np.array(points, float) - (left, top)) * scale + corner

        if region is None:
            seen = dict(
                faces=lambda p: p.face, small_faces=lambda p: p.small, bodies=lambda p: p.body
            )[kind]
            people = [p for p in self.frames[k] if left < p.x < right and top < p.y < bottom]
            return [_detection(kind, p, pixels) for p in people if seen(p)]
        x, y = np.array([region.x, region.y]) / scale + (left, top)
        near = 0.5 * region.size / scale[0]
        for p in self.frames[k]:
            if kind == 'mesh' and p.mesh and abs(p.x - x) < near / 2 and abs(p.y - y) < near / 2:
                assert near * 2 >= 1.4 * p.size  # the face fits in
                return pixels(mesh_of(p)).astype(np.float32)
            if (
                kind == 'pose'
                and p.body
                and abs(p.hips[0] - x) < near / 4
                and abs(p.hips[1] - y) < near / 4
            ):
                joints = pixels(joints_of(p)).astype(np.float32)
                return Pose(joints[:33], np.arange(33) % 2 == 1, body_region(*joints[33:]))
        return None


def _detection(kind, p, pixels):
    corners = pixels([(p.x - p.size / 2, p.y - p.size / 2), (p.x + p.size / 2, p.y + p.size / 2)])
    if kind != 'bodies':
        return face_detection(Found(corners.ravel(), pixels([(p.x - 8, p.y), (p.x + 8, p.y)])))
    points = pixels([p.hips, (p.x, p.y - p.size)])
    return Detection(Box.around(corners), body_region(*points))

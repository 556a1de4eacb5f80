"""What ``LandmarkDetector`` uses of mediapipe, for people made of numbers.

Frame k of a clip is ``frame(k)``; a world says who is in it. The models see
all of a frame's people, or the one whose middle lies in a region. A pixel is
(number of the frame, x, y), by which a part of a frame is known.
"""

import os
import sys
from types import ModuleType
from types import SimpleNamespace as Some
from typing import NamedTuple

import numpy as np

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
    """People by frame; ``install`` makes it what mediapipe sees."""

    def __init__(self, *frames):
        self.frames = frames
        self.log, self.open, self.noise = [], 0, False

    def install(self, monkeypatch):
        world = self

        class SolutionBase:
            def __init__(self, graph_config, side_inputs=None):
                assert graph_config.count('{') == graph_config.count('}') == 1
                if world.noise:
                    os.write(2, b'W0000 chatter\n')
                if world.noise == 'fails':
                    raise RuntimeError('no such model')
                names = dict(
                    FaceDetectionShortRange='faces',
                    FaceDetectionFullRange='small_faces',
                    FaceLandmark='mesh',
                    PoseDetection='bodies',
                    PoseLandmark='pose',
                )
                (self.kind,) = {kind for name, kind in names.items() if f'"{name}' in graph_config}
                world.open += 1

            def process(self, data):
                if world.noise:
                    os.write(2, b'W0000 chatter\n')
                return world.look(self.kind, data)

            def close(self):
                world.open -= 1

        modules = {
            'mediapipe': dict(__version__='0.10.14'),
            'mediapipe.python': {},
            'mediapipe.python.solution_base': dict(SolutionBase=SolutionBase),
            'mediapipe.framework': {},
            'mediapipe.framework.formats': {},
            'mediapipe.framework.formats.rect_pb2': dict(
                NormalizedRect=lambda rotation=0, **kwargs: Some(**kwargs)
            ),
        }
        for name, content in modules.items():
            module = ModuleType(name)
            vars(module).update(content)
            monkeypatch.setitem(sys.modules, name, module)
            parent, _, child = name.rpartition('.')
            if parent:
                setattr(sys.modules[parent], child, module)
        return self

    def look(self, kind, data):
        image = data['image'] if isinstance(data, dict) else data
        assert image.dtype == np.uint8 and image.flags.c_contiguous
        k, left, top = image[0, 0].tolist()
        right, bottom = image[-1, -1, 1:].tolist()
        self.log.append((kind, k, image.shape))
        # Models are loaded with a black frame, which has no coordinates.
        people = self.frames[k] if right else ()
        size = np.array([right + 1 - left, bottom + 1 - top])

        def share(points):
            return [Some(x=x, y=y) for x, y in (np.array(points, float) - (left, top)) / size]

        def detections(visible, points):
            return Some(
                detections=[
                    _detection(
                        share(
                            [
                                (p.x - p.size / 2, p.y - p.size / 2),
                                (p.x + p.size / 2, p.y + p.size / 2),
                            ]
                        ),
                        share(points(p)),
                    )
                    for p in people
                    if visible(p) and left < p.x < right and top < p.y < bottom
                ]
                or None
            )

        def eyes(p):
            return [(p.x - 8, p.y), (p.x + 8, p.y)]

        if kind == 'faces':
            return detections(lambda p: p.face, eyes)
        if kind == 'small_faces':
            return detections(lambda p: p.small, eyes)
        if kind == 'bodies':
            return detections(lambda p: p.body, lambda p: [p.hips, (p.x, p.y - p.size)])
        region = data['region']
        x, y = region.x_center * size[0], region.y_center * size[1]
        near = 0.5 * region.width * size[0]
        for p in people:
            if kind == 'mesh' and p.mesh and abs(p.x - x) < near / 2 and abs(p.y - y) < near / 2:
                assert near * 2 >= 1.4 * p.size  # the face fits in
                points = np.vstack([mesh_of(p), np.zeros((10, 2))])
                return Some(points=Some(landmark=share(points)))  # and irises
            if (
                kind == 'pose'
                and p.body
                and abs(p.hips[0] - x) < near / 4
                and abs(p.hips[1] - y) < near / 4
            ):
                joints = share(joints_of(p))
                for j, joint in enumerate(joints):
                    joint.visibility = 0.5 if j % 2 else 0.49
                return Some(
                    points=Some(landmark=joints[:33]), frame_points=Some(landmark=joints[33:])
                )
        return Some(points=None, frame_points=None)


def _detection(corners, keypoints):
    low, high = corners
    box = Some(xmin=low.x, ymin=low.y, width=high.x - low.x, height=high.y - low.y)
    return Some(
        score=[0.9], location_data=Some(relative_bounding_box=box, relative_keypoints=keypoints)
    )

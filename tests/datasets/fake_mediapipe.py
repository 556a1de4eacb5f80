"""What ``LandmarkDetector`` uses of mediapipe, for people made of numbers.

Frame k of a clip is ``frame(k)``; a world says who is in it. The models see
all of a frame's people, or the one whose middle lies in a region.
"""
import os
import sys
from types import ModuleType
from types import SimpleNamespace as Some
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 320, 240


class Person(NamedTuple):
    """A head of ``size`` pixels around (x, y), and a body beneath it."""
    x: float
    y: float
    size: float = 40
    face: bool = True  # for the detector
    mesh: bool = True
    body: bool = True

    @property
    def hips(self):
        return self.x, self.y + 3 * self.size


def frame(k, scale=1):
    """Its number is in all of its pixels."""
    return np.full((HEIGHT * scale, WIDTH * scale, 3), k, np.uint8)


def mesh_of(person):
    """(468, 2): the extent is that of the head, the eyes are level."""
    k = np.arange(468)
    unit = np.stack([k % 22 / 21 - .5, k // 22 / 21 - .5], axis=1)
    unit[[33, 263]] = (-.2, -.2), (.2, -.2)
    unit[[234, 454, 10, 152]] = (-.5, 0), (.5, 0), (0, -.5), (0, .5)
    return (person.x, person.y) + person.size * unit


def joints_of(person):
    """(35, 2): the head's 11, others down to the hips, and the two points
    that say where to look."""
    joints = np.tile((person.x, person.y), (35, 1)).astype(float)
    joints[11:33, 1] += np.linspace(1, 3, 22) * person.size
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
                if world.noise:
                    os.write(2, b'W0000 chatter\n')
                if world.noise == 'fails':
                    raise RuntimeError('no such model')
                names = dict(FaceDetectionFullRange='faces', FaceLandmark=(
                    'mesh'), PoseDetection='bodies', PoseLandmark='pose')
                self.kind, = {
                    kind for name, kind in names.items()
                    if f'"{name}' in graph_config
                }
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
                NormalizedRect=lambda rotation=0, **kwargs: Some(**kwargs)),
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
        height = len(image)
        k = int(image[0, 0, 0])
        self.log.append((kind, k, image.shape))
        # The frame with which models are loaded is a small one.
        people = () if height < HEIGHT else self.frames[k]

        def share(points):
            return [Some(x=x / WIDTH, y=y / HEIGHT) for x, y in points]

        if kind == 'faces':
            return Some(detections=[
                _detection(p, share([(p.x - 8, p.y), (p.x + 8, p.y)]))
                for p in people if p.face] or None)
        if kind == 'bodies':
            return Some(detections=[
                _detection(p, share([p.hips, (p.x, p.y - p.size)]))
                for p in people if p.body] or None)
        region = data['region']
        x, y = region.x_center * WIDTH, region.y_center * HEIGHT
        near = .5 * region.width * WIDTH
        for p in people:
            if kind == 'mesh' and p.mesh and abs(p.x - x) < near / 2 and \
                    abs(p.y - y) < near / 2:
                assert near * 2 >= 1.4 * p.size  # the face fits in
                return Some(points=Some(landmark=share(mesh_of(p))))
            if kind == 'pose' and p.body and abs(p.hips[0] - x) < near / 4 \
                    and abs(p.hips[1] - y) < near / 4:
                joints = share(joints_of(p))
                for j, joint in enumerate(joints):
                    joint.visibility = .5 if j % 2 else .49
                return Some(points=Some(landmark=joints[:33]),
                            frame_points=Some(landmark=joints[33:]))
        return Some(points=None, frame_points=None)


def _detection(person, keypoints):
    box = Some(xmin=(person.x - person.size / 2) / WIDTH,
               ymin=(person.y - person.size / 2) / HEIGHT,
               width=person.size / WIDTH, height=person.size / HEIGHT)
    return Some(score=[.9], location_data=Some(
        relative_bounding_box=box, relative_keypoints=keypoints))

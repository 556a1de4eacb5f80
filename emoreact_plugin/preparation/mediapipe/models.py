"""Run the models of mediapipe that find faces and bodies."""

import os
import os.path as osp
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np

from . import tensors
from .face_mesh import FaceMesh
from .networks import FILES, Network, part_of, require_models
from .regions import Box, Detection, Region, body_region
from .tensors import Found

NUM_JOINTS = 33
MIN_VISIBILITY = 0.5
MIN_SCORE = 0.5
# Of the model for small faces, which sees more that is none.
MIN_SMALL_SCORE = 0.6
# Without the silhouette of the body, which is a fifth of the work.
POSE_OUTPUTS = ('Identity', 'Identity_1', 'Identity_3')


class Pose(NamedTuple):
    """Joints of one body.

    Attributes:
        joints (np.ndarray): float32 (33, 2), in pixels.
        visible (np.ndarray): bool (33,).
        region (Region): Where to search for the body in the next frame.
    """

    joints: np.ndarray
    visible: np.ndarray
    region: Region


class LandmarkModels:
    """Run each model separately, on a frame and a region of it.

    Each model runs in one thread. Two different ones may run at the same time.

    Args:
        body (bool): Load the models for bodies as well. Defaults to True.

    Raises:
        MissingPackageError: If LiteRT or the model files are not there.
    """

    def __init__(self, body: bool = True) -> None:
        folder = require_models()
        path = {kind: osp.join(folder, name) for kind, name in FILES.items()}
        with silenced():
            self._mesh = FaceMesh(path['mesh'])
            self._detectors = {
                'faces': _Detector(path['faces'], MIN_SCORE, (8, 16, 16, 16), 2),
                'small_faces': _Detector(path['small_faces'], MIN_SMALL_SCORE, (4,), 1),
            }
            if body:
                strides = (8, 16, 32, 32, 32)
                self._detectors['bodies'] = _Detector(path['bodies'], MIN_SCORE, strides, 2)
                self._pose = Network(part_of(path['pose'], ('input_1',), POSE_OUTPUTS))
        self.closed = False

    def close(self) -> None:
        """Release the models."""
        self.__dict__.clear()
        self.closed = True

    def faces(
        self, image: np.ndarray, corner: tuple[int, int] = (0, 0), small: bool = False
    ) -> list[Detection]:
        """Detect faces.

        Args:
            image (np.ndarray): (H, W, 3) uint8, RGB: a part of the frame.
            corner (tuple[int, int]): x and y in the frame where this part begins.
            small (bool): Use the model for faces far away, which has more false detections.
                Defaults to False.

        Returns:
            list[Detection]: The faces; their boxes have about the extent of the 68 points.
        """
        found = self._detectors['small_faces' if small else 'faces'](image, corner)
        return [face_detection(each) for each in found]

    def mesh(self, image: np.ndarray, region: Region) -> np.ndarray | None:
        """Find the mesh of the face in a region, float32 (468, 2) in pixels.

        It is None if there is no face.
        """
        side = self._mesh.side
        picture = tensors.cut_square(image, region, side, 0.0, cv2.BORDER_REPLICATE)
        points = self._mesh(picture)
        return None if points is None else tensors.to_pixels(points / side, region)

    def bodies(self, image: np.ndarray, corner: tuple[int, int] = (0, 0)) -> list[Detection]:
        """Detect bodies in a part of the frame, see :meth:`faces`; the boxes are of their heads."""
        found = self._detectors['bodies'](image, corner)
        return [Detection(_box(each), body_region(*each.keypoints[:2])) for each in found]

    def pose(self, image: np.ndarray, region: Region) -> Pose | None:
        """Find the body in a region; None if there is none."""
        side = self._pose.side
        picture = tensors.cut_square(image, region, side, 0.0, cv2.BORDER_REPLICATE)
        values, score, heatmaps = self._pose(picture)
        if score.ravel()[0] < MIN_SCORE:
            return None
        # x, y, z, visibility and presence of the joints, two points that say where to look, and
        # four of the hands.
        values = values.reshape(-1, 5)[: NUM_JOINTS + 2]
        points = tensors.refined(values[:, :2] / side, heatmaps[0])
        points = tensors.to_pixels(points, region)
        visible = tensors.sigmoid(values[:NUM_JOINTS, 3]) >= MIN_VISIBILITY
        return Pose(points[:NUM_JOINTS], visible, body_region(*points[NUM_JOINTS:]))


class _Detector:
    """Detect faces or bodies with one model, whose anchors are given."""

    def __init__(self, path: str, least: float, strides: tuple[int, ...], each: int) -> None:
        self._net, self._least = Network(path), least
        self._anchors = tensors.make_anchors(self._net.side, strides, each)

    def __call__(self, image: np.ndarray, corner: tuple[int, int]) -> list[Found]:
        """Detect in a part of the frame that begins at a corner."""
        region, side = tensors.whole(image), self._net.side
        values, logits = self._net(
            tensors.cut_square(image, region, side, -1.0, cv2.BORDER_CONSTANT)
        )
        found = tensors.detections(
            values[0], logits.ravel(), self._anchors, region, side, self._least
        )
        offset = np.array(corner, np.float32)
        return [Found(box + np.tile(offset, 2), points + offset) for box, points in found]


def face_detection(found: Found) -> Detection:
    """Return the face of a detection, whose first key points are the eyes."""
    (right_x, right_y), (left_x, left_y) = found.keypoints[:2]
    angle = float(np.arctan2(left_y - right_y, left_x - right_x))
    box = _box(found)
    # From the forehead's middle to the chin; the points start at the brows.
    face = Box(box.x, box.y + 0.07 * box.height, 0.92 * box.width, 0.95 * box.height)
    return Detection(face, Region(box.x, box.y, box.size, angle))


def _box(found: Found) -> Box:
    left, top, right, bottom = found.box.tolist()
    return Box((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


_silence = Lock()


@contextmanager
def silenced() -> Iterator[None]:
    """Hold back what C++ writes to the error stream; show it only if something fails."""
    with _silence, tempfile.TemporaryFile() as kept:
        sys.stderr.flush()
        before = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(before, 2)
            kept.seek(0)
            sys.stderr.write(kept.read().decode(errors='replace'))
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)

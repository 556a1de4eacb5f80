"""Run the models of mediapipe that find faces and bodies."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from emoreact_plugin.utils.errors import MissingPackageError

from .regions import Box, Detection, Region, body_region

if TYPE_CHECKING:
    from mediapipe.framework.formats.detection_pb2 import Detection as RawDetection
    from mediapipe.framework.formats.rect_pb2 import NormalizedRect
    from mediapipe.python.solution_base import SolutionBase

NUM_JOINTS = 33
NUM_MESH = 468
MIN_VISIBILITY = 0.5
MIN_SCORE = 0.5

_IMAGE = 'input_stream: "image"\n'
_FACES = (
    _IMAGE
    + """
output_stream: "detections"
node { calculator: "FaceDetectionShortRangeCpu" input_stream: "IMAGE:image"
       output_stream: "DETECTIONS:detections" }"""
)
_SMALL_FACES = _FACES.replace('ShortRange', 'FullRange')
_MESH = (
    _IMAGE
    + """
input_stream: "region" output_stream: "points"
input_side_packet: "with_attention"
node { calculator: "FaceLandmarkCpu" input_stream: "IMAGE:image"
       input_stream: "ROI:region" output_stream: "LANDMARKS:points"
       input_side_packet: "WITH_ATTENTION:with_attention" }"""
)
_BODIES = (
    _IMAGE
    + """
output_stream: "detections"
node { calculator: "PoseDetectionCpu" input_stream: "IMAGE:image"
       output_stream: "DETECTIONS:detections" }"""
)
_POSE = (
    _IMAGE
    + """
input_stream: "region" output_stream: "points" output_stream: "frame_points"
input_side_packet: "model_complexity"
node { calculator: "PoseLandmarkByRoiCpu" input_stream: "IMAGE:image"
       input_stream: "ROI:region" output_stream: "LANDMARKS:points"
       output_stream: "AUXILIARY_LANDMARKS:frame_points"
       input_side_packet: "MODEL_COMPLEXITY:model_complexity" }"""
)


class _Point(Protocol):
    """A place in a frame, in fractions of its width and height."""

    x: float
    y: float


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

    Args:
        body (bool): Load the models for bodies as well. Defaults to True.

    Raises:
        MissingPackageError: If mediapipe is not installed.
    """

    def __init__(self, body: bool = True) -> None:
        mediapipe_version()
        self._graphs: dict[str, SolutionBase] = {}
        try:
            with silenced():
                self._start(body)
        except BaseException:
            self.close()
            raise

    def _start(self, body: bool) -> None:
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect
        from mediapipe.python.solution_base import SolutionBase

        self._rect = NormalizedRect
        graphs = self._graphs
        graphs['faces'] = SolutionBase(graph_config=_FACES)
        graphs['small_faces'] = SolutionBase(graph_config=_SMALL_FACES)
        graphs['mesh'] = SolutionBase(graph_config=_MESH, side_inputs=dict(with_attention=True))
        if body:
            graphs['bodies'] = SolutionBase(graph_config=_BODIES)
            graphs['pose'] = SolutionBase(graph_config=_POSE, side_inputs=dict(model_complexity=1))
        # The models are loaded, with some talk, at the first frame.
        black = np.zeros((64, 64, 3), np.uint8)
        for name, graph in graphs.items():
            graph.process(
                dict(image=black, region=self._rect(x_center=0.5, y_center=0.5, width=1, height=1))
                if name in ('mesh', 'pose')
                else black
            )

    def close(self) -> None:
        """Release the models."""
        with silenced():
            while self._graphs:
                self._graphs.popitem()[1].close()

    @property
    def closed(self) -> bool:
        """Return whether the models were released."""
        return not self._graphs

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
        graph = self._graphs['small_faces' if small else 'faces']
        return [
            _face_detection(each, image, corner)
            for each in graph.process(image).detections or ()
            if each.score[0] >= MIN_SCORE
        ]

    def mesh(self, image: np.ndarray, region: Region) -> np.ndarray | None:
        """Find the mesh of the face in a region, float32 (468, 2) in pixels.

        It is None if there is no face.
        """
        found = (
            self._graphs['mesh']
            .process(dict(image=image, region=self._to_rect(region, image)))
            .points
        )
        return None if found is None else _pixels(found.landmark[:NUM_MESH], image)

    def bodies(self, image: np.ndarray, corner: tuple[int, int] = (0, 0)) -> list[Detection]:
        """Detect bodies in a part of the frame, see :meth:`faces`; the boxes are of their heads."""
        found = self._graphs['bodies'].process(image).detections or ()
        return [_body_detection(each, image, corner) for each in found]

    def pose(self, image: np.ndarray, region: Region) -> Pose | None:
        """Find the body in a region; None if there is none."""
        found = self._graphs['pose'].process(dict(image=image, region=self._to_rect(region, image)))
        if found.points is None or found.frame_points is None:
            return None
        joints = _pixels(found.points.landmark[:NUM_JOINTS], image)
        visible = np.array(
            [p.visibility >= MIN_VISIBILITY for p in found.points.landmark[:NUM_JOINTS]]
        )
        centre, edge = _pixels(found.frame_points.landmark[:2], image)
        return Pose(joints, visible, body_region(centre, edge))

    def _to_rect(self, region: Region, image: np.ndarray) -> NormalizedRect:
        height, width = image.shape[:2]
        return self._rect(
            x_center=region.x / width,
            y_center=region.y / height,
            width=region.size / width,
            height=region.size / height,
            rotation=region.angle,
        )


def mediapipe_version() -> str:
    """Return the version of mediapipe.

    Raises:
        MissingPackageError: If mediapipe is not installed, or is a release without these models.
    """
    hint = (
        "pip install 'emoreact_plugin[landmarks]' (mediapipe 0.10.14 has wheels for Python 3.10 "
        f'to 3.12; this is {sys.version_info[0]}.{sys.version_info[1]})'
    )
    try:
        with warnings.catch_warnings(), silenced():
            warnings.simplefilter('ignore')
            import mediapipe
            import mediapipe.python.solution_base
    except ImportError as error:
        raise MissingPackageError(
            f'finding landmarks needs mediapipe 0.10.14: {hint}; {error}'
        ) from error
    warnings.filterwarnings('ignore', message='SymbolDatabase.GetPrototype', category=UserWarning)
    return mediapipe.__version__


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


def _pixels(landmarks: Iterable[_Point], image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    points = np.array([(p.x, p.y) for p in landmarks], np.float32)
    return points * np.array([width, height], np.float32)


def _keypoints(detection: RawDetection, image: np.ndarray) -> np.ndarray:
    return _pixels(detection.location_data.relative_keypoints, image)


def _box(detection: RawDetection, image: np.ndarray) -> Box:
    height, width = image.shape[:2]
    box = detection.location_data.relative_bounding_box
    return Box(
        (box.xmin + box.width / 2) * width,
        (box.ymin + box.height / 2) * height,
        box.width * width,
        box.height * height,
    )


def _face_detection(
    detection: RawDetection, image: np.ndarray, corner: tuple[int, int]
) -> Detection:
    (right_x, right_y), (left_x, left_y) = _keypoints(detection, image)[:2]
    angle = float(np.arctan2(left_y - right_y, left_x - right_x))
    found = _box(detection, image)
    x, y = found.x + corner[0], found.y + corner[1]
    region = Region(x, y, found.size, angle)
    # From the forehead's middle to the chin; the points start at the brows.
    return Detection(
        Box(x, y + 0.07 * found.height, 0.92 * found.width, 0.95 * found.height), region
    )


def _body_detection(
    detection: RawDetection, image: np.ndarray, corner: tuple[int, int]
) -> Detection:
    box, points = _box(detection, image), _keypoints(detection, image)[:2] + np.array(corner, 'f4')
    box = replace(box, x=box.x + corner[0], y=box.y + corner[1])
    return Detection(box, body_region(*points))

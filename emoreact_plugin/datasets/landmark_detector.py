"""Face and body points of one person, frame by frame, found with mediapipe.

mediapipe's own solutions follow whichever person they come upon. Here the
same models run with regions of interest that are chosen frame by frame, so
that a detection of somebody else is noticed and left out, and every frame's
result is of that frame alone: nothing is smoothed over time.
"""
import os
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Iterator, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from .landmark_readers import MAX_FRAMES_AWAY, NUM_LANDMARKS

NUM_JOINTS = 33
MIN_VISIBILITY = 0.5
MIN_SCORE = 0.5
# Larger frames are halved and so on: the models look at 256 pixels at most.
MAX_SIDE = 1280
# The points of the face mesh that lie nearest to the 68 of iBUG and OpenFace.
MESH_TO_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323,
    454, 389, 71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4,
    75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373,
    380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312,
    308, 317, 14, 87)
EYE_CORNERS = (33, 263)  # of the mesh
HEAD_JOINTS = 11  # the first joints of the pose: eyes, ears, nose, mouth

_IMAGE = 'input_stream: "image"\n'
_FACES = _IMAGE + '''
output_stream: "detections"
node { calculator: "FaceDetectionFullRangeCpu" input_stream: "IMAGE:image"
       output_stream: "DETECTIONS:detections" }'''
_MESH = _IMAGE + '''
input_stream: "region" output_stream: "points"
input_side_packet: "with_attention"
node { calculator: "FaceLandmarkCpu" input_stream: "IMAGE:image"
       input_stream: "ROI:region" output_stream: "LANDMARKS:points"
       input_side_packet: "WITH_ATTENTION:with_attention" }'''
_BODIES = _IMAGE + '''
output_stream: "detections"
node { calculator: "PoseDetectionCpu" input_stream: "IMAGE:image"
       output_stream: "DETECTIONS:detections" }'''
_POSE = _IMAGE + '''
input_stream: "region" output_stream: "points" output_stream: "frame_points"
input_side_packet: "model_complexity"
node { calculator: "PoseLandmarkByRoiCpu" input_stream: "IMAGE:image"
       input_stream: "ROI:region" output_stream: "LANDMARKS:points"
       output_stream: "AUXILIARY_LANDMARKS:frame_points"
       input_side_packet: "MODEL_COMPLEXITY:model_complexity" }'''


class FrameLandmarks(NamedTuple):
    """What was found in one frame, in pixels of it.

    Attributes:
        face (np.ndarray): float32 (68, 2), x and y in OpenFace's order, NaN
            where there is no face. Where only its box is known, the box's
            corners 17 times over.
        face_is_box (bool): Whether it is such a box.
        body (np.ndarray): float32 (33, 2), the joints of mediapipe's pose;
            NaN where one was not seen.
    """
    face: np.ndarray
    face_is_box: bool
    body: np.ndarray


class Box(NamedTuple):
    """A face: its centre and size in pixels."""
    x: float
    y: float
    width: float
    height: float

    @classmethod
    def around(cls, points: np.ndarray) -> 'Box':
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        return cls(*((low + high) / 2).tolist(), *(high - low).tolist())

    @property
    def size(self) -> float:
        return max(self.width, self.height)

    def corners(self) -> np.ndarray:
        """float32 (4, 2)."""
        half = np.float32([self.width, self.height]) / 2
        signs = np.float32([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        return np.float32([self.x, self.y]) + signs * half

    def distance(self, x: float, y: float) -> float:
        """From its centre, in sizes of the face."""
        return float(np.hypot(x - self.x, y - self.y) / max(self.size, 1.))


class LandmarkDetector:
    """Finds the points of one person in the frames of a clip, one by one.

    The person is the largest and most central in the first frame with a face.
    Faces found elsewhere later are another's and left out, until the person
    has been away for 15 frames: then the most plausible face takes over. The
    body is the one that carries this face.

    The 68 points are picked from the mesh of 468: they are like OpenFace's,
    not the same. Where the mesh finds nothing, the face detector's box
    stands in.

    For one thread at a time; face and body are looked for side by side.

    Args:
        body (bool): Look for the body as well, most of the work. Defaults to
            True.

    Raises:
        ImportError: Without mediapipe.

    Examples:
        >>> with LandmarkDetector() as detector:
        ...     for frame in frames:
        ...         face, is_box, body = detector(frame)
        ...     detector.reset()  # before the next clip
    """

    def __init__(self, body: bool = True) -> None:
        mediapipe_version()
        self._pool, self._graphs = None, {}
        try:
            with _silenced():
                self._start(body)
        except BaseException:
            self.close()
            raise
        self.reset()

    def _start(self, body: bool) -> None:
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect
        from mediapipe.python.solution_base import SolutionBase
        self._rect = NormalizedRect
        graphs = self._graphs
        graphs['faces'] = SolutionBase(graph_config=_FACES)
        graphs['mesh'] = SolutionBase(
            graph_config=_MESH, side_inputs=dict(with_attention=False))
        if body:
            graphs['bodies'] = SolutionBase(graph_config=_BODIES)
            graphs['pose'] = SolutionBase(
                graph_config=_POSE, side_inputs=dict(model_complexity=1))
            self._pool = ThreadPoolExecutor(1)
        # The models are loaded, with some talk, at the first frame.
        black = np.zeros((64, 64, 3), np.uint8)
        for name, graph in graphs.items():
            graph.process(black if name in ('faces', 'bodies') else dict(
                image=black, region=self._rect(
                    x_center=.5, y_center=.5, width=1, height=1)))

    def reset(self) -> None:
        """Forget the person, before the frames of another clip."""
        self._person: Optional[Box] = None
        self._away = 0
        self._face_region = self._body_region = None

    def close(self) -> None:
        """Let go of the models."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        with _silenced():
            while self._graphs:
                self._graphs.popitem()[1].close()

    def __enter__(self) -> 'LandmarkDetector':
        return self

    def __exit__(self, *args) -> None:
        self.close()

    def __call__(self, frame: np.ndarray) -> FrameLandmarks:
        """Find the person in the next frame of the clip.

        Args:
            frame (np.ndarray): (H, W, 3) uint8, RGB.

        Returns:
            FrameLandmarks

        Raises:
            ValueError: For anything but such a frame, or after ``close``.
        """
        if not self._graphs:
            raise ValueError('this LandmarkDetector was closed')
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError('expected a frame (H, W, 3) of uint8, found '
                             f'{frame.shape} of {frame.dtype}')
        image, scale = _shrunk(frame)
        body = None
        if self._pool is not None and self._body_region is not None:
            body = self._pool.submit(self._pose_in, image, self._body_region)
        points, is_box = self._find_face(image)
        joints = np.full((NUM_JOINTS, 2), np.nan, np.float32)
        if self._pool is not None:
            joints = self._find_body(image, body and body.result())
        return FrameLandmarks(points * scale, is_box, joints * scale)

    # The face

    def _find_face(self, image: np.ndarray) -> Tuple[np.ndarray, bool]:
        """The 68 points, and whether they are a box only."""
        points = None
        if self._face_region is not None:
            points = self._mesh_in(image, self._face_region)
        box = None
        if points is None:
            box = self._choose_face(image, self._faces_in(image))
            if box is not None:
                points = self._mesh_in(image, box.region)
                if points is not None and Box.around(points[
                        list(MESH_TO_68)]).distance(*box.box[:2]) > .5:
                    points = None  # the mesh went astray
        if points is not None:
            self._face_region = mesh_region(points)
            points = points[list(MESH_TO_68)]
            self._person, self._away = Box.around(points), 0
            return points, False
        self._face_region = None
        if box is None:
            self._away += 1
            return np.full((NUM_LANDMARKS, 2), np.nan, np.float32), False
        self._person, self._away = box.box, 0
        return np.tile(box.box.corners(), (NUM_LANDMARKS // 4, 1)), True

    def _choose_face(self, image: np.ndarray,
                     faces: List['_Detection']) -> Optional['_Detection']:
        if not faces:
            return None
        person = self._person
        if person is not None and self._away < MAX_FRAMES_AWAY:
            # A head moves on while it is not seen.
            reach = min(.7 + .1 * self._away, 1.5)
            near = min(faces, key=lambda f: person.distance(*f.box[:2]))
            same_size = .5 < near.box.size / person.size < 2
            return near if same_size and person.distance(
                *near.box[:2]) < reach else None
        height, width = image.shape[:2]
        return max(faces, key=lambda f: plausibility(f.box, width, height))

    def _faces_in(self, image: np.ndarray) -> List['_Detection']:
        found = self._graphs['faces'].process(image).detections or ()
        return [_face_detection(each, image) for each in found
                if each.score[0] >= MIN_SCORE]

    def _mesh_in(self, image: np.ndarray,
                 region: 'Region') -> Optional[np.ndarray]:
        """float32 (468, 2); None where there is no face in the region."""
        found = self._graphs['mesh'].process(
            dict(image=image, region=self._to_rect(region, image))).points
        if found is None:
            return None
        points = _pixels(found.landmark, image)
        # What is left at the edge of the frame is a guess.
        middle = Box.around(points[list(MESH_TO_68)])
        inside = (0 <= middle.x < image.shape[1]
                  and 0 <= middle.y < image.shape[0])
        return points if inside and middle.size >= 8 else None

    # The body

    def _find_body(self, image: np.ndarray,
                   found: Optional[tuple]) -> np.ndarray:
        """The joints, given what was found where the body was last."""
        joints = self._accept(found)
        if joints is None:
            region = self._choose_body(image)
            if region is not None:
                joints = self._accept(self._pose_in(image, region))
        if joints is None:
            self._body_region = None
            return np.full((NUM_JOINTS, 2), np.nan, np.float32)
        return joints

    def _accept(self, found: Optional[tuple]) -> Optional[np.ndarray]:
        if found is None:
            return None
        joints, visible, region = found
        head = joints[:HEAD_JOINTS].mean(axis=0)
        if self._is_elsewhere(*head):
            return None
        self._body_region = region
        return np.where(visible[:, None], joints, np.float32(np.nan))

    def _is_elsewhere(self, x: float, y: float) -> bool:
        """Whether a head is not that of the followed person."""
        if not self._is_known():
            return False
        return self._person.distance(x, y) > min(1 + .1 * self._away, 2)

    def _is_known(self) -> bool:
        """Whether the person's face has been seen lately, once this frame's
        was looked for."""
        return self._person is not None and self._away <= MAX_FRAMES_AWAY

    def _choose_body(self, image: np.ndarray) -> Optional['Region']:
        found = [
            _body_detection(each, image)
            for each in self._graphs['bodies'].process(image).detections or ()
        ]
        found = [each for each in found
                 if not self._is_elsewhere(*each.box[:2])]
        if not found:
            return None
        height, width = image.shape[:2]
        if self._is_known():
            best = min(found, key=lambda f: self._person.distance(*f.box[:2]))
        else:
            best = max(found, key=lambda f: plausibility(f.box, width, height))
        return best.region

    def _pose_in(self, image: np.ndarray,
                 region: 'Region') -> Optional[tuple]:
        """Joints (33, 2), which are visible (33,), and where to look next."""
        found = self._graphs['pose'].process(
            dict(image=image, region=self._to_rect(region, image)))
        if found.points is None or found.frame_points is None:
            return None
        joints = _pixels(found.points.landmark[:NUM_JOINTS], image)
        visible = np.array([p.visibility >= MIN_VISIBILITY
                            for p in found.points.landmark[:NUM_JOINTS]])
        centre, edge = _pixels(found.frame_points.landmark[:2], image)
        return joints, visible, body_region(centre, edge)

    def _to_rect(self, region: 'Region', image: np.ndarray):
        height, width = image.shape[:2]
        return self._rect(
            x_center=region.x / width, y_center=region.y / height,
            width=region.size / width, height=region.size / height,
            rotation=region.angle)


class Region(NamedTuple):
    """A turned square that a model looks at: centre and side in pixels, angle
    in radians, clockwise as seen."""
    x: float
    y: float
    size: float
    angle: float


class _Detection(NamedTuple):
    box: Box
    region: Region


def mesh_region(points: np.ndarray) -> Region:
    """Where the mesh looks for a face next, as mediapipe's own graph does.

    Args:
        points (np.ndarray): (468, 2), pixels.

    Returns:
        Region: With the eyes level, half as large again as the face.
    """
    right, left = points[list(EYE_CORNERS)].astype(float)
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    turn = np.array([[np.cos(angle), -np.sin(angle)],
                     [np.sin(angle), np.cos(angle)]])
    box = Box.around(points @ turn)
    x, y = turn @ (box.x, box.y)
    return Region(float(x), float(y), 1.5 * box.size, angle)


def body_region(centre: np.ndarray, edge: np.ndarray) -> Region:
    """Where the pose model looks for a body, as mediapipe's own graph does.

    Args:
        centre (np.ndarray): (2,), pixels: the middle of the hips.
        edge (np.ndarray): (2,), a point of the circle around the body, above
            its head.

    Returns:
        Region: With the body upright.
    """
    x, y = (edge - centre).astype(float)
    return Region(float(centre[0]), float(centre[1]),
                  1.25 * 2 * float(np.hypot(x, y)),
                  float(np.arctan2(x, -y)))


def plausibility(box: Box, width: int, height: int) -> float:
    """How likely a face is the one that a clip is about: large and central.

    Args:
        box (Box): The face.
        width, height (int): Of the frame.

    Returns:
        float: Its area in square pixels, less towards the edge: half of it
        where the distance from the middle is a quarter of the diagonal.
    """
    off = np.hypot(box.x - width / 2, box.y - height / 2)
    return box.width * box.height / (
        1 + (4 * off / np.hypot(width, height))**2)


def mediapipe_version() -> str:
    """The version of mediapipe.

    Raises:
        ImportError: When it is not there, or a release without these models.
    """
    hint = ("pip install 'emoreact_plugin[landmarks]' (mediapipe 0.10.14 has "
            'wheels for Python 3.10 to 3.12; this is '
            f'{sys.version_info[0]}.{sys.version_info[1]})')
    try:
        with warnings.catch_warnings(), _silenced():
            warnings.simplefilter('ignore')
            import mediapipe
            import mediapipe.python.solution_base  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'finding landmarks needs mediapipe 0.10.14: {hint}; {error}'
        ) from error
    warnings.filterwarnings('ignore', message='SymbolDatabase.GetPrototype',
                            category=UserWarning)
    return mediapipe.__version__


_silence = Lock()


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what C++ writes to the error stream, unless something fails."""
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


def _shrunk(frame: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The frame, not larger than the models need, and what its pixels have
    to be multiplied by."""
    height, width = frame.shape[:2]
    ratio = MAX_SIDE / max(height, width)
    if ratio >= 1:
        return np.ascontiguousarray(frame), np.float32([1, 1])
    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
    image = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return image, np.float32([width / size[0], height / size[1]])


def _pixels(landmarks, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    points = np.array([(p.x, p.y) for p in landmarks], np.float32)
    return points * np.float32([width, height])


def _keypoints(detection, image: np.ndarray) -> np.ndarray:
    return _pixels(detection.location_data.relative_keypoints, image)


def _box(detection, image: np.ndarray) -> Box:
    height, width = image.shape[:2]
    box = detection.location_data.relative_bounding_box
    return Box((box.xmin + box.width / 2) * width,
               (box.ymin + box.height / 2) * height,
               box.width * width, box.height * height)


def _face_detection(detection, image: np.ndarray) -> _Detection:
    (right_x, right_y), (left_x, left_y) = _keypoints(detection, image)[:2]
    angle = float(np.arctan2(left_y - right_y, left_x - right_x))
    box = _box(detection, image)
    return _Detection(box, Region(box.x, box.y, 1.5 * box.size, angle))


def _body_detection(detection, image: np.ndarray) -> _Detection:
    return _Detection(_box(detection, image),
                      body_region(*_keypoints(detection, image)[:2]))

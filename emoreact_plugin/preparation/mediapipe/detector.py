"""Find the face and body points of one person, frame by frame, with mediapipe.

mediapipe's own solutions follow whichever person they find. Here the same models run with regions
of interest that are chosen frame by frame, so that another person is noticed and left out. The face
is searched for again in every frame, because a region made from the points of the previous frame
shrinks, step by step, on a face with a mask.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from emoreact_plugin.clips.landmark_readers import MAX_FRAMES_AWAY, NUM_LANDMARKS
from emoreact_plugin.utils.errors import InputError

from .models import NUM_JOINTS, LandmarkModels, Pose
from .people import Guide
from .regions import (
    BODY_NEIGHBORHOOD,
    Box,
    Detection,
    Region,
    are_same,
    body_around,
    cut_out,
    merit,
    mesh_region,
    shrunk,
    steadied,
)

# The points of the face mesh that lie nearest to the 68 of iBUG and OpenFace.
MESH_TO_68 = [
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # brows
    *(168, 197, 5, 4),  # bridge and tip of the nose
    *(75, 97, 2, 326, 305),  # nostrils
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
]
HEAD_JOINTS = 11  # the first joints of the pose: eyes, ears, nose, mouth
# How much larger than a detected face the region is that the mesh looks at.
# A mask, or a head that looks down, is found with one or the other.
MARGINS = (1.8, 1.5)


class FrameLandmarks(NamedTuple):
    """Landmarks found in one frame, in pixels of the frame.

    Attributes:
        face (np.ndarray): float32 (68, 2), x and y in OpenFace's order, NaN if there is no face. If
            only its box is known, the box's four corners repeated 17 times.
        face_is_box (bool): Whether it is such a box.
        body (np.ndarray): float32 (33, 2), the joints of mediapipe's pose; NaN for a joint that was
            not seen.
    """

    face: np.ndarray
    face_is_box: bool
    body: np.ndarray


class LandmarkDetector:
    """Find the points of one person in the frames of a clip, one by one.

    With a guide, see :meth:`reset`, the person is whom it leads to, and nobody else is taken.
    Without, such as in a stream, it is the largest one in the first frame with a face. Faces found
    elsewhere later belong to somebody else and are left out, until the person has been away for 15
    frames. Then the largest face takes over. The body is the one that carries this face.

    The 68 points are picked from the mesh of 468. They are similar to OpenFace's, not the same. If
    the mesh finds nothing, the face detector's box is used instead.

    Use one detector in one thread at a time. It searches for face and body in parallel.

    Args:
        body (bool): Search for the body as well, which is most of the work. Defaults to True.
        choice (str): Whom of several people to take without a guide, see ``merit``. Defaults to
            ``'largest'``.

    Raises:
        MissingPackageError: If mediapipe is not installed.

    Examples:
        >>> with LandmarkDetector() as detector:
        ...     for frame in frames:
        ...         face, is_box, body = detector(frame)
        ...     detector.reset()  # before the next clip
    """

    def __init__(self, body: bool = True, choice: str = 'largest') -> None:
        self._choice = choice
        self._models = LandmarkModels(body)
        # Face and body are looked for side by side.
        self._pool = ThreadPoolExecutor(1) if body else None
        self.reset()

    def reset(self, guide: Guide | None = None) -> None:
        """Forget the person, before the frames of another clip.

        Args:
            guide (Guide, optional): Whom to follow. Defaults to None: whoever is chosen on the way.
        """
        self._guide, self._count = guide, -1
        self._expected: Box | None = None
        self._person: Box | None = None
        self._away = 0
        self._last_mesh: np.ndarray | None = None
        self._face_region: Region | None = None
        self._body_region: Region | None = None

    def close(self) -> None:
        """Release the models."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._models.close()

    def __enter__(self) -> 'LandmarkDetector':
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __call__(self, frame: np.ndarray) -> FrameLandmarks:
        """Find the person in the next frame of the clip.

        Args:
            frame (np.ndarray): (H, W, 3) uint8, RGB.

        Raises:
            InputError: For anything but such a frame, or after ``close``.
        """
        if self._models.closed:
            raise InputError('this LandmarkDetector was closed')
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise InputError(
                f'expected a frame (H, W, 3) of uint8, found {frame.shape} of {frame.dtype}'
            )
        image, scale = shrunk(frame)
        self._count += 1
        self._look_where_expected(scale)
        body = None
        if self._pool is not None and self._body_region is not None:
            body = self._pool.submit(self._models.pose, image, self._body_region)
        points, is_box = self._find_face(image)
        joints = np.full((NUM_JOINTS, 2), np.nan, np.float32)
        if self._pool is not None:
            joints = self._find_body(image, None if body is None else body.result())
        return FrameLandmarks(points * scale, is_box, joints * scale)

    def look(self, frame: np.ndarray) -> list[Box]:
        """Find all faces in a frame, to know who is there; nobody is followed.

        Args:
            frame (np.ndarray): (H, W, 3) uint8, RGB.

        Returns:
            list[Box]: The faces, in pixels of the frame.
        """
        image, scale = shrunk(frame)
        faces = [each.box for each in self._models.faces(image)]
        for each in self._models.faces(image, small=True):
            # The model for small faces is often wrong where the mesh sees none.
            if not any(box.distance(each.box.x, each.box.y) < 0.5 for box in faces):
                points = self._models.mesh(image, each.region.grown(MARGINS[1]))
                if points is not None and _is_at(Box.around(points[MESH_TO_68]), each.box):
                    faces.append(each.box)
        return [box.scaled(*scale.tolist()) for box in faces]

    def _look_where_expected(self, scale: np.ndarray) -> None:
        """Go where the guide leads, if the person is lost or somebody else is followed."""
        self._expected = None if self._guide is None else self._guide.at(self._count)
        if self._expected is None:
            return
        expected = self._expected = self._expected.scaled(*(1 / scale).tolist())
        person = self._person
        if person is None or self._away or not are_same(person, expected, 0):
            self._person, self._away = expected, 0

    # The face

    def _find_face(self, image: np.ndarray) -> tuple[np.ndarray, bool]:
        """Find the 68 points, and whether they are only a box."""
        face, small = self._detect_face(image)
        points = None
        for region in self._regions_of(face):
            points = self._mesh_in(image, region, face)
            if points is not None:
                break
        self._last_mesh = points
        if points is not None:
            points = points[MESH_TO_68]
            self._person, self._away = Box.around(points), 0
            return points, False
        # The model for small faces is often wrong where the mesh sees none, and so is the other
        # where nobody is expected.
        if face is None or small or (self._guide is not None and self._expected is None):
            self._away += 1
            return np.full((NUM_LANDMARKS, 2), np.nan, np.float32), False
        self._person, self._away = face.box, 0
        return np.tile(face.box.corners(), (NUM_LANDMARKS // 4, 1)), True

    def _regions_of(self, face: Detection | None) -> list[Region]:
        """List the regions in which to search for the mesh, the most promising first."""
        regions = []
        if face is None:
            self._face_region = None
        else:
            self._face_region = steadied(self._face_region, face.region)
            regions += [self._face_region.grown(each) for each in MARGINS]
        if self._last_mesh is not None:
            # A head in profile is no face for the detector.
            regions.append(mesh_region(self._last_mesh))
        return regions

    def _detect_face(self, image: np.ndarray) -> tuple[Detection | None, bool]:
        """Detect the person's face, and return whether the model for small faces found it."""
        if self._person is not None and self._away == 0:
            found = self._models.faces(*cut_out(image, self._person))
            face = self._choose_face(image, found)
            if face is not None:
                return face, False
        face = self._choose_face(image, self._models.faces(image))
        if face is not None:
            return face, False
        found = self._models.faces(image, small=True)
        return self._choose_face(image, found), True

    def _choose_face(self, image: np.ndarray, faces: list[Detection]) -> Detection | None:
        if not faces:
            return None
        person = self._person
        if person is not None and self._away < MAX_FRAMES_AWAY:
            near = min(faces, key=lambda f: person.distance(f.box.x, f.box.y))
            return near if are_same(near.box, person, self._away) else None
        if self._guide is not None:
            return None
        height, width = image.shape[:2]
        return max(faces, key=lambda f: merit(f.box, width, height, self._choice))

    def _mesh_in(
        self, image: np.ndarray, region: Region, face: Detection | None
    ) -> np.ndarray | None:
        """Find the mesh of the face in a region, float32 (468, 2).

        It is None if there is no face in the region, or if the face is not where the detected face,
        or else the person, is.
        """
        points = self._models.mesh(image, region)
        expected = self._person if face is None else face.box
        if points is None or expected is None:
            return None
        return points if _is_at(Box.around(points[MESH_TO_68]), expected) else None

    # The body

    def _find_body(self, image: np.ndarray, found: Pose | None) -> np.ndarray:
        """Find the joints, given what was found where the body was last."""
        joints = self._accept(found)
        if joints is None:
            region = self._choose_body(image)
            if region is not None:
                joints = self._accept(self._models.pose(image, region))
        if joints is None:
            self._body_region = None
            return np.full((NUM_JOINTS, 2), np.nan, np.float32)
        return joints

    def _accept(self, found: Pose | None) -> np.ndarray | None:
        if found is None:
            return None
        joints, visible, region = found
        head = joints[:HEAD_JOINTS].mean(axis=0)
        if self._is_elsewhere(*head):
            return None
        self._body_region = region
        return np.where(visible[:, None], joints, np.float32(np.nan))

    def _is_elsewhere(self, x: float, y: float) -> bool:
        """Return whether a head is not that of the followed person."""
        person = self._known_person()
        return person is not None and person.distance(x, y) > min(1 + 0.1 * self._away, 2)

    def _known_person(self) -> Box | None:
        """Return the person's face, None if it has not been seen lately.

        Call it after the face was searched for in the current frame.
        """
        return self._person if self._away <= MAX_FRAMES_AWAY else None

    def _choose_body(self, image: np.ndarray) -> Region | None:
        person = self._known_person()
        if person is None and self._guide is not None and self._guide.seen > 1:
            return None  # it may be anybody's
        found = self._own_bodies(self._models.bodies(image))
        if not found and person is not None:
            # Of several people the model sees the one that stands out.
            part = cut_out(image, body_around(person), BODY_NEIGHBORHOOD)
            found = self._own_bodies(self._models.bodies(*part))
        if not found:
            return None
        height, width = image.shape[:2]
        if person is not None:
            best = min(found, key=lambda f: person.distance(f.box.x, f.box.y))
        else:
            best = max(found, key=lambda f: merit(f.box, width, height, self._choice))
        return best.region

    def _own_bodies(self, found: list[Detection]) -> list[Detection]:
        """Return the bodies whose head is that of the followed person."""
        return [each for each in found if not self._is_elsewhere(each.box.x, each.box.y)]


def _is_at(box: Box, expected: Box) -> bool:
    """Return whether a face is where another one was found."""
    off = expected.distance(box.x, box.y)
    return off < 0.5 and 0.5 < box.size / max(expected.size, 1.0) < 2

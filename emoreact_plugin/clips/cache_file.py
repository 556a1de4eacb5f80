"""Read and write the cache file of a clip, which holds its landmarks.

It is made once from the text files (their readers are in
``landmark_readers``) and is fast to read, so that training parses no text.
"""

import json
import os
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike, write_whole
from emoreact_plugin.utils.npz import read_npz

from .landmark_readers import NUM_LANDMARKS, check_count, read_keypoints_txt, read_openface_csv

# How far the rows of a file may be off the frames of its clip: either is fine.
ROW_TOLERANCE = 5
ROW_TOLERANCE_RATIO = 0.1
ENDING = '.safetensors'
PREPARED_VERSION = 2
# Version 0.2 and those before it wrote these files. They are still read.
OLD_ENDING, OLD_VERSION = '.npz', 1
# The joints of MediaPipe's pose.
POSE_JOINTS = 33
ARRAYS = ('face_landmarks', 'face_confidence', 'body_keypoints', 'face_is_box')


@dataclass(frozen=True, eq=False)
class CachedClip:
    """The content of a clip's cache file, for T frames and J joints.

    Attributes:
        face_landmarks (np.ndarray): float32 (T, 68, 2), x and y in pixels of
            the full frame, NaN where not found.
        face_confidence (np.ndarray): float32 (T,), NaN where unknown.
        body_keypoints (np.ndarray): float32 (T, J, 2), x and y as fractions
            of the frame, NaN where not seen.
        total_frames (int): T.
        frame_size (tuple[int, int]): Width and height in pixels.
        sources (dict): Role -> dict of ``path``, ``size`` (bytes) and
            ``mtime_ns`` of the file that it was made from. The roles are
            'source', 'landmarks_file' and 'keypoints_file'.
        face_is_box (np.ndarray): bool (T,), True where only the box of the
            face is known: the 68 points are then its corners, repeated.
        people (dict | None): Which of the people in the video it is of, see
            ``Guide.to_dict``; None if that is not known.
    """

    face_landmarks: np.ndarray
    face_confidence: np.ndarray
    body_keypoints: np.ndarray
    total_frames: int
    frame_size: tuple[int, int]
    sources: dict[str, dict]
    face_is_box: np.ndarray
    people: dict | None = None

    @property
    def body_is_pose(self) -> bool:
        """Tell whether joint j is joint j of MediaPipe's pose in every frame.

        This holds for keypoints that were found in the video itself. Text files leave out joints
        that were not seen.
        """
        made_of = self.sources.get('keypoints_file')
        in_video = made_of is not None and made_of == self.sources.get('source')
        return in_video and self.body_keypoints.shape[1] == POSE_JOINTS


def cache_clip(
    out_file: PathLike,
    *,
    total_frames: int,
    landmarks_file: PathLike | None = None,
    keypoints_file: PathLike | None = None,
    frame_size: tuple[int, int],
    source: PathLike,
    check: bool = True,
) -> None:
    """Write the cache file of a clip, whole or not at all.

    Several processes may write the same file at once.

    Args:
        out_file (str | PathLike): The ``.safetensors`` file to write; its
            folder is made if there is none.
        total_frames (int): Number of frames of the clip. Landmarks are cut to
            it or padded with NaN.
        landmarks_file (str | PathLike, optional): OpenFace CSV file.
            Defaults to None: no face is found in any frame.
        keypoints_file (str | PathLike, optional): Keypoint text file.
            Defaults to None: no joints.
        frame_size (tuple[int, int]): Width and height in pixels.
        source (str | PathLike): The video file or folder of frames.
        check (bool): Whether to refuse files that seem to belong to another
            clip. Defaults to True.

    Raises:
        FileNotFoundError: One of the files is missing.
        InputError: One of them is not what it should be (see
            :func:`~.landmark_readers.read_openface_csv`,
            :func:`~.landmark_readers.read_keypoints_txt`), or the
            landmarks cover a number of frames that is off by more than 10 %
            and more than 5, or as many keypoint lines are missing. The
            message names the file and both numbers.
    """
    clip, errors = read_landmark_files(
        total_frames=total_frames,
        landmarks_file=landmarks_file,
        keypoints_file=keypoints_file,
        frame_size=frame_size,
        source=source,
        check=check,
    )
    for error in errors.values():
        raise error
    write_cached(out_file, clip)


def read_landmark_files(
    *,
    total_frames: int,
    frame_size: tuple[int, int],
    source: PathLike,
    landmarks_file: PathLike | None,
    keypoints_file: PathLike | None,
    check: bool,
) -> tuple[CachedClip, dict[str, Exception]]:
    """Read the landmark files of a clip, and collect what is wrong with them.

    The arguments are those of :func:`cache_clip`.

    Returns:
        tuple[CachedClip, dict[str, Exception]]: The content, and role
        ('landmarks_file' or 'keypoints_file') -> why that file cannot be used.
    """
    check_count('total_frames', total_frames)
    width, height = frame_size
    check_count('the width in frame_size', width)
    check_count('the height in frame_size', height)
    roles = dict(source=source, landmarks_file=landmarks_file, keypoints_file=keypoints_file)
    # before the files are read: a change while they are is then noticed
    stamps = {role: stamp_of(p) for role, p in roles.items() if p is not None}
    errors: dict[str, Exception] = {}
    try:
        landmarks, confidence = _landmarks_of(landmarks_file, total_frames, source, check)
    except (InputError, OSError) as error:
        errors['landmarks_file'] = error
        landmarks, confidence = _landmarks_of(None, total_frames, source, check)
    try:
        keypoints = _keypoints_of(keypoints_file, total_frames, source, check)
    except (InputError, OSError) as error:
        errors['keypoints_file'] = error
        keypoints = _keypoints_of(None, total_frames, source, check)
    clip = CachedClip(
        landmarks,
        confidence,
        keypoints,
        total_frames,
        (width, height),
        stamps,
        np.zeros(total_frames, bool),
    )
    return clip, errors


def write_cached(out_file: PathLike, clip: CachedClip) -> None:
    """Write a cache file, whole or not at all.

    Args:
        out_file (str | PathLike): The ``.safetensors`` file; its folder is
            made if there is none.
        clip (CachedClip): The content. Its sources are as :func:`stamp_of`
            gives them.

    Raises:
        InputError: For arrays that do not fit each other, or another ending.
    """
    if not os.fspath(out_file).endswith(ENDING):
        raise InputError(f'{out_file}: expected the name of a cache file to end in {ENDING}')
    _check_cached(clip)
    arrays = {name: np.ascontiguousarray(getattr(clip, name)) for name in ARRAYS}
    about = json.dumps(
        dict(version=PREPARED_VERSION, files=clip.sources, frame_size=clip.frame_size)
        | dict(people=clip.people)
    )
    with write_whole(out_file) as temporary:
        save_file(arrays, temporary, dict(about=about, checksum=str(_checksum(about, arrays))))


def _landmarks_of(
    path: PathLike | None, total_frames: int, source: PathLike, check: bool
) -> tuple[np.ndarray, np.ndarray]:
    landmarks = np.full((total_frames, NUM_LANDMARKS, 2), np.nan, 'f4')
    confidence = np.full(total_frames, np.nan, 'f4')
    if path is None:
        return landmarks, confidence
    faces, sure, rows = read_openface_csv(path)
    # Both: the rows may be few, but spread over as many frames.
    for count in (len(faces), rows):
        if check and _is_far_off(count, total_frames):
            raise InputError(
                f'{path}: has landmarks of {count} frames, but {source} has {total_frames}: does '
                'it belong to another clip, or is one of the two cut off?'
            )
    landmarks[: len(faces)] = faces[:total_frames]
    confidence[: len(sure)] = sure[:total_frames]
    return landmarks, confidence


def _keypoints_of(
    path: PathLike | None, total_frames: int, source: PathLike, check: bool
) -> np.ndarray:
    if path is None:
        return np.full((total_frames, 0, 2), np.nan, 'f4')
    keypoints, lines = read_keypoints_txt(path, total_frames)
    # more lines are not suspicious: they are hands
    if check and _is_far_off(min(lines, total_frames), total_frames):
        raise InputError(
            f'{path}: has {lines} lines, but {source} has {total_frames} frames: does it belong to '
            'another clip, or is one of the two cut off?'
        )
    return keypoints


def load_cached(path: PathLike) -> CachedClip:
    """Read a cache file.

    Args:
        path (str | PathLike): A file written by :func:`cache_clip` or
            :func:`write_cached`, or a ``.npz`` file of version 0.2 or before.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is damaged, is not a cache file, or is of
            another version. The message names the file.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such cache file')
    old = os.fspath(path).endswith(OLD_ENDING)
    try:
        arrays, about = _read_old(path) if old else _read(path)
        expected = OLD_VERSION if old else PREPARED_VERSION
        if about['version'] != expected:
            raise InputError(f'expected version {expected}, found {about["version"]}')
        frames = len(arrays['face_landmarks'])
        width, height = map(int, about['frame_size'])
        # Older files hold no boxes.
        arrays.setdefault('face_is_box', np.zeros(frames, bool))
        clip = CachedClip(
            **arrays,
            total_frames=frames,
            frame_size=(width, height),
            sources=about['files'],
            people=about.get('people'),
        )
        _check_cached(clip)
    except (ValueError, KeyError, TypeError, SafetensorError, OSError, RecursionError) as error:
        raise InputError(
            f'{path}: this cache file is damaged or out of '
            f'date ({error}). Delete it, and it is made anew'
        ) from error
    return clip


def _read(path: PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with safe_open(path, 'numpy') as file:
        meta = file.metadata()
        arrays = {name: file.get_tensor(name) for name in ARRAYS}
    if str(_checksum(meta['about'], arrays)) != meta['checksum']:
        raise InputError('its content is not what was written')
    return arrays, json.loads(meta['about'])


def _read_old(path: PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    names = (*ARRAYS, 'total_frames', 'frame_size', 'sources')
    arrays = read_npz(path, names.__contains__)
    about = json.loads(str(arrays.pop('sources')))
    about['frame_size'] = arrays.pop('frame_size').tolist()
    if arrays.pop('total_frames').tolist() != len(arrays['face_landmarks']):
        raise InputError('expected landmarks of each of its frames')
    return arrays, about


def _checksum(about: str, arrays: Mapping[str, np.ndarray]) -> int:
    value = zlib.crc32(about.encode())
    for name in ARRAYS:
        value = zlib.crc32(arrays[name].data, value)
    return value


def is_current(path: PathLike, sources: Mapping[str, PathLike | None]) -> bool:
    """Check whether a cache file exists and its sources are unchanged.

    Args:
        path (str | PathLike): The cache file.
        sources (dict): Role ('source', 'landmarks_file', 'keypoints_file')
            -> path, or None for a role that the clip does not have.

    Returns:
        bool: True if the file can be read, has this version, was made from
        exactly these roles, and the size and modification time of each source
        are the same as then. Paths may differ, because a data set can move.
    """
    try:
        before = load_cached(path).sources
        stamps = {r: stamp_of(p) for r, p in sources.items() if p is not None}
        return before.keys() == stamps.keys() and all(
            before[role][key] == stamps[role][key]
            for role in stamps
            for key in ('size', 'mtime_ns')
        )
    except (ValueError, KeyError, TypeError, OSError):
        return False


def stamp_of(path: PathLike) -> dict:
    """Return path, size and modification time of a file, to notice a change of it.

    Args:
        path (str | PathLike): A file, or a folder, whose size is given as 0.

    Returns:
        dict: ``path`` (str), ``size`` (bytes) and ``mtime_ns``.

    Raises:
        FileNotFoundError: There is no such file or folder.
    """
    path = os.fspath(path)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: there is no such file or folder') from None
    # what a folder's own size means depends on the file system
    size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return dict(path=path, size=size, mtime_ns=found.st_mtime_ns)


def _is_far_off(found: int, expected: int) -> bool:
    gap = abs(found - expected)
    return gap > ROW_TOLERANCE and gap > ROW_TOLERANCE_RATIO * expected


def _check_cached(clip: CachedClip) -> None:
    frames, points = clip.total_frames, clip.face_landmarks
    joints = clip.body_keypoints
    expected = (
        (points, (frames, NUM_LANDMARKS, 2)),
        (clip.face_confidence, (frames,)),
        (joints, (frames, *joints.shape[1:2], 2)),
        (clip.face_is_box, (frames,)),
    )
    for array, shape in expected:
        kind = bool if array is clip.face_is_box else np.float32
        if array.shape != shape or array.dtype != kind:
            raise InputError(f'expected {kind.__name__} {shape}, found {array.dtype} {array.shape}')
    if clip.people is not None:
        kinds = dict(seen=int, taken=list, choice=str)
        if any(type(clip.people[key]) is not kind for key, kind in kinds.items()):
            raise InputError(f'expected who was followed, found {clip.people}')
    if min(clip.frame_size) < 1:
        raise InputError(f'expected a frame size, found {clip.frame_size}')
    if not frames:
        raise InputError('expected frames, found none')
    for role, made_of in dict(clip.sources).items():
        stamps = dict(path=str, size=int, mtime_ns=int)
        if any(type(made_of[key]) is not kind for key, kind in stamps.items()):
            raise InputError(f'expected path, size and time of the {role}, found {made_of}')

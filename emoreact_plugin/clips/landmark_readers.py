"""Read face landmarks and body keypoints that other programs wrote.

Each reader turns a text file into an array with one row for each frame.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import PathLike
from emoreact_plugin.utils.text import first_few

from .text_cells import parse_cells, read_lines, splitter_of

NUM_LANDMARKS = 68
# OpenFace's documentation calls what lies below this a failure.
MIN_CONFIDENCE = 0.7
# Half a second at 30 frames a second: longer than a detector's failures last.
MAX_FRAMES_AWAY = 15
# Almost two hours at 30 frames a second. A larger frame number is a mistake,
# and would have to be paid for in memory.
MAX_FRAMES = 200_000
# Keypoints are fractions of the frame; a joint may lie outside of it, but not
# ten frames away. Pixels do.
MAX_FRACTION = 10.0

_POINT_COLUMNS = [f'{axis}_{k}' for axis in 'xy' for k in range(NUM_LANDMARKS)]
_ROW_COLUMNS = ['frame', 'face_id', 'confidence', 'success']


# Face landmarks: the CSV file of OpenFace


class _FaceRows(NamedTuple):
    """The R rows of an OpenFace file.

    Row k is line k + 2 of the file.
    """

    columns: dict[str, np.ndarray]  # those of _ROW_COLUMNS there are: (R,)
    points: np.ndarray  # float32 (R, 68, 2), pixels, NaN where there is none


def read_openface_csv(path: PathLike) -> tuple[np.ndarray, np.ndarray, int]:
    """Read the 2D face landmarks that OpenFace 2.x wrote for a video.

    The ``frame`` column says which frame a row belongs to. It counts from 1,
    or from 0 if a frame 0 occurs. Without this column, row k is frame k.

    A row counts as a failure, without a face, if its ``success`` is not 1, if
    its confidence is NaN or below 0.7, or if all of its points
    are missing or lie at (0, 0). A point is missing if a coordinate of it is
    empty, NaN or infinite. A point outside the frame is kept.

    If a frame has several faces, one person is followed. In the first frame
    that has any face, this is the largest one, by the area of the box around
    its points. In later frames it is the face whose box centre is nearest to
    where the person was last seen. A face that continues another face of the
    frame before is left to that one, so that nobody takes over while the
    followed person is not found for a moment. After 15 frames the nearest face
    takes over.

    Args:
        path (str | PathLike): The CSV file, as OpenFace, R, pandas or a
            spreadsheet writes it: the separator is a comma, semicolon or tab,
            with the two latter the decimal sign may be a comma, and cells may be
            in quotes. Only its columns ``frame``,
            ``face_id``, ``confidence``, ``success`` (each may be missing),
            ``x_0`` to ``x_67`` and ``y_0`` to ``y_67`` are read.

    Returns:
        tuple[np.ndarray, np.ndarray, int]: Landmarks, float32 (F, 68, 2), x
        and y in pixels of the full frame, NaN where not found; confidences,
        float32 (F,): that of the followed face or, in a frame without it, the
        highest of the rows that count as failures, NaN where there is none;
        and the number of frames that have a row. F covers all frames up to the
        last one that has a row.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is empty, is not text, has no 2D landmarks, is of
            single images (OpenFace's ``FaceLandmarkImg``), has a
            column twice, a row of another length, a cell that is not a number,
            a frame number that is not whole, is negative or over 200000, two
            rows for one face of a frame, or several faces and no ``frame``
            column. The message names the file and, for a row, the line.
    """
    rows = _parse_openface(path)
    columns, points = rows.columns, rows.points
    frames = _frame_numbers(path, rows)
    found = np.nan_to_num(points).any(axis=(1, 2))
    if 'success' in columns:
        found &= columns['success'] == 1
    confidences = columns.get('confidence', np.full(len(frames), np.nan))
    if 'confidence' in columns:
        found &= confidences >= MIN_CONFIDENCE
    followed = _follow_one_person(frames, found, points)

    landmarks = np.full((frames.max() + 1, NUM_LANDMARKS, 2), np.nan, 'f4')
    landmarks[frames[followed]] = points[followed]
    confidence = np.full(len(landmarks), np.nan, 'f4')
    np.fmax.at(confidence, frames[~found], confidences[~found].astype('f4'))
    confidence[frames[followed]] = confidences[followed]
    return landmarks, confidence, len(np.unique(frames))


def _parse_openface(path: PathLike) -> _FaceRows:
    lines = read_lines(path, 'OpenFace CSV file')
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f'{path}: expected an OpenFace CSV file, found an empty file')
    split = splitter_of(lines)
    header = [name.strip() for name in split(lines[0])]
    names = _openface_columns(path, header)
    if len(lines) == 1:
        raise InputError(f'{path}: has a header, but no row')

    values = np.empty((len(lines) - 1, len(names)))
    pick = itemgetter(*(header.index(name) for name in names))
    for row, line in enumerate(lines[1:]):
        cells = split(line)
        if len(cells) != len(header):
            raise InputError(
                f'{path}, line {row + 2}: expected {len(header)} cells as in the header, found '
                f'{len(cells)}'
            )
        cells = pick(cells)
        try:
            if '_' in line or not line.isascii():
                raise ValueError  # Python reads more as a number than a CSV file has
            values[row] = list(map(float, cells))
        except ValueError:
            values[row] = parse_cells(f'{path}, line {row + 2}', names, cells)

    # float32 cannot hold every number that a broken file may hold
    with np.errstate(over='ignore'):
        points = values[:, -len(_POINT_COLUMNS) :].astype('f4')
    points = points.reshape(-1, 2, NUM_LANDMARKS).transpose(0, 2, 1).copy()
    points[~np.isfinite(points).all(axis=2)] = np.nan
    row_columns = names[: -len(_POINT_COLUMNS)]
    return _FaceRows(dict(zip(row_columns, values.T, strict=False)), points)


def _openface_columns(path: PathLike, header: Sequence[str]) -> list[str]:
    """Check the header and return the names of the columns to read, the points' last."""
    missing = [name for name in _POINT_COLUMNS if name not in header]
    if len(missing) == len(_POINT_COLUMNS):
        raise InputError(
            f'{path}: has no 2D face landmarks (columns x_0 to x_67 and y_0 '
            f'to y_67) among its {len(header)} columns, the first of which '
            f'is {header[0][:40]!r}. Run OpenFace with 2D landmarks (-2Dfp)'
        )
    if missing:
        raise InputError(
            f'{path}: expected the columns x_0 to x_67 and y_0 to y_67, found no '
            f'{first_few(missing)}'
        )
    if 'frame' not in header and 'face' in header:
        raise InputError(
            f'{path}: has the faces of one image (a column face and no frame), as OpenFace writes '
            'them with FaceLandmarkImg. Run its FeatureExtraction on the video'
        )
    names = [name for name in _ROW_COLUMNS if name in header] + _POINT_COLUMNS
    for name in names:
        if header.count(name) > 1:
            raise InputError(f'{path}: column {name} occurs {header.count(name)} times')
    return names


def _frame_numbers(path: PathLike, rows: _FaceRows) -> np.ndarray:
    """Check the columns and return the frame of each row.

    Returns:
        np.ndarray: int64 (R,), counted from 0.
    """
    columns, count = rows.columns, len(rows.points)
    for name in ('frame', 'face_id'):
        if name in columns:
            _check_whole(path, name, columns[name])
    for row, value in enumerate(columns.get('success', ())):
        if value not in (0, 1) and not np.isnan(value):
            raise InputError(
                f'{path}, line {row + 2}, column success: expected 0 or 1, found {value:g}'
            )
    faces = columns.get('face_id', np.zeros(count)).astype(np.int64)
    if 'frame' not in columns:
        if len(np.unique(faces)) > 1:
            raise InputError(
                f'{path}: has several faces (face_id), but no frame column that tells which frame '
                'a row belongs to'
            )
        if count > MAX_FRAMES:
            raise InputError(f'{path}: expected at most {MAX_FRAMES} frames, found {count} rows')
        return np.arange(count)

    frames = columns['frame'].astype(np.int64)
    first_row: dict[tuple[int, int], int] = {}
    for row, key in enumerate(zip(frames.tolist(), faces.tolist(), strict=True)):
        other = first_row.setdefault(key, row)
        if other != row:
            raise InputError(
                f'{path}, line {row + 2}: expected one row for each face of a frame, found frame '
                f'{key[0]}, face {key[1]} again (first in line {other + 2})'
            )
    return frames - (0 if (frames == 0).any() else 1)


def _check_whole(path: PathLike, name: str, values: np.ndarray) -> None:
    whole = (values >= 0) & (values <= MAX_FRAMES) & (values == values.round())
    if not whole.all():
        row = int(whole.argmin())
        raise InputError(
            f'{path}, line {row + 2}, column {name}: expected a whole number from 0 to '
            f'{MAX_FRAMES}, found {values[row]:.15g}'
        )


def _follow_one_person(frames: np.ndarray, found: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mark the rows of one person.

    The faces of a frame are matched to the faces last seen, one to one, by
    the smallest sum of distances. With one known face, this is the nearest.
    If the person has been away for more than :data:`MAX_FRAMES_AWAY` frames,
    the nearest face that is there takes over.

    Args:
        frames (np.ndarray): int (R,), the frame of each row.
        found (np.ndarray): bool (R,), True for rows that hold a face.
        points (np.ndarray): float (R, 68, 2), NaN where missing.

    Returns:
        np.ndarray: bool (R,), at most one row of a frame is True.
    """
    if len(np.unique(frames)) == len(frames) or not found.any():
        return found
    order = np.argsort(frames, kind='stable')
    order = order[found[order]]
    starts = np.unique(frames[order], return_index=True)[1]
    shapes = points[order].astype(np.float64)
    low, high = np.nanmin(shapes, axis=1), np.nanmax(shapes, axis=1)
    areas = (high - low).prod(axis=1)
    centers = (low + high) / 2

    followed = np.zeros(len(frames), bool)
    known, last_seen = None, 0  # box centres, the followed person's first
    for here in np.split(np.arange(len(order)), starts[1:]):
        frame = frames[order[here[0]]]
        mine: int | None
        if known is None:
            mine = int(areas[here].argmax())
        else:
            gaps = np.linalg.norm(known[:, None] - centers[here], axis=2)
            if frame - last_seen > MAX_FRAMES_AWAY:
                gaps = gaps[:1]  # nobody else has a claim to a face any more
            who, which = linear_sum_assignment(gaps)
            mine = dict(zip(who.tolist(), which.tolist(), strict=True)).get(0)
        if mine is not None:
            followed[order[here[mine]]] = True
            person, last_seen = centers[here[mine]], frame
            here = np.delete(here, mine)
        known = np.vstack([person[None], centers[here]])
    return followed


# Body keypoints: the text file of the original


def read_keypoints_txt(path: PathLike, total_frames: int) -> tuple[np.ndarray, int]:
    """Read a keypoint file, which has a line ``x y x y ...`` for each frame.

    Line k (from 0) is frame k. A blank line is a frame in which nobody was
    found. Lines past ``total_frames`` belong to no frame (the original put
    hands there) and are ignored.

    Args:
        path (str | PathLike): The text file (``<video>_hol.txt``).
        total_frames (int): Number of frames of the clip, T.

    Returns:
        tuple[np.ndarray, int]: Keypoints, float32 (T, J, 2), x and y as
        fractions of the frame's width and height, and the number of lines in
        the file. J is the largest number of joints in a frame (0 if there are
        none). The rest is NaN, as are frames without a line. The file leaves
        out joints that were not seen, so index j is not always the same joint.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is empty or is not text, or a line holds an odd
            count of numbers, something that is not a number, or pixels
            instead of fractions. The message names the file and, for a line,
            its number.
    """
    check_count('total_frames', total_frames)
    lines = read_lines(path, 'keypoint file')
    if not lines:
        raise InputError(f'{path}: expected a line a frame, found an empty file')
    frames = []
    for number, line in enumerate(lines[:total_frames], 1):
        cells = line.split()
        place = f'{path}, line {number}'
        names = [f'number {k + 1}' for k in range(len(cells))]
        values = np.array(parse_cells(place, names, cells))
        if len(values) % 2:
            raise InputError(f'{place}: expected pairs of x and y, found {len(values)} numbers')
        outside = np.flatnonzero(np.abs(values) > MAX_FRACTION)
        if len(outside):
            raise InputError(
                f'{place}: expected fractions of the frame (0 to 1), found '
                f'{values[outside[0]]:g}: are these pixels?'
            )
        joints = values.reshape(-1, 2)
        joints[np.isnan(joints).any(axis=1)] = np.nan
        frames.append(joints)
    most = max(map(len, frames))
    keypoints = np.full((total_frames, most, 2), np.nan, 'f4')
    for k, joints in enumerate(frames):
        keypoints[k, : len(joints)] = joints
    return keypoints, len(lines)


def check_count(name: str, value: int) -> None:
    """Raise a ValueError unless a value is a whole number from 1 on."""
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f'expected {name} to be a whole number from 1, found {value!r}')

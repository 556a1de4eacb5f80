"""Find the regions of a person in a frame, with pure functions on arrays."""

from collections.abc import Iterable

import numpy as np
from mmengine.registry import Registry

Box = tuple[int, int, int, int]

# A region is a function ``(face_landmarks (68, 2), body_keypoints (J, 2)) ->
# points (K, 2)``: the points whose extent is the region, in pixels, NaN where
# a point is not there. Register your own under its name and use the name in
# ``CropRegions(regions=(...))``. Mind that keypoint files of the original's
# kind leave out joints that were not seen, so joint j of a frame is no fixed
# joint there: their extent means something, an index into them does not.
REGIONS = Registry('region', locations=['emoreact_plugin.clips.regions'])

FACE_POINTS = 68
# The shortest side of a box, in pixels.
MIN_SIDE = 2
# The part of its width and of its height that a box gets on each side.
MARGIN = 0.1
# The first joints of MediaPipe's pose.
HEAD_POINTS = 11
# The joints end at ears, eyes and mouth. A face goes on, by these parts of the width and height of
# their extent: to the left and above, to the right and below. With the margin, the
# box covered 99 % of the face's box on average, 86 % at least, in 694 frames of four real clips.
AROUND_HEAD = ((0.2, 0.6), (0.2, 0.95))
# Region -> the files without which it cannot be found; a region without an entry may look at both.
# The body's box comes from the keypoints, and the face that is blacked out in it from landmarks.
BOTH = ('landmarks', 'keypoints')
NEEDS: dict[str, tuple[str, ...]] = dict(face=('landmarks',), body=BOTH, fullbody=('keypoints',))
# Region -> the files that its box is of.
BOXES_FROM = dict(face=('landmarks',), body=('keypoints',), fullbody=('keypoints',))


def has_face(face_landmarks: np.ndarray) -> np.ndarray:
    """Tell whether a face was found: at least half of its landmarks are there.

    Args:
        face_landmarks (np.ndarray): (..., 68, 2), NaN where missing.

    Returns:
        np.ndarray: (...) bool.
    """
    return 2 * np.isfinite(face_landmarks).all(axis=-1).sum(axis=-1) >= FACE_POINTS


@REGIONS.register_module(name='face')
def face_points(face_landmarks: np.ndarray, body_keypoints: np.ndarray) -> np.ndarray:
    """Return the 68 face landmarks, or none if fewer than half of them are there.

    Args:
        face_landmarks (np.ndarray): (68, 2), pixels, NaN where missing.
        body_keypoints (np.ndarray): (J, 2); not used.

    Returns:
        np.ndarray: (68, 2) or (0, 2).
    """
    return face_landmarks if has_face(face_landmarks) else face_landmarks[:0]


@REGIONS.register_module(name=['fullbody', 'body'])
def fullbody_points(face_landmarks: np.ndarray, body_keypoints: np.ndarray) -> np.ndarray:
    """Return the body keypoints.

    Args:
        face_landmarks (np.ndarray): (68, 2); not used.
        body_keypoints (np.ndarray): (J, 2), pixels, NaN where not seen.

    Returns:
        np.ndarray: (J, 2), the keypoints as they are.
    """
    return body_keypoints


def head_points(body_keypoints: np.ndarray) -> np.ndarray:
    """Return two corners between which the face lies, from the joints of MediaPipe's pose.

    Args:
        body_keypoints (np.ndarray): (33, 2), pixels, NaN where not seen. Joint j has to be joint j
            of the pose: the first 11 are nose, eyes, ears and mouth.

    Returns:
        np.ndarray: (2, 2), the extent of the first 11 joints, widened by :data:`AROUND_HEAD`;
        (0, 2) if fewer than half of them are there.
    """
    head = body_keypoints[:HEAD_POINTS]
    head = head[np.isfinite(head).all(axis=1)]
    if 2 * len(head) < HEAD_POINTS:
        return body_keypoints[:0]
    low, high = head.min(axis=0), head.max(axis=0)
    (left, above), (right, below) = AROUND_HEAD
    size = high - low
    return np.stack([low - size * (left, above), high + size * (right, below)])


def extent_boxes(
    points: np.ndarray, frame_shape: tuple[int, int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes of n frames, see :func:`extent_box`, and in which frames there is one.

    Args:
        points (np.ndarray): (..., n, K, 2), x and y in pixels.
        frame_shape (tuple[int, int] | np.ndarray): Height and width of the frames, or of each
            frame, (n, 2).

    Returns:
        tuple[np.ndarray, np.ndarray]: (..., n, 4) int64, and (..., n) bool. A box that is not there
        has any values.
    """
    there = np.isfinite(points).all(axis=-1, keepdims=True)
    points = points.astype(np.float64)
    low = np.rint(np.min(points, axis=-2, initial=np.inf, where=there))
    high = np.rint(np.max(points, axis=-2, initial=-np.inf, where=there))
    known = there.any(axis=(-2, -1))
    low[~known] = high[~known] = 0
    extra = np.rint(MARGIN * (high - low))
    limit = np.asarray(frame_shape, dtype=np.float64)[..., (1, 0, 1, 0)]
    ends = np.concatenate([low - extra, high + extra], axis=-1)
    boxes = np.minimum(np.maximum(ends, 0), limit).astype(int)
    return boxes, (boxes[..., 2:] - boxes[..., :2] >= MIN_SIDE).all(axis=-1)


def extent_box(points: np.ndarray, frame_shape: tuple[int, int]) -> Box | None:
    """Return the box around the points that are there, widened by a margin.

    ``x1 = round(min x)``, ``x2 = round(max x)``, ``e = round(0.1 * (x2 -
    x1))``; the box is ``[x1 - e, x2 + e)`` clipped to the frame, likewise in
    y. Halves are rounded to even, as in the original.

    Args:
        points (np.ndarray): (K, 2), x and y in pixels. A point with a value
            that is not finite is left out.
        frame_shape (tuple[int, int]): Height and width of the frame.

    Returns:
        tuple[int, int, int, int] | None: x1, y1, x2, y2, right and bottom
        exclusive; None if no point is there, or if the part of the box that lies
        within the frame has a side of less than 2 pixels. Such a box shows
        nothing: its points lie in one place, outside, or are no pixels but
        fractions of the frame.
    """
    (box,), (found,) = extent_boxes(points[None], frame_shape)
    x1, y1, x2, y2 = box.tolist()
    return (x1, y1, x2, y2) if found else None


def region_boxes(
    regions: Iterable[str],
    face_landmarks: np.ndarray,
    body_keypoints: np.ndarray,
    frame_shape: tuple[int, int] | np.ndarray,
) -> dict[str, list[Box | None]]:
    """Find the boxes of regions in n frames, see :func:`extent_box`.

    Args:
        regions (Iterable[str]): The names of registered regions.
        face_landmarks (np.ndarray): (n, 68, 2), pixels, NaN where missing.
        body_keypoints (np.ndarray): (n, J, 2), pixels, NaN where not seen.
        frame_shape (tuple[int, int] | np.ndarray): Height and width of the frames, or of each
            frame, (n, 2).

    Returns:
        dict[str, list[tuple[int, int, int, int] | None]]: Region -> n boxes, None in a frame where
        the region was not found.
    """
    regions = tuple(regions)
    # Not REGIONS.get, which takes longer than the box.
    points = [
        list(map(REGIONS.module_dict[region], face_landmarks, body_keypoints)) for region in regions
    ]
    # All frames and regions at once take little longer than one.
    most = max((len(each) for of_frames in points for each in of_frames), default=0)
    stacked = np.full((len(regions), len(face_landmarks), most, 2), np.nan)
    for rows, of_frames in zip(stacked, points, strict=True):
        for row, each in zip(rows, of_frames, strict=True):
            row[: len(each)] = each
    boxes, found = extent_boxes(stacked, frame_shape)
    return {
        region: [tuple(box) if there else None for box, there in zip(of_frames, known, strict=True)]
        for region, of_frames, known in zip(regions, boxes.tolist(), found, strict=True)
    }


def share_covered(boxes: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Compute which share of the area of each box another box covers.

    Args:
        boxes (np.ndarray): (n, 4) x1, y1, x2, y2, right and bottom exclusive, none empty.
        by (np.ndarray): (n, 4), the boxes that may cover them.

    Returns:
        np.ndarray: (n, ) float64, 0..1.
    """
    low, high = np.maximum(boxes[:, :2], by[:, :2]), np.minimum(boxes[:, 2:], by[:, 2:])
    both = np.clip(high - low, 0, None).prod(axis=1)
    return both / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)


def crop(
    frame: np.ndarray, box: Box, blackout: Box | None = None, in_place: bool = False
) -> np.ndarray:
    """Cut a box out of a frame, and fill a part of it with black if asked for.

    Args:
        frame (np.ndarray): (H, W, 3) uint8. It is not changed without ``in_place``.
        box (tuple[int, int, int, int]): x1, y1, x2, y2 within the frame,
            right and bottom exclusive.
        blackout (tuple[int, int, int, int], optional): The box to fill with
            black, in pixels of the frame. Defaults to None.
        in_place (bool): Fill it with black in the frame itself. Defaults to
            False.

    Returns:
        np.ndarray: (y2 - y1, x2 - x1, 3) uint8; a view of ``frame`` unless
        there is a part to black out and not ``in_place``.
    """
    x1, y1, x2, y2 = box
    out = frame[y1:y2, x1:x2]
    if blackout is not None:
        left, top, right, bottom = blackout
        out = out if in_place else out.copy()
        out[max(top - y1, 0) : max(bottom - y1, 0), max(left - x1, 0) : max(right - x1, 0)] = 0
    return out

"""Write face landmarks and body keypoints to text files.

The readers in ``landmark_readers`` read these files.
"""

from fractions import Fraction

import numpy as np

from emoreact_plugin.utils.files import PathLike, write_text

from .landmark_readers import NUM_LANDMARKS

_HEADER = ['frame', 'face_id', 'timestamp', 'confidence', 'success'] + [
    f'{axis}_{k}' for axis in 'xy' for k in range(NUM_LANDMARKS)
]


def write_openface_csv(
    path: PathLike, landmarks: np.ndarray, face_is_box: np.ndarray, rate: Fraction | None
) -> None:
    """Write face landmarks in the layout of OpenFace 2.x, whole or not at all.

    Frames count from 1. Confidence and success are both 1 or both 0.

    Args:
        path (str | PathLike): The CSV file.
        landmarks (np.ndarray): (T, 68, 2), pixels. A frame with a NaN in it
            is a frame without a face: its points are written as 0.
        face_is_box (np.ndarray): bool (T,), True for frames of which only the
            box of the face is known: they are written as failures, with the
            corners of the box.
        rate (Fraction, optional): Frames a second, for the timestamps; None
            makes them all 0.
    """
    there = np.isfinite(landmarks).all(axis=(1, 2))
    lines = [', '.join(_HEADER)]
    for k, points in enumerate(landmarks):
        good = int(there[k] and not face_is_box[k])
        seconds = float(k / rate) if rate else 0.0
        cells = [f'{k + 1}', '0', f'{seconds:.3f}', f'{good:.2f}', f'{good}']
        values = points if there[k] else np.zeros_like(points)
        lines.append(', '.join(cells + [f'{v:.3f}' for v in values.T.ravel()]))
    write_text(path, '\n'.join(lines) + '\n')


def write_keypoints_txt(path: PathLike, keypoints: np.ndarray) -> None:
    """Write body keypoints as one line for each frame, whole or not at all.

    A line is ``x y x y ...``.

    Args:
        path (str | PathLike): The text file (``<video>_hol.txt``).
        keypoints (np.ndarray): (T, J, 2), fractions of the frame, NaN where a
            joint was not seen. Such joints are left out.
    """
    lines = []
    for joints in keypoints:
        seen = joints[np.isfinite(joints).all(axis=1)]
        lines.append(' '.join(f'{v:.6f}' for v in seen.ravel()))
    write_text(path, '\n'.join(lines) + '\n')

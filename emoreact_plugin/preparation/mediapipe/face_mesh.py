"""Run the model of the face mesh, with its second look at the lips and eyes.

The file has three operators that only mediapipe knows. They stand between two parts of the model:
features of the whole face are cut out around the lips and each eye, and the points that are found
there are mapped back. Both steps are done here with NumPy.
"""

from functools import lru_cache

import numpy as np

from .networks import Network, options_of, part_of
from .tensors import sigmoid

NUM_MESH = 468
MIN_SCORE = 0.5
# The names of tensors in the file.
POINTS, FLAG, FEATURES = 'output_mesh_identity', 'conv_faceflag', 'p_re_lu_3'
CROPS = ('transform_tensor_bilinear_v2', *(f'transform_tensor_bilinear_v2_{k}' for k in (1, 2)))
CLOSER = ('reshape_1', 'reshape_3', 'reshape_6')  # of the lips and eyes


class FaceMesh:
    """Find the 468 points of the mesh in the picture of a face.

    Args:
        path (str): Path of the model file, the one with attention.

    Attributes:
        side (int): Side of the picture in pixels.
    """

    def __init__(self, path: str) -> None:
        self._first = Network(part_of(path, ('input_1',), (POINTS, FLAG, FEATURES)))
        self._second = Network(part_of(path, CROPS, CLOSER))
        self._parts = options_of(path, 'Landmarks2TransformMatrix')
        self.side = self._first.side

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the points, float32 (468, 2) in pixels of the picture; None if there is no face.

        Args:
            picture (np.ndarray): (1, side, side, 3) float32, 0..1.
        """
        found, flag, features = self._first(picture)
        if sigmoid(flag.ravel())[0] < MIN_SCORE:
            return None
        points = found.reshape(NUM_MESH, -1)[:, :2].copy()
        scale = features.shape[1] / self.side
        maps = [_map_of(scale * points, part) for part in self._parts]
        crops = [
            _sampled(features[0], each, part['output_height'], part['output_width'])
            for each, part in zip(maps, self._parts, strict=True)
        ]
        for each, part, closer in zip(maps, self._parts, self._second(*crops), strict=True):
            # The points of the crop are in pixels of the picture, its map in those of the features.
            points[part['subset_idxs']] = closer[0] @ each[:, :2].T + each[:, 2] / scale
        return points.astype(np.float32)


def _map_of(points: np.ndarray, part: dict) -> np.ndarray:
    """Return the affine map (2, 3) from the crop of a part of the face to the features."""
    left, right = points[part['left_rotation_idx']], points[part['right_rotation_idx']]
    angle = np.arctan2(right[1] - left[1], right[0] - left[0]) - part['target_rotation_radians']
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    level = points[part['subset_idxs']] @ turn
    low, high = level.min(axis=0), level.max(axis=0)
    size = np.array([part['output_width'], part['output_height']])
    scale = (high - low) * (part['scale_x'], part['scale_y']) / size
    matrix = turn * scale
    return np.column_stack([matrix, turn @ ((low + high) / 2) - matrix @ (size / 2)])


def _sampled(features: np.ndarray, matrix: np.ndarray, high: int, wide: int) -> np.ndarray:
    """Sample features (H, W, C) where a map puts the middles of the cells of a crop.

    Returns:
        np.ndarray: (1, high, wide, C) float32, 0 outside of the features.
    """
    height, width, channels = features.shape
    cells = _cells(high, wide)
    x, y = (cells @ matrix[:, :2].T + matrix[:, 2] - 0.5).T
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = x * inside, y * inside
    left, top = x.astype(int), y.astype(int)
    x, y = x - left, y - top
    # Each of the four neighbours of a place, and its share.
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    at = np.stack(
        [top * width + left, top * width + right, below * width + left, below * width + right],
        axis=1,
    )
    share = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], axis=1)
    share = (share * inside[:, None]).astype(np.float32)
    found = np.einsum('nk,nkc->nc', share, features.reshape(-1, channels)[at])
    return found.reshape(1, high, wide, channels)


@lru_cache(None)
def _cells(high: int, wide: int) -> np.ndarray:
    """Return the middles (high * wide, 2) of the cells of a crop, x and y."""
    y, x = np.mgrid[:high, :wide] + 0.5
    return np.stack([x.ravel(), y.ravel()], axis=1)

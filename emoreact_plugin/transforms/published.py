"""Do as the published system did where this package does otherwise, see docs/fidelity.md."""

from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform

from mmaction.datasets.transforms import Resize
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PublishedFrameCount(BaseTransform):
    """Leave out the last frame of a clip before frames are sampled.

    The published system counts one frame less than a video has. The segments are a little shorter
    then, so that for some lengths another frame is sampled.

    Required Keys:

    - total_frames (int): Number of frames of the clip.

    Modified Keys:

    - total_frames (int): One less, but at least 1.
    """

    def transform(self, results: dict) -> dict:
        """Count one frame less."""
        results['total_frames'] = max(1, results['total_frames'] - 1)
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'


@TRANSFORMS.register_module()
class PublishedResize(Resize):
    """Resize images with antialiasing, by Pillow's bilinear filter.

    MMAction2's ``Resize`` is OpenCV's: it looks at four pixels, however much an image is made
    smaller. Pillow's filter looks at all pixels that become one.

    Required Keys:

    - imgs (list[np.ndarray]): n images (H, W, 3) uint8.
    - img_shape (tuple[int, int])

    Modified Keys:

    - imgs, img_shape

    Added Keys:

    - keep_ratio, scale_factor

    Args:
        scale (float | tuple[int, int]): See MMAction2's ``Resize``.
        keep_ratio (bool): See there. Defaults to False.
    """

    def __init__(self, scale: Any, keep_ratio: bool = False) -> None:
        super().__init__(scale, keep_ratio)

    def _resize_imgs(self, imgs: list[np.ndarray], new_w: int, new_h: int) -> list[np.ndarray]:
        return [mmcv.imresize(img, (new_w, new_h), backend='pillow') for img in imgs]

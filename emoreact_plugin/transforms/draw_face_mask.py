"""Draw a medical mask on the face in the frames of a clip."""

import zlib
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from emoreact_plugin.utils.errors import InputError
from mmaction.registry import TRANSFORMS

from .masks.drawing import MaskLook, draw_masks
from .masks.shapes import COLORS, KINDS, RANDOM_KINDS, Color


@TRANSFORMS.register_module()
class DrawFaceMask(BaseTransform):
    """Draw a medical mask on the face in every frame, before cropping.

    A clip keeps one mask: whether there is one, its kind and its colour are
    drawn at random once for each sample. Frames without a face, or with only
    its box, stay as they are. Masks are drawn on the frames themselves if the
    sample alone holds them (``own_imgs``), otherwise on copies.

    The lips and the tip of the nose are covered wholly, and the pixels of the
    eyes do not change; see
    :func:`~emoreact_plugin.transforms.masks.drawing.draw_masks`.

    Required Keys:

    - imgs (list[np.ndarray]): n frames (H, W, 3) uint8, RGB.
    - face_landmarks (np.ndarray): (n, 68, 2), pixels, NaN where missing.
    - face_is_box (np.ndarray, optional): (n, ) bool, True where the landmarks
      are only the corners of a box.
    - own_imgs (bool, optional): Whether nothing else holds these frames, as
      ``DecodeVideo`` says.
    - video_id (str): Only with ``seed``.
    - masked_beforehand (bool, optional): Whether the frames have masks on
      them already, which is refused.

    Modified Keys:

    - imgs

    Added Keys:

    - masked (np.ndarray): (n, ) bool, False where no mask was drawn: no face
      in the frame or only its box, or none in the whole clip by ``prob``.

    Args:
        kind (str): ``'surgical'``, ``'cloth'``, ``'kn95'``, ``'n95'``, or
            ``'random'`` for one of them. Defaults to ``'surgical'``.
        color (str | Sequence[int], optional): A name, or RGB of 0..255.
            Defaults to None: one of the usual colours of the kind.
        prob (float): Share of the clips that get a mask. Defaults to 1.
        seed (int, optional): Let the random draws depend only on this number
            and the clip's ``video_id``, for val and test. Defaults to None:
            they come from NumPy's global generator, which ``EmoReactDataset``
            seeds for each sample of a training.

    Raises:
        InputError: For an unknown kind or colour, a ``prob`` that is not a
            probability, a negative seed, another number of faces than frames,
            or frames that were masked beforehand.
        InputError: With ``seed``, for a sample without ``video_id``.
    """

    # A data set asks its transforms, see `draws_masks`.
    draws_mask = True
    needs_landmarks = True

    def __init__(
        self,
        kind: str = 'surgical',
        color: str | Sequence[int] | None = None,
        prob: float = 1.0,
        seed: int | None = None,
    ) -> None:
        if kind != 'random' and kind not in KINDS:
            raise InputError(
                f'DrawFaceMask: unknown kind {kind!r}, expected one of {", ".join(KINDS)}, random'
            )
        if not 0 <= prob <= 1:
            raise InputError(f'DrawFaceMask: expected a prob from 0 to 1, found {prob!r}')
        if seed is not None and seed < 0:
            raise InputError(f'DrawFaceMask: expected a seed of 0 or more, found {seed!r}')
        self.kind = kind
        self.color = None if color is None else _rgb(color)
        self.prob = prob
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Choose the mask of a clip, and draw it on the face in every frame."""
        imgs, faces = results['imgs'], results['face_landmarks']
        if results.get('masked_beforehand'):
            raise InputError(
                'DrawFaceMask: expected frames without masks, found some that were masked '
                'beforehand; leave out this transform'
            )
        if len(imgs) != len(faces):
            raise InputError(f'DrawFaceMask: {len(imgs)} frames, but landmarks of {len(faces)}')
        look = self.draw_look(results)
        masked = np.zeros(len(imgs), dtype=bool)
        results['imgs'] = list(imgs)
        if look is not None:
            boxes = np.asarray(results.get('face_is_box', [False] * len(faces)), dtype=bool)
            which = np.flatnonzero(~boxes & np.isfinite(faces).any(axis=(1, 2)))
            own = results.get('own_imgs')
            frames = [imgs[k] if own else imgs[k].copy() for k in which]
            masked[which] = draw_masks(frames, faces[which], look)
            for k, frame in zip(which, frames, strict=True):
                if masked[k]:
                    results['imgs'][k] = frame
        results['masked'] = masked
        return results

    def draw_look(self, results: dict) -> MaskLook | None:
        """Choose the mask of a clip at random; None for a clip without a mask."""
        if self.seed is None:
            # One draw from the global generator, whatever the options are.
            rng = np.random.default_rng(np.random.randint(2**31))
        elif 'video_id' in results:
            name = str(results['video_id']).encode()
            rng = np.random.default_rng((self.seed, zlib.crc32(name)))
        else:
            raise InputError("DrawFaceMask: with a seed, the sample needs a 'video_id'")
        if rng.random() >= self.prob:
            return None
        kind = self.kind
        if kind == 'random':
            kind = str(rng.choice(RANDOM_KINDS))
        usual, valves = KINDS[kind].colors, KINDS[kind].valves
        color = usual[rng.integers(len(usual))]
        return MaskLook(
            kind,
            COLORS[color] if self.color is None else self.color,
            valve=valves > 0 and bool(rng.random() < valves),
        )

    def __repr__(self) -> str:
        return (
            f'{self.__class__.__name__}(kind={self.kind!r}, '
            f'color={self.color}, prob={self.prob}, seed={self.seed})'
        )


def _rgb(color: str | Sequence[int]) -> Color:
    if isinstance(color, str):
        if color not in COLORS:
            raise InputError(
                f'DrawFaceMask: unknown colour {color!r}, expected one of '
                f'{", ".join(COLORS)}, or RGB'
            )
        return COLORS[color]
    values = tuple(color)
    if len(values) != 3 or not all(
        isinstance(v, (int, np.integer)) and 0 <= v <= 255 for v in values
    ):
        raise InputError(
            f'DrawFaceMask: expected a colour of three whole numbers from 0 to 255, found {color!r}'
        )
    red, green, blue = map(int, values)
    return red, green, blue

"""Map every frame of a clip, in bounded memory."""

import os.path as osp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.utils.progress import progress_bar

from .cam import Maps
from .cam_clip import Explainer, Packed

T = TypeVar('T')
# Frames read at once.
CHUNK = 32


@dataclass(frozen=True, eq=False)
class Sampled:
    """The n frames of a clip that are sampled in testing.

    Attributes:
        sample (dict): The sample from ``ClipPipeline.sample``.
        inds (np.ndarray): (n, ) int, numbers of the frames, from 0.
        frames (list[np.ndarray]): n whole frames (H, W, 3) uint8, RGB.
        packed (Packed): What the recognizer sees of them.
    """

    sample: dict
    inds: np.ndarray
    frames: list[np.ndarray]
    packed: Packed


def sample_clip(explainer: Explainer, clip: Clip, name: str) -> Sampled:
    """Sample a clip as in testing.

    Args:
        explainer (Explainer): The explainer of the configuration.
        clip (Clip): The clip, or a part of one.
        name (str): Name of its video; the look of a mask depends on it.
    """
    sample = explainer.pipeline.sample(clip.total_frames, name)
    inds = sample['frame_inds']
    frames = clip.read(inds)
    return Sampled(sample, inds, frames, explainer.pack(sample, frames, clip.landmarks.of(inds)))


def has_shifts(sampled: Sampled, total: int) -> bool:
    """Tell whether the frames between the sampled ones can have maps of their own.

    They can if every stream has one image of each of n equal segments.

    Args:
        sampled (Sampled): The sampled frames of a clip.
        total (int): Number of frames of the clip.
    """
    width = total / len(sampled.inds)
    middles = (np.arange(len(sampled.inds)) + 0.5) * width
    return (
        'stream_frames' not in sampled.sample
        and sampled.sample['clip_len'] == 1
        and all(each.ndim == 5 for each in sampled.packed.inputs.values())
        and bool((np.abs(sampled.inds - middles) <= max(width, 1)).all())
    )


def shifts(inds: np.ndarray, total: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all frames of a clip, as samples of one frame per segment.

    In sample d, every segment's frame lies d frames after the one that testing takes (before it if
    d is negative), or at the segment's edge if it would lie outside. Sample 0 is that of testing,
    and the frames of one sample are about evenly spaced.

    Args:
        inds (np.ndarray): (n, ) int, the frames that testing takes, in order.
        total (int): Number of frames of the clip.

    Yields:
        tuple[np.ndarray, np.ndarray]: The frames (n, ) of a sample, and which of them (n, ) bool
        are in no earlier sample.
    """
    edges = np.arange(len(inds) + 1) * total // len(inds)
    # The sampler may round otherwise, and repeats frames of short clips.
    starts = np.minimum(edges[:-1], inds)
    ends = np.maximum(edges[1:], inds + 1)
    seen = np.zeros(total, bool)
    order = sorted(
        range(int((starts - inds).min()), int((ends - inds).max())), key=lambda d: (d != 0, d)
    )
    for d in order:
        frames = np.clip(inds + d, starts, ends - 1)
        new = np.zeros(len(inds), bool)
        new[np.unique(frames, return_index=True)[1]] = True
        new &= ~seen[frames]
        seen[frames] = True
        if new.any():
            yield frames, new


def every_frame(
    explainer: Explainer,
    clip: Clip,
    sampled: Sampled,
    first: dict[str, Maps],
    classes: Sequence[int],
    folder: str,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Compute the map of every frame of a clip.

    Each map comes from a forward pass with one frame of every segment.

    Args:
        explainer (Explainer): The explainer of the configuration.
        clip (Clip): The clip, or a part of one.
        sampled (Sampled): Its sampled frames, see :func:`has_shifts`.
        first (dict[str, Maps]): The maps of ``sampled``.
        classes (Sequence[int]): K classes.
        folder (str): Folder for files as large as all maps; they are not deleted here.

    Returns:
        tuple[dict[str, np.ndarray], dict[str, np.ndarray]]: Stream -> maps (total, K, h, w)
        float32, on the disk, and stream -> their greatest values (K, ).
    """
    total = clip.total_frames
    maps: dict[str, np.ndarray] = {
        stream: np.memmap(
            osp.join(folder, f'{stream}.maps'),
            np.float32,
            'w+',
            shape=(total, len(each.maps), *each.maps.shape[2:]),
        )
        for stream, each in first.items()
    }
    scales = {s: np.zeros(each.shape[1], 'f4') for s, each in maps.items()}
    progress = progress_bar(total=total, desc='maps', unit='frame')
    for frames, new, packed in _packed_shifts(explainer, clip, sampled):
        found = explainer.explain(packed, classes, first)
        for stream, each in found.items():
            values = each.maps[:, new]
            maps[stream][frames[new]] = values.swapaxes(0, 1)
            np.maximum(scales[stream], values.max((1, 2, 3)), out=scales[stream])
        progress.update(int(new.sum()))
    progress.close()
    return maps, scales


def _packed_shifts(
    explainer: Explainer, clip: Clip, sampled: Sampled
) -> Iterator[tuple[np.ndarray, np.ndarray, Packed]]:
    """Pack the samples of :func:`shifts`, of which the frames of several are read at once."""
    samples = shifts(sampled.inds, clip.total_frames)
    for chunk in _chunks(samples, max(CHUNK // len(sampled.inds), 1)):
        wanted = np.unique(np.concatenate([frames for frames, _ in chunk]))
        images = dict(zip(wanted.tolist(), clip.read(wanted), strict=True))
        for inds, new in chunk:
            sample = dict(sampled.sample, frame_inds=inds)
            frames = [images[k] for k in inds.tolist()]
            yield inds, new, explainer.pack(sample, frames, clip.landmarks.of(inds))


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    items = iter(items)
    while chunk := list(islice(items, size)):
        yield chunk


def packed_in_order(
    explainer: Explainer, clip: Clip, sampled: Sampled
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield every frame of a clip with the images that the streams would see of it.

    The sampled frames are those of the clip, see :func:`has_shifts`.

    Yields:
        tuple[np.ndarray, dict[str, np.ndarray]]: The frame (H, W, 3) uint8, RGB, and stream -> its
        image.
    """
    count = len(sampled.inds)
    for k, frames in enumerate(_chunks(clip.frames(), count)):
        inds = np.minimum(k * count + np.arange(count), clip.total_frames - 1)
        packed = explainer.pack(
            dict(sampled.sample, frame_inds=inds),
            frames + frames[-1:] * (count - len(frames)),
            clip.landmarks.of(inds),
        )
        for i, frame in enumerate(frames):
            yield frame, {s: each[i] for s, each in packed.images.items()}

"""Pack a clip into the parts that are scored: the whole clip and its windows."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from emoreact_plugin.clips.clip import Clip

from .pipeline import ClipPipeline
from .windows import Window


def packed_parts(
    clip: Clip, pipeline: ClipPipeline, windows: list[Window], name: str
) -> Iterator[tuple[int, dict]]:
    """Decode a clip once and pack its parts.

    Only frames that are sampled are kept, and only until the parts that need them are packed.

    Args:
        clip (Clip): The clip.
        pipeline (ClipPipeline): The pipeline of the model.
        windows (list[Window]): The windows of the clip.
        name (str): Name of the clip; the look of its mask depends on it.

    Yields:
        tuple[int, dict]: Number and packed sample of a part, as soon as it has all its frames.
        Number 0 is the whole clip, number k is window k - 1. A window that is the whole clip is
        left out.

    Raises:
        InputError: When a frame cannot be decoded.
    """
    spans = [(0, clip.total_frames)] + [(w.first, w.stop) for w in windows]
    samples, inds = {}, {}
    for part, (first, stop) in enumerate(spans):
        if part and (first, stop) == spans[0]:
            continue
        samples[part] = pipeline.sample(stop - first, name)
        inds[part] = first + samples[part]['frame_inds']
    uses = Counter(k for each in inds.values() for k in np.unique(each))
    waiting = sorted(inds, key=lambda part: inds[part].max(), reverse=True)
    frames: dict[int, np.ndarray] = {}
    for index, frame in clip.select(uses):
        frames[index] = frame
        while waiting and inds[waiting[-1]].max() <= index:
            part = waiting.pop()
            own = inds[part]
            yield (
                part,
                pipeline.pack(samples[part], [frames[k] for k in own], clip.landmarks.of(own)),
            )
            for k in np.unique(own):
                uses[k] -= 1
                if not uses[k]:
                    del frames[k]

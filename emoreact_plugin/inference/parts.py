"""A clip made into packed parts to score: the whole of it, and its windows."""

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

    Only frames that are sampled are kept, and no longer than until the part
    that needs them is packed.

    Args:
        clip (Clip): The clip.
        pipeline (ClipPipeline): That of the model.
        windows (list[Window]): Of the clip.
        name (str): Of the clip; the look of its mask depends on it.

    Yields:
        tuple[int, dict]: 0 and the whole clip, k and the window k - 1, as
        soon as each has all its frames; a window that is the whole clip is
        left out.

    Raises:
        ValueError: When a frame cannot be decoded.
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

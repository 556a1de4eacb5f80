"""A clip made into packed parts to score: the whole of it, and its windows."""
from collections import Counter
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from emoreact_plugin.transforms.regions import REGIONS, Box, extent_box
from .clip_pipeline import ClipPipeline, Landmarks
from .sources import Clip
from .windows import Window

Boxes = Dict[str, List[Optional[Box]]]


def regions_needed(pipeline: ClipPipeline) -> Tuple[str, ...]:
    """The regions that a pipeline crops, and the face that it blacks out."""
    regions = pipeline.regions
    return ('face', *regions) if 'body' in regions and 'face' not in \
        regions else regions


def boxes_of(landmarks: Landmarks, regions: Sequence[str],
             size: Tuple[int, int]) -> Boxes:
    """Where the regions are in n frames.

    Args:
        landmarks (Landmarks): Of the frames.
        regions (Sequence[str]): Registered names.
        size (tuple[int, int]): Width and height of a frame, pixels.

    Returns:
        dict[str, list]: Region -> n boxes, None where it was not found.
    """
    return {
        region: [
            extent_box(REGIONS.get(region)(face, body), size[::-1])
            for face, body in zip(landmarks.face, landmarks.body)
        ]
        for region in regions
    }


def shares_found(boxes: Boxes, first: int, stop: int) -> Dict[str, float]:
    """Region -> the share of some frames in which it was found."""
    return {
        region: float(np.mean([box is not None for box in each[first:stop]]))
        for region, each in boxes.items()
    }


def packed_parts(clip: Clip, pipeline: ClipPipeline, windows: List[Window],
                 name: str) -> Iterator[Tuple[int, dict]]:
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
    frames: Dict[int, np.ndarray] = {}
    for index, frame in clip.select(uses):
        frames[index] = frame
        while waiting and inds[waiting[-1]].max() <= index:
            part = waiting.pop()
            own = inds[part]
            yield part, pipeline.pack(samples[part],
                                      [frames[k] for k in own],
                                      clip.landmarks.of(own))
            for k in np.unique(own):
                uses[k] -= 1
                if not uses[k]:
                    del frames[k]

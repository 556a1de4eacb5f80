"""A clip on its own, without a data set: its frames and landmarks, what the
network sees of it, and its logits.
"""

from .boxes import Boxes, boxes_of, regions_needed, shares_found
from .clip_pipeline import ClipPipeline, Landmarks, trained_mask
from .scoring import Scores, TorchScorer, load_scorer
from .sources import Clip, Source, can_extract, find_sources

__all__ = [
    'Boxes',
    'Clip',
    'ClipPipeline',
    'Landmarks',
    'Scores',
    'Source',
    'TorchScorer',
    'boxes_of',
    'can_extract',
    'find_sources',
    'load_scorer',
    'regions_needed',
    'shares_found',
    'trained_mask',
]

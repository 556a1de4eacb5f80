"""Load the EmoReact data set, or one with the same layout: annotations and clips."""

from .annotations import EMOTIONS, read_annotations
from .emoreact_dataset import EmoReactDataset

__all__ = ['EMOTIONS', 'EmoReactDataset', 'read_annotations']

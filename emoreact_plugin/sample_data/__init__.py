"""Draw a data set in the layout of EmoReact, with emotions planted in known cues."""

from .dataset import make_sample_dataset

__all__ = ['make_sample_dataset']

"""Draw a data set in the layout of EmoReact, with emotions that are shown by known cues."""

from .dataset import make_sample_dataset

__all__ = ['make_sample_dataset']

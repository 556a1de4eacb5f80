"""A drawn data set in the layout of EmoReact, with emotions planted in known
cues. It is not imported with the package: only its tool needs it.
"""

from .dataset import make_sample_dataset

__all__ = ['make_sample_dataset']

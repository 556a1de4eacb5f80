"""The published recipe: a whole configuration from a few options."""

from .build import build
from .data import build_pipeline, needs_of
from .model import build_model
from .options import CHOICES, DEFAULTS, INPUTS, overriding, streams_of

__all__ = [
    'CHOICES',
    'DEFAULTS',
    'INPUTS',
    'build',
    'build_model',
    'build_pipeline',
    'needs_of',
    'overriding',
    'streams_of',
]

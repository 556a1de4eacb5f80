"""Options of a model, as edits of a plain config; and a config from options, for Python callers."""

from .build import build, build_pipeline
from .edits import SPLITS, datasets_of, edit, needs_of
from .options import CHOICES, DEFAULTS, INPUTS, check_together, streams_of

__all__ = [
    'CHOICES',
    'DEFAULTS',
    'INPUTS',
    'SPLITS',
    'build',
    'build_pipeline',
    'check_together',
    'datasets_of',
    'edit',
    'needs_of',
    'streams_of',
]

"""Multi-label emotion recognition from face and body, on MMAction2.

Importing the package registers its parts in MMAction2's registries and mends
what the released OpenMMLab wheels get wrong (:mod:`.compat`).
"""

from .compat import apply

apply()  # first: without it `mmaction.models` cannot be imported

# isort: off
from . import (
    datasets,
    evaluation,
    models,
    resuming,
    transforms,
    visualization,
)
from .version import __version__  # noqa: E402

__all__ = [
    '__version__',
    'datasets',
    'evaluation',
    'models',
    'resuming',
    'transforms',
    'visualization',
]

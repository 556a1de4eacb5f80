"""Recognise emotions from face and body with multi-label models, on MMAction2.

Importing the package registers its parts in MMAction2's registries and repairs what is broken in
the released OpenMMLab wheels (:mod:`.compat`).
"""

import os

# Threads of OpenMP that wait should sleep, not spin: beside other busy processes, training took
# several times as long. The runtime reads this when torch is loaded.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from .compat import apply

apply()  # first: without it `mmaction.models` cannot be imported

from . import datasets, engine, evaluation, models, transforms  # noqa: E402
from .utils.errors import InputError  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = ['InputError', '__version__', 'datasets', 'engine', 'evaluation', 'models', 'transforms']

"""Mend on import what the released OpenMMLab wheels get wrong today.

Every mend is a small function beside a test ``needed()`` that looks at what
is installed, so a mend that upstream has made unnecessary is left out. If the
test looks for a line of upstream's source, that line is quoted to show what
the mend answers. Nothing here changes what a correctly working part does, and
``EMOREACT_NO_COMPAT=1`` in the environment turns everything off.
"""

import importlib.util
import os
import sys

from . import checkpoints, cpu, importing, mmaction_parts
from .checkpoints import plain_checkpoint
from .common import Mend

__all__ = ['MENDS', 'Mend', 'apply', 'plain_checkpoint']

SWITCH = 'EMOREACT_NO_COMPAT'

# module -> the distribution that brings it, in the order they are needed
REQUIRED_MODULES = {
    'torch': 'torch',
    'torchvision': 'torchvision',
    'cv2': 'opencv-python',
    'importlib_metadata': 'importlib_metadata',
    'mmengine': 'mmengine',
    'mmcv': 'mmcv-lite==2.1.0',
    'mmaction': 'mmaction2==1.2.0',
}

# importing comes first: the others look at what it makes importable
MENDS = importing.MENDS + checkpoints.MENDS + cpu.MENDS + mmaction_parts.MENDS

_applied: list[str] | None = None


def check_requirements() -> None:
    """Raise one clear ImportError that names all packages that are missing."""
    missing = [
        dist
        for module, dist in REQUIRED_MODULES.items()
        if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise ImportError(
            f'emoreact_plugin needs packages that are not installed: {", ".join(missing)}. Install '
            f'them with\n  {sys.executable} -m pip install {" ".join(missing)}\nor run '
            'tools/doctor.py, which checks the whole environment.'
        )


def apply() -> list[str]:
    """Apply the mends that the installed packages need, once for each process.

    Returns:
        list[str]: Names of the mends in force, in order; empty if
        ``EMOREACT_NO_COMPAT`` is set.

    Raises:
        ImportError: A package that this one needs is not installed.
    """
    global _applied
    if os.environ.get(SWITCH, '0') not in ('', '0'):
        return []
    if _applied is None:
        check_requirements()
        done = []
        for item in MENDS:
            if item.needed():
                item.mend()
                done.append(item.name)
        _applied = done
    return list(_applied)

"""Mend on import what the released OpenMMLab wheels get wrong today.

Every mend is a small function and a test ``needed()`` that looks at what is installed, so a mend
that upstream has made unnecessary is left out. If the test looks for a line of upstream's source,
the list of mends quotes it. A few mends change something for parts that work without them too;
docs/compat.md says what. ``EMOREACT_NO_COMPAT`` in the environment turns mends off by name, and
:func:`revert` undoes all of them.
"""

import importlib.util
import os
import sys

from emoreact_plugin.utils.errors import InputError

from . import checkpoints, cpu, importing, mmaction_parts
from .checkpoints import plain_checkpoint
from .common import Mend, undo_all

__all__ = ['MENDS', 'Mend', 'apply', 'plain_checkpoint', 'revert', 'turned_off']

# names of mends, joined by commas; `1` or `all` stands for all of them
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


def turned_off() -> list[str]:
    """Return the names of the mends that ``EMOREACT_NO_COMPAT`` turns off.

    Raises:
        InputError: It holds a name that no mend has.
    """
    value = os.environ.get(SWITCH, '').strip()
    names = [mend.name for mend in MENDS]
    if value in ('', '0'):
        return []
    if value in ('1', 'all'):
        return names
    off = [name.strip() for name in value.split(',') if name.strip()]
    unknown = [name for name in off if name not in names]
    if unknown:
        raise InputError(
            f'{SWITCH}: expected 1, all, or names of {", ".join(names)}, joined by commas; '
            f'found {", ".join(unknown)}'
        )
    return off


def apply() -> list[str]:
    """Apply the mends that the installed packages need, once for each process.

    Returns:
        list[str]: Names of the mends in force, in order, without those that
        ``EMOREACT_NO_COMPAT`` turned off.

    Raises:
        ImportError: A package that this one needs is not installed.
        InputError: ``EMOREACT_NO_COMPAT`` holds a name that no mend has.
    """
    global _applied
    if _applied is None:
        off = turned_off()
        check_requirements()
        done = []
        try:
            for item in MENDS:
                if item.name not in off and item.needed():
                    item.mend()
                    done.append(item.name)
        except BaseException:
            undo_all()
            raise
        _applied = done
    return list(_applied)


def revert() -> None:
    """Undo all mends in this process, so that :func:`apply` can apply them again.

    Each attribute that a mend replaced is the original object again, also where something else
    replaced it once more. Modules that were imported with the help of a mend stay imported.
    """
    global _applied
    undo_all()
    _applied = None

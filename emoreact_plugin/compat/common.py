"""Define what a mend is, and the helpers that all mends share."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mend:
    """A fault of an upstream package and the function that mends it.

    Attributes:
        name: What ``apply`` and ``tools/doctor.py`` call it.
        answers: What breaks without it, and where.
        needed: Tells whether the installed upstream still has the fault.
        mend: Mends the fault in this process.
    """

    name: str
    answers: str
    needed: Callable[[], bool]
    mend: Callable[[], None]


def source_has(function: Callable[..., object], line: str) -> bool:
    """Check whether the source of an upstream function holds a line.

    If the source cannot be read, the answer is True: a mend does no harm where
    the fault is gone, but a mend that is left out does where the fault is there.
    """
    try:
        return line in inspect.getsource(function)
    except (OSError, TypeError):
        return True


def replace_everywhere(old: object, new: object) -> None:
    """Put ``new`` in the place of ``old`` in all loaded modules of OpenMMLab.

    ``from x import f`` copies the name, so replacing it in ``x`` alone would
    leave the copies as they were.
    """
    for name, module in list(sys.modules.items()):
        if name.split('.')[0] in ('mmengine', 'mmcv', 'mmaction'):
            for key, value in list(getattr(module, '__dict__', {}).items()):
                if value is old:
                    setattr(module, key, new)

"""What the mends have in common."""

import inspect
import sys
from collections.abc import Callable
from typing import NamedTuple


class Mend(NamedTuple):
    """One thing that is wrong upstream.

    Attributes:
        name: how ``apply`` and ``tools/doctor.py`` call it.
        answers: what breaks without it, and where.
        needed: tells whether the installed upstream still has the fault.
        mend: puts it right in this process.
    """

    name: str
    answers: str
    needed: Callable[[], bool]
    mend: Callable[[], None]


def source_has(function: Callable, line: str) -> bool:
    """Whether the source of an upstream function holds a line.

    A source that cannot be read counts as holding it: the mends are harmless
    where the fault is gone, and their absence is not where it is there.
    """
    try:
        return line in inspect.getsource(function)
    except (OSError, TypeError):
        return True


def replace_everywhere(old: object, new: object) -> None:
    """Put ``new`` where OpenMMLab's loaded modules hold ``old``.

    ``from x import f`` copies the name, so replacing it in ``x`` alone would
    leave the copies as they were.
    """
    for name, module in list(sys.modules.items()):
        if name.split('.')[0] in ('mmengine', 'mmcv', 'mmaction'):
            for key, value in list(getattr(module, '__dict__', {}).items()):
                if value is old:
                    setattr(module, key, new)

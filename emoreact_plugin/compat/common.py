"""Define what a mend is, and the helpers that all mends share."""

import functools
import inspect
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_ABSENT = object()
# what puts back each thing that was replaced, in the order of the replacing
_undo: list[Callable[[], None]] = []


@dataclass(frozen=True)
class Mend:
    """A fault of an upstream package and the function that mends it.

    Attributes:
        name: What ``apply`` and ``tools/doctor.py`` call it.
        answers: What breaks without it, and where.
        needed: Tells whether the installed upstream still has the fault.
        mend: Mends the fault in this process. Whatever it replaces, it replaces
            with :func:`patch` or :func:`replace_everywhere`, which remember what was there.
    """

    name: str
    answers: str
    needed: Callable[[], bool]
    mend: Callable[[], None]


def source_has(place: str, line: str) -> Callable[[], bool]:
    """Make a test of whether the source of an upstream function, ``'module:name'``, holds a line.

    If the source cannot be read, the answer is True: a mend does no harm where
    the fault is gone, but a mend that is left out does where the fault is there.
    """

    def has_it() -> bool:
        try:
            return line in inspect.getsource(pkgutil.resolve_name(place))
        except (OSError, TypeError):
            return True

    return has_it


def replace_everywhere(old: object, new: object) -> None:
    """Put ``new`` in the place of ``old`` in all loaded modules of OpenMMLab.

    ``from x import f`` copies the name, so replacing it in ``x`` alone would
    leave the copies as they were.
    """
    _undo.append(functools.partial(_swap, new, old))
    _swap(old, new)


def _swap(old: object, new: object) -> None:
    for name, module in list(sys.modules.items()):
        if name.split('.')[0] in ('mmengine', 'mmcv', 'mmaction'):
            for key, value in list(getattr(module, '__dict__', {}).items()):
                if value is old:
                    setattr(module, key, new)


def patch(owner: Any, name: str, value: object) -> None:
    """Set an attribute of a class or module, or an entry of a dict, and remember the old one."""
    there = owner if isinstance(owner, dict) else vars(owner)
    _undo.append(functools.partial(_put, owner, name, there.get(name, _ABSENT)))
    _put(owner, name, value)


def _put(owner: Any, name: str, value: object) -> None:
    if isinstance(owner, dict):
        if value is _ABSENT:
            owner.pop(name, None)
        else:
            owner[name] = value
    elif value is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, value)


def undo_all() -> None:
    """Put back whatever was replaced, the last one first."""
    while _undo:
        _undo.pop()()

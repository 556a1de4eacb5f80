"""Check and parse single values of annotation files."""

import math
import ntpath
from functools import lru_cache

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import to_number


def parse_label(text: str | None, place: str, soft: bool = False) -> float:
    """Parse the value of a label.

    Args:
        text (str, optional): The cell's text; None in a row that is cut short.
        place (str): Where the cell is, for the error message.
        soft (bool): It may be anything from 0 to 1. Defaults to False.

    Returns:
        float: 0 or 1; in between with ``soft``.

    Raises:
        InputError: For anything else.
    """
    try:
        value = math.nan if text is None else to_number(text)
    except ValueError:
        value = math.nan
    if not (0 <= value <= 1 if soft else value in (0, 1)):
        expected = 'a number from 0 to 1' if soft else '0 or 1'
        raise InputError(f'{place}: expected {expected}, found {text!r}')
    return value


def parse_valence(text: str, place: str) -> float:
    """Parse the value of a valence.

    Args:
        text (str): The cell's text.
        place (str): Where the cell is, for the error message.

    Returns:
        float: The value.

    Raises:
        InputError: For anything but a finite number.
    """
    try:
        value = to_number(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f'{place}: expected a number, found {text!r}')
    return value


def check_name(name: str, place: str) -> None:
    """Refuse a file name that could leave the folder it belongs to.

    Args:
        name (str): A name in an annotation file; it may contain folders.
        place (str): Where the name is, for the error message.

    Raises:
        InputError: For an empty or absolute name, one with a drive or
            ``..``, and one with a zero byte.
    """
    if not _stays_inside(name):
        raise InputError(
            f'{place}: expected a video name within the folder of videos, found {name!r}'
        )


@lru_cache(maxsize=1024)
def _stays_inside(name: str) -> bool:
    return bool(name) and not (
        '\0' in name
        or name.startswith(('/', '\\', '~'))
        or ntpath.splitdrive(name)[0]
        or '..' in name.replace('\\', '/').split('/')
    )

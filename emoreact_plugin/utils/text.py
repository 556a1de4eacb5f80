"""Format texts for messages and tables."""

from collections.abc import Sequence

# Names that a message lists.
SHOWN = 5


def number(count: int, noun: str) -> str:
    """Format a count and its noun, such as ``'1 clip'`` or ``'2 clips'``."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def first_few(names: Sequence[str]) -> str:
    """List the first five names, with ``…`` for the others, such as ``'a, b, c, d, e, …'``."""
    return ', '.join(names[:SHOWN]) + ', …' * (len(names) > SHOWN)


def printable(text: str, keep: str = '\n\t') -> str:
    """Escape the characters that a console would obey, or cannot show.

    These are control characters, marks that turn the direction of writing, and the bytes of a file
    name that are no UTF-8.

    Args:
        text (str): Any text, such as a message with the name of a file.
        keep (str): Characters that stay as they are all the same. Defaults to line ends and tabs.
    """
    if text.isprintable():
        return text
    return ''.join(
        each if each.isprintable() or each in keep or each == '\u3000' else _escape(each)
        for each in text
    )


def to_number(text: str) -> float:
    """Read a number as data files write it: not ``1_0``, which Python reads as ten, or ``١``.

    Raises:
        ValueError: If it is none.
    """
    if '_' in text or not text.isascii():
        raise ValueError(f'expected a number, found {text[:40]!r}')
    return float(text)


def _escape(character: str) -> str:
    return character.encode('unicode_escape').decode('ascii')

"""Texts for messages and tables."""


def number(count: int, noun: str) -> str:
    """``'1 clip'``, ``'2 clips'``."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'

"""Format texts for messages and tables."""


def number(count: int, noun: str) -> str:
    """Format a count and its noun, such as ``'1 clip'`` or ``'2 clips'``."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'

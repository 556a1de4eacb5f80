"""How the tools tell errors."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from emoreact_plugin.utils.text import number


@contextmanager
def clear_errors() -> Iterator[None]:
    """Print what is wrong with a file or a flag as one line, without a
    traceback, and end with exit code 1.
    """
    try:
        yield
    except (ValueError, OSError, KeyError, RuntimeError, ImportError, TypeError) as error:
        if os.environ.get('EMOREACT_TRACEBACK'):
            raise
        message = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f'error: {message}\n(EMOREACT_TRACEBACK=1 shows where.)')


def check_display() -> None:
    """Refuse ``--show`` where no window can be opened.

    Raises:
        ValueError: On Linux without a display.
    """
    displays = ('DISPLAY', 'WAYLAND_DISPLAY')
    if sys.platform.startswith('linux') and not any(map(os.environ.get, displays)):
        raise ValueError(
            '--show: expected a display, found none (neither '
            f'{" nor ".join(displays)} is set); leave it out, '
            'and a file is written'
        )


def list_errors(errors: Sequence[tuple[str, Exception]]) -> None:
    """Print the errors of single clips, a line each, and end with exit code
    1; do nothing where there are none.

    Args:
        errors (Sequence[tuple[str, Exception]]): Path of each video that
            failed, and why.
    """
    for video, error in errors:
        message = str(error)
        print(
            f'error: {message}'
            if video in message
            else f'error: {video}: {message or type(error).__name__}',
            file=sys.stderr,
        )
    if errors:
        sys.exit(f'{number(len(errors), "clip")} failed')

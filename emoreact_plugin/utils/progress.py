"""Show progress: bars in a terminal and in a notebook, now and then a line elsewhere."""

import os
import sys
import warnings
from typing import Any, TextIO

with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of notebooks without ipywidgets, where text does as well
    from tqdm.auto import tqdm
from tqdm import std

from .text import printable

ProgressBar = tqdm
# What moves the cursor to the bar above.
UP = '\x1b[A'
# Seconds between two lines where there is no terminal.
INTERVAL = 20.0
# Share of the work after which its speed tells the time left: the start is slower.
SURE = 0.02


def progress_bar(*args: Any, shown: bool = True, **kwargs: Any) -> tqdm:
    """Make a progress bar for a terminal or a notebook; elsewhere, it prints a line every 20 s.

    A terminal means that standard error is one. Work that takes less than 20 s prints no line.

    Args:
        *args: Arguments of ``tqdm``.
        shown (bool): If False, the bar is not shown anywhere. Defaults to
            True.
        **kwargs: Keyword arguments of ``tqdm``.

    Returns:
        tqdm: The bar of ``tqdm.auto``: in a notebook a widget if ipywidgets is
        installed, else text.
    """
    bar = tqdm if in_notebook() or sys.stderr.isatty() else _LineBar
    return bar(*args, disable=not shown, **kwargs)


class _LineBar(std.tqdm):
    """A bar that prints a line every 20 s, and nothing at its end."""

    last_print_t: float
    start_t: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= dict(delay=INTERVAL, mininterval=INTERVAL, maxinterval=INTERVAL, smoothing=0)
        kwargs |= dict(file=_Lines(kwargs.get('file') or sys.stderr), leave=False)
        super().__init__(*args, **kwargs)

    @property
    def format_dict(self) -> dict[str, Any]:
        """Return what a line says: without the time left where nobody can know it yet."""
        line = '{desc}: {n_fmt} of {total_fmt} {unit}s{postfix}'
        if self.n and self.n >= SURE * (self.total or 0):
            line += ', {remaining} left'
        about = super().format_dict
        about['bar_format'] = line
        return about

    def refresh(self, *args: Any, **kwargs: Any) -> None:
        """Print a line if the last one, or the start, is 20 s ago."""
        if self.disable:
            return
        now = self._time()
        if now - max(self.last_print_t, self.start_t) >= INTERVAL:
            self.last_print_t = now
            super().refresh(*args, **kwargs)


class _Lines:
    """Write what a bar shows as lines of their own.

    Args:
        file (TextIO): What to write to.
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, text: str) -> None:
        """Write a text without what moves the cursor, if something is left."""
        text = text.replace(UP, '').strip()
        if text:
            print(text, file=self.file, flush=True)

    def flush(self) -> None:
        """Do nothing: every line is written at once."""


def in_notebook() -> bool:
    """Check whether a Jupyter kernel (ipykernel) runs this process."""
    ipython = sys.modules.get('IPython')
    shell = None if ipython is None else ipython.get_ipython()
    return 'IPKernelApp' in getattr(shell, 'config', ())


def write_above(text: str) -> None:
    """Print a line above the progress bars that are shown."""
    tqdm.write(printable(text))


def count_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

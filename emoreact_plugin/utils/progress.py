"""Show progress bars in a terminal and in a notebook, but not in a log; count the cores."""

import os
import sys
from typing import Any

from tqdm.auto import tqdm

from .text import printable

ProgressBar = tqdm


def progress_bar(*args: Any, shown: bool = True, **kwargs: Any) -> tqdm:
    """Make a progress bar that shows in a terminal and in a notebook.

    A terminal means that standard error is one.

    Args:
        *args: Arguments of ``tqdm``.
        shown (bool): If False, the bar is not shown anywhere. Defaults to
            True.
        **kwargs: Keyword arguments of ``tqdm``.

    Returns:
        tqdm: The bar of ``tqdm.auto``: in a notebook a widget if ipywidgets is
        installed, else text.
    """
    # tqdm itself looks for a terminal alone, for None.
    unless = False if in_notebook() else None
    return tqdm(*args, disable=unless if shown else True, **kwargs)


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

"""Progress bars: in a terminal and in a notebook, and none in a log."""

import sys

from tqdm.auto import tqdm


def progress_bar(*args, shown: bool = True, **kwargs) -> tqdm:
    """A progress bar, where standard error is a terminal, and in a notebook.

    Args:
        args, kwargs: Of ``tqdm``.
        shown (bool): Without, there is none anywhere. Defaults to True.

    Returns:
        tqdm: That of ``tqdm.auto``: in a notebook a widget, where ipywidgets
        is installed, else text.
    """
    # tqdm itself looks for a terminal alone, for None.
    unless = False if in_notebook() else None
    return tqdm(*args, disable=unless if shown else True, **kwargs)


def in_notebook() -> bool:
    """Whether a kernel of Jupyter (ipykernel) runs this."""
    ipython = sys.modules.get('IPython')
    shell = None if ipython is None else ipython.get_ipython()
    return 'IPKernelApp' in getattr(shell, 'config', ())


def write_above(text: str) -> None:
    """Print a line, above the bars that are shown."""
    tqdm.write(text)

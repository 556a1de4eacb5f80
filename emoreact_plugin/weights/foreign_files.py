"""Let PyTorch read the files of other programs without running anything in them.

PyTorch's own reader for untrusted files (``weights_only=True``) makes tensors, numbers, texts and
containers of them, and refuses everything else. Files of older programs hold an object of their own
beside the tensors, such as the run's settings. This module replaces such an object with one that
does nothing.
"""

import importlib.util
import pickle
import pickletools
import re
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TypeVar

import torch

from emoreact_plugin.utils.npz import is_zip

# What programs leave in their files beside tensors: paths, numpy's numbers
# (a best score), MMEngine's log history. None of them is made or called:
# a stand-in takes the place of each.
_HARMLESS = (
    'argparse.Namespace',
    'builtins.getattr',
    'mmengine.logging.history_buffer.HistoryBuffer',
    'numpy.dtype',
    'numpy.ndarray',
    'numpy.core.multiarray._reconstruct',
    'numpy.core.multiarray.scalar',
    'numpy._core.multiarray._reconstruct',
    'numpy._core.multiarray.scalar',
    'pathlib.PosixPath',
    'pathlib.WindowsPath',
    'pathlib.PurePosixPath',
    'pathlib.PureWindowsPath',
    'pathlib._local.PosixPath',
    'pathlib._local.WindowsPath',
)
# Before the object, a file of PyTorch < 1.6 has a magic number, a version and
# the machine's sizes of integers, each a pickle of its own.
_OLD_PREFIX = 3


_S = TypeVar('_S', bound='StandIn')


class StandIn:
    """Take the place of an object in a file; keep nothing, do nothing."""

    __slots__ = ()

    def __new__(cls: type[_S], *args: object) -> _S:
        """Create the object, and ignore the arguments that the file has for it."""
        return super().__new__(cls)

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        """Ignore the state that the file has for the object."""
        pass


class _UnknownClass(StandIn):
    """Take the place of an object whose class is not installed here.

    A plain object is created without a call. What a file calls is a function and may do anything,
    so a call is refused.
    """

    __slots__ = ()

    def __init__(self, *args: object) -> None:
        raise pickle.UnpicklingError('calls something that is not here')


@contextmanager
def stand_ins(path: str) -> Iterator[list[str]]:
    """Let torch's safe reader take a file of an older program, for the time of a block.

    Other readers meanwhile get no more than objects that do nothing.

    Args:
        path (str): The file.

    Yields:
        list[str]: The ``module.name`` of all that the file asks for and that no module here has.
    """
    unknown = _unknown_classes(path)
    with torch.serialization.safe_globals(
        [*((_UnknownClass, name) for name in unknown), *((StandIn, name) for name in _HARMLESS)]
    ):
        yield unknown


def reason_of(error: Exception) -> str:
    """Describe an error without torch's advice, which is to switch off the safety."""
    text = str(error)
    asked = re.search(r'GLOBAL (\S+)', text)
    if asked:
        return f'it asks for {asked[1]}, which could run code; nothing of it was run'
    if isinstance(error, pickle.UnpicklingError):
        text = text.partition('WeightsUnpickler error: ')[2]
        text = re.sub('<[^>]*>', 'an object', text.split('Check the ')[0])
        return f'it could run code; nothing of it was run ({text.strip()})'
    return type(error).__name__


def is_pickle_of_arrays(path: str) -> bool:
    """Return whether a file is a bare pickle of NumPy arrays, which PyTorch never writes."""
    if is_zip(path):
        return False
    try:
        with open(path, 'rb') as file:
            # A file of PyTorch < 1.6 begins with a pickle of a number.
            return any(module.startswith('numpy') for module, _ in _names_in_pickle(file))
    except ValueError:
        return False


def _unknown_classes(path: str) -> list[str]:
    """Find the ``module.name`` of all that a file asks for and that no module here has."""
    names: dict[str, None] = {}
    for module, name in _names_in(path):
        top = module.split('.')[0]
        if module == '__main__' or not _is_here(top, module, name):
            names[f'{module}.{name}'] = None
    return list(names)


def _is_here(top: str, module: str, name: str) -> bool:
    # Pickles name parts of the standard library as Python 2 did.
    if module in IMPORT_MAPPING or (module, name) in NAME_MAPPING:
        return True
    try:
        # Looks for the file of a top module; does not import it.
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):  # such as for an empty name
        return True


def _names_in(path: str) -> Iterator[tuple[str, str]]:
    """Iterate over the pairs (module, name) in a file's pickles, which are not run."""
    if is_zip(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith('/data.pkl'):
                    with archive.open(name) as file:
                        yield from _names_in_pickle(file)
        return
    with open(path, 'rb') as file:
        for _ in range(_OLD_PREFIX + 1):
            yield from _names_in_pickle(file)


def _names_in_pickle(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == 'GLOBAL':
            module, name = str(argument).split(' ', 1)
            yield module, name

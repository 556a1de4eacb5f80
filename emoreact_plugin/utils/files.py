"""Write files and folders so that they are whole or not there at all."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import os.path as osp
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from .errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PathLike = str | os.PathLike[str]
# bytes, in the usual file systems
MAX_NAME = 255


# The temporary names of this process's files and folders, and the folders whose old ones are gone.
_WRITING: set[str] = set()
_SWEPT: set[str] = set()
# Number of characters of a name that its temporary name begins with.
NAME_START = 30
# After so many seconds, what another machine has left is deleted.
LEFT_OVER = 86400.0
# The codes of an OSError that says that a disk is full.
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def write_whole(target: PathLike, keep: bool = False) -> Iterator[str]:
    """Write a file or folder under a temporary name, and rename it when it is whole.

    It gets its own name when the block ends, and is deleted when the block
    raises. Several processes may write it at the same time, because each takes
    another temporary name. What killed processes have left in the folder is
    deleted first, see :func:`sweep`.

    Args:
        target (str | PathLike): Its own name. The folder is made if needed.
        keep (bool): What has this name by now stays, and what was written is
            deleted: it is the same, from another process. Defaults to False: a
            file is replaced.

    Yields:
        str: The temporary name: in the same folder, hidden, and not there yet.
    """
    folder, name = osp.split(os.fspath(target))
    os.makedirs(folder or '.', exist_ok=True)
    place = osp.realpath(folder)
    if place not in _SWEPT:
        _SWEPT.add(place)
        sweep(place)
    own = f'{_here()}-{os.getpid()}-{uuid.uuid4().hex[:8]}'
    part = osp.join(folder, f'.{name[:NAME_START]}.{own}.part')
    _WRITING.add(osp.join(place, osp.basename(part)))
    try:
        yield part
        if not (keep and osp.lexists(target)):
            try:
                os.replace(part, target)
            except OSError:
                # A folder that came to be after the question.
                if not (keep and osp.isdir(target)):
                    raise
    except OSError as error:
        if error.errno in FULL:
            raise full_disk(error, target) from error
        if error.errno and error.filename is None:  # as of a write
            raise OSError(error.errno, error.strerror, os.fspath(target)) from error
        raise
    finally:
        _delete(part)
        _WRITING.discard(osp.join(place, osp.basename(part)))


def sweep(folder: PathLike) -> list[str]:
    """Delete the unfinished files and folders that killed processes have left in a folder.

    Those of a process that runs stay, as do those of another machine or container for a day.

    Returns:
        list[str]: The names that were deleted.
    """
    here, folder, swept = _here(), osp.realpath(folder), []
    for name in sorted(os.listdir(folder)):
        match = _PART.fullmatch(name)
        path = osp.join(folder, name)
        if match and path not in _WRITING and _is_left(path, match[1] == here, int(match[2])):
            # Another process may sweep as well.
            with suppress(FileNotFoundError):
                _delete(path)
            swept.append(name)
    return swept


_PART = re.compile(r'\..*\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part', re.DOTALL)


def _here() -> str:
    """Return a short name of this machine, or of the container that this process is in."""
    space = '/proc/self/ns/pid'
    inside = os.readlink(space) if osp.islink(space) else ''
    return hashlib.sha256(f'{socket.gethostname()} {inside}'.encode()).hexdigest()[:8]


def _is_left(path: str, here: bool, process: int) -> bool:
    """Tell whether the process that was writing a file or folder has ended."""
    # Windows has no signal that only asks.
    if not here or os.name == 'nt':
        with suppress(FileNotFoundError):
            return time.time() - os.lstat(path).st_mtime > LEFT_OVER
        return False
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True  # it has ended, or there is no such number
    except OSError:
        pass  # it belongs to another user
    return False


class FolderLock:
    """Lock a folder against other processes and threads, from :meth:`take` to the end of a block.

    A process that is killed leaves no lock. Without support by the file system, nothing is locked.

    Args:
        folder (str): It must exist when it is locked.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file: int | None = None

    def take(self) -> None:
        """Wait until nobody else has the lock, and take it."""
        if fcntl is not None:
            self._file = os.open(self._folder, os.O_RDONLY)
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_EX)

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def fit_name(stem: str, ending: str) -> str:
    """Join the stem and the ending of a file's name, and shorten it where it is too long.

    A name of more than 255 bytes keeps the start of its stem and gets a hash of the whole stem.
    """
    name = stem + ending
    if len(os.fsencode(name)) <= MAX_NAME:
        return name
    key = hashlib.sha256(os.fsencode(stem)).hexdigest()[:16]
    start = os.fsencode(stem)[: MAX_NAME - len(os.fsencode(ending)) - len(key) - 1]
    return f'{start.decode("utf-8", "ignore")}-{key}{ending}'


def output_path(out: PathLike, name: str, *endings: str) -> str:
    """Choose the file to write: the given one if it has a right ending, else one in the folder.

    Args:
        out (str | PathLike): A folder, or a file that ends in one of ``endings``.
        name (str): The name of the file in a folder.
        endings (str): Such as ``'.png'``, in lower case.

    Returns:
        str: The path. Its folder may not be there yet.

    Raises:
        InputError: For the ending of another kind of file.
    """
    path = os.fspath(out)
    ending = osp.splitext(path)[1]
    if ending.lower() in endings:
        return path
    if ending[1:].isalpha() and not osp.isdir(path):
        raise InputError(
            f'{path}: expected a folder, or a file that ends in {" or ".join(endings)}, '
            f'found {ending}'
        )
    return osp.join(path, name)


def full_disk(error: OSError, path: PathLike) -> OSError:
    """Name the file in an error about a full disk, and say how much space there is.

    Args:
        error (OSError): With one of the codes of :data:`FULL`.
        path (str | PathLike): The file or folder that was to be written.
    """
    folder = osp.abspath(path)
    while not osp.isdir(folder):
        folder = osp.dirname(folder)
    free = shutil.disk_usage(folder).free
    reason = f'{os.strerror(error.errno or errno.ENOSPC)} ({free / 1e6:.1f} MB free)'
    return OSError(error.errno, reason, os.fspath(path))


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write a binary file, whole or not at all, also when the power fails.

    Args:
        path (str | PathLike): The file, see :func:`write_whole`.
        data (bytes): All of its content.
    """
    with write_whole(path) as temporary, open(temporary, 'wb') as file:
        file.write(data)
        file.flush()
        # Otherwise the name may reach the disk before the content.
        os.fsync(file.fileno())


def write_text(path: PathLike, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all, with its line ends as they are.

    Args:
        path (str | PathLike): The file, see :func:`write_whole`.
        text (str): All of the text.
    """
    # Names of files may hold bytes that are no UTF-8.
    data = text.encode('utf-8', 'backslashreplace')
    with write_whole(path) as temporary, open(temporary, 'wb') as file:
        file.write(data)


def write_json(path: PathLike, value: Any, indent: int = 1, ensure_ascii: bool = True) -> None:
    """Write a JSON file, whole or not at all.

    NaN and infinity, which JSON does not have, become ``null``; paths become text, and NumPy's
    numbers and arrays plain ones.

    Args:
        path (str | PathLike): The file, see :func:`write_whole`.
        value (Any): The content.
        indent (int): Spaces before each level. Defaults to 1.
        ensure_ascii (bool): Escape all characters but those of ASCII. Defaults to True.

    Raises:
        TypeError: If something has no JSON form. No file is written then.
    """
    text = json.dumps(_plain_value(value), indent=indent, ensure_ascii=ensure_ascii)
    write_text(path, text + '\n')


def _plain_value(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(each) for each in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _delete(path: str) -> None:
    if osp.isdir(path) and not osp.islink(path):
        shutil.rmtree(path)
    elif osp.lexists(path):
        os.remove(path)


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()

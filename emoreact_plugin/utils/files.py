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
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

PathLike = str | os.PathLike[str]
# The codes of an OSError that says that a disk is full.
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def write_whole(target: PathLike, at_once: bool = False) -> Iterator[str]:
    """Write a file or folder under a temporary name, and rename it when it is whole.

    It gets its own name when the block ends, and is deleted when the block
    raises. What an interrupted run has left under the temporary name is deleted
    first.

    Args:
        target (str | PathLike): Its own name. The folder is made if needed.
        at_once (bool): Several processes may write it at the same time: each
            takes another temporary name, and the last one stays. Defaults to
            False.

    Yields:
        str: The temporary name: in the same folder, hidden, and not there yet.
    """
    folder, name = osp.split(os.fspath(target))
    own = f'.{uuid.uuid4().hex}' if at_once else ''
    part = osp.join(folder, f'.{name}{own}.part')
    os.makedirs(folder or '.', exist_ok=True)
    _delete(part)
    try:
        yield part
        os.replace(part, target)
    except OSError as error:
        if error.errno in FULL:
            raise full_disk(error, target) from error
        raise
    finally:
        _delete(part)


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


def sweep(folder: str) -> list[str]:
    """Delete what interrupted runs have left in a folder, see :func:`write_whole`.

    Returns:
        list[str]: The names that were deleted.
    """
    parts = sorted(each for each in os.listdir(folder) if re.fullmatch(r'\..+\.part', each))
    for name in parts:
        _delete(osp.join(folder, name))
    return parts


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

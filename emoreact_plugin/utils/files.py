"""Write files and folders so that they are whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import os.path as osp
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .errors import InputError

PathLike = str | os.PathLike[str]


@contextmanager
def write_whole(target: str | os.PathLike[str], at_once: bool = False) -> Iterator[str]:
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
    finally:
        _delete(part)


def write_text(path: str | os.PathLike[str], text: str, errors: str = 'strict') -> None:
    """Write a text file in UTF-8, whole or not at all, with its line ends as they are.

    Args:
        path (str | PathLike): The file, see :func:`write_whole`.
        text (str): All of the text.
        errors (str): How to treat characters that UTF-8 cannot hold, see
            ``open``. Defaults to ``'strict'``.
    """
    with (
        write_whole(path) as part,
        open(part, 'w', encoding='utf-8', newline='', errors=errors) as file,
    ):
        file.write(text)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a JSON file in UTF-8, whole or not at all.

    Args:
        path (str | PathLike): The file, see :func:`write_whole`.
        content (Any): JSON types, paths and numbers of numpy.

    Raises:
        InputError: If a number is NaN or infinite, which JSON cannot represent, or a value has no
            JSON form. No file is written then.
    """

    def plain(value):
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f'{type(value).__name__} {value!r}')

    try:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=plain)
    except (TypeError, ValueError) as error:
        raise InputError(
            f'{path}: expected numbers, text, lists and dictionaries, with None for what is '
            f'undefined, found: {error}'
        ) from error
    # Names of files that are no UTF-8 become JSON's escapes.
    write_text(path, text + '\n', errors='backslashreplace')


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

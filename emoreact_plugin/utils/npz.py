"""Read the arrays of ``.npz`` files that may come from anywhere."""

import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Literal

import numpy as np

from .errors import InputError
from .files import PathLike

# Arrays are unpacked into at most this much, and ten times the size of the file: NumPy's own
# ``savez`` does not compress, and one MB of zeros could be made to fill the memory.
MAX_UNPACKED = 100_000_000
MAX_RATIO = 10
# NumPy itself parses this as Python, by `ast`, which threads of Python 3.11.0 to 3.11.7 cannot do
# at the same time: python/cpython#106905.
_HEAD = re.compile(
    rb"\{'descr': '([<>|=]?[biufU]\d+)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d+, ?)*\d*)\), \} *\n"
)
_MAX_HEAD = 10_000
_BROKEN = (
    ValueError,
    TypeError,
    OverflowError,
    RuntimeError,
    EOFError,
    OSError,  # from a place before the start of the file
    zipfile.BadZipFile,
    zlib.error,
)


def is_zip(path: PathLike) -> bool:
    """Tell whether a file is a zip archive, perhaps a damaged one, about which Python may fail."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return True


def read_npz(path: PathLike, wants: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Read arrays of an ``.npz`` file: numbers, booleans and texts, no objects.

    Args:
        path (str | PathLike): The file, as ``numpy.savez`` or ``numpy.savez_compressed`` writes it.
        wants (Callable): Says for the name of an array whether to read it. Others are not unpacked.

    Returns:
        dict[str, np.ndarray]: Name -> array, in the order of the file.

    Raises:
        OSError: If the file cannot be opened.
        InputError: If it is damaged, holds something else than plain arrays, or would take up more
            memory than 100 MB and ten times its size. The message does not name the file.
    """
    with open(path, 'rb') as file:
        try:
            return _arrays(file, wants)
        except InputError:
            raise
        except _BROKEN as error:
            raise InputError(f'cannot be read: {error or type(error).__name__}') from error


def _arrays(file: IO[bytes], wants: Callable[[str], bool]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(file) as archive:
        members = [each for each in archive.infolist() if wants(each.filename.removesuffix('.npy'))]
        limit = MAX_UNPACKED + MAX_RATIO * file.seek(0, 2)
        unpacked = sum(each.file_size for each in members)
        if unpacked > limit:
            raise InputError(f'expected at most {limit} bytes of arrays, found {unpacked}')
        for member in members:
            name = member.filename.removesuffix('.npy')
            if name in arrays:
                raise InputError(f'{name}: expected one array of this name, found two')
            arrays[name] = _array(_content(archive, member), name)
    return arrays


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f'{member.filename}: packed in another way than NumPy does')
    with archive.open(member) as file:
        # A number of bytes, because all of a member may be more than the archive says it is.
        return file.read(member.file_size) + file.read(1)


def _array(data: bytes, name: str) -> np.ndarray:
    version = data[6:7]
    size = {b'\1': 2, b'\2': 4, b'\3': 4}.get(version)
    if data[:6] != b'\x93NUMPY' or size is None or len(data) < 8 + size:
        raise InputError(f'{name}: expected an array of NumPy, found something else')
    (length,) = struct.unpack('<H' if size == 2 else '<I', data[8 : 8 + size])
    start = 8 + size + length
    head = _HEAD.fullmatch(data[8 + size : start]) if length <= _MAX_HEAD else None
    if head is None:
        raise InputError(f'{name}: expected a plain array, found an object or something else')
    dtype = np.dtype(head[1].decode())
    shape = tuple(int(each) for each in head[3].split(b',') if each.strip())
    # Without a byte, an array may still say that it has many rows.
    if math.prod(max(each, 1) for each in shape) > max(len(data), 1):
        raise InputError(f'{name}: expected the size of its {len(data)} bytes, found {shape}')
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise InputError(
            f'{name}: expected {math.prod(shape) * dtype.itemsize} bytes, found {len(data) - start}'
        )
    order: Literal['C', 'F'] = 'F' if head[2] == b'True' else 'C'
    array = np.ndarray(shape, dtype, data, start, order=order).copy(order)
    if dtype.kind == 'U':
        codes = array.reshape(-1).view('u4')
        if (codes if dtype.isnative else codes.byteswap()).max(initial=0) > 0x10FFFF:
            raise InputError(f'{name}: expected text, found what is no text')
    return array

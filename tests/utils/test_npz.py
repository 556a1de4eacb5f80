import re
import struct
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import read_dump
from emoreact_plugin.utils.npz import read_npz
from emoreact_plugin.weights.checkpoints import read_checkpoint


def every(name):
    return True


@settings(derandomize=True, deadline=None)
@given(
    arrays_of.arrays(
        st.one_of(
            arrays_of.boolean_dtypes(),
            arrays_of.integer_dtypes(),
            arrays_of.floating_dtypes(),
            arrays_of.unicode_string_dtypes(max_len=5),
        ),
        arrays_of.array_shapes(min_dims=0, min_side=0, max_dims=4),
    ),
    st.booleans(),
    st.booleans(),
)
def test_numpy_reads_the_same(tmp_path_factory, array, fortran, packed):
    path = tmp_path_factory.mktemp('npz') / 'a.npz'
    save = np.savez_compressed if packed else np.savez
    save(path, a=np.asfortranarray(array) if fortran else array, b=np.zeros(2))
    with np.load(path) as npz:
        expected = npz['a']
    found = read_npz(path, 'a'.__eq__)
    assert list(found) == ['a']
    assert found['a'].dtype == expected.dtype and found['a'].shape == expected.shape
    assert found['a'].tobytes() == expected.tobytes()
    assert found['a'].flags.writeable


def test_what_would_fill_the_memory_is_not_unpacked(tmp_path):
    path = tmp_path / 'a.npz'
    np.savez_compressed(path, big=np.zeros(200_000_000, np.int8), small=np.arange(3))
    assert path.stat().st_size < 1_000_000
    assert read_npz(path, 'small'.__eq__)['small'].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match='at most 10.* found 200000'):
        read_npz(path, every)


def test_a_size_that_is_not_true_is_noticed(tmp_path):
    path = tmp_path / 'a.npz'
    np.savez_compressed(path, big=np.zeros(50_000_000, np.int8))
    with zipfile.ZipFile(path) as archive:
        size = archive.infolist()[0].file_size.to_bytes(4, 'little')
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, 'little')))
    with pytest.raises(InputError):
        read_npz(path, every)


HEAD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


def write_member(path, head=HEAD, data=bytes(8), magic=b'\x93NUMPY\x01\x00', **how):
    head = head.encode() + b'\n'
    with zipfile.ZipFile(path, 'w', **how) as archive:
        archive.writestr('a.npy', magic + len(head).to_bytes(2, 'little') + head + data)
    return path


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(head=HEAD.replace('<f4', '|O')), 'a: expected a plain array'),
        (dict(head=HEAD.replace('(2,)', '(3,)')), 'a: expected 12 bytes, found 8'),
        (dict(head=HEAD.replace('(2,)', '(1000000000000, 0)')), 'a: expected the size'),
        (dict(head=HEAD.replace('(2,)', '(-2,)')), 'a: expected a plain array'),
        (dict(head=HEAD.replace('<f4', '<U1'), data=b'\xff' * 8), 'a: expected text'),
        (dict(head=HEAD.replace('<f4', '<f3')), 'cannot be read: '),
        (dict(head='[' * 500), 'a: expected a plain array'),
        (dict(head='__import__("os").abort()'), 'a: expected a plain array'),
        (dict(magic=b'GIF89a\x01\x00'), 'a: expected an array of NumPy'),
        (dict(compression=zipfile.ZIP_BZIP2), 'a.npy: packed in another way'),
    ],
)
def test_other_members_are_refused(change, message, tmp_path):
    path = write_member(tmp_path / 'a.npz')
    assert read_npz(path, every)['a'].tolist() == [0, 0]
    write_member(path, **change)
    with pytest.raises(InputError, match=f'^{re.escape(message)}'):
        read_npz(path, every)


def test_a_name_is_in_it_once(tmp_path):
    path = write_member(tmp_path / 'a.npz')
    with zipfile.ZipFile(path, 'a') as archive, pytest.warns(UserWarning, match='Duplicate'):
        archive.writestr('a.npy', archive.read('a.npy'))
    with pytest.raises(InputError, match='a: expected one array'):
        read_npz(path, every)


@pytest.mark.parametrize('read', [lambda path: read_npz(path, every), read_dump, read_checkpoint])
def test_an_archive_that_says_it_has_several_parts(read, tmp_path):
    """``zipfile.is_zipfile`` of Python 3.11 fails for it, instead of answering."""
    path = tmp_path / 'a.npz'
    if read is read_checkpoint:
        torch.save(dict(a=torch.zeros(2)), path)
    else:
        np.savez(path, a=np.zeros(2))
    data = path.read_bytes()
    end = data.rindex(b'PK\5\6')
    locator = struct.pack('<4sIQI', b'PK\6\7', 0, end, 2)  # of ZIP64: 2 disks
    path.write_bytes(data[:end] + locator + data[end:])
    with pytest.raises(InputError, match='multiple disks|cannot be read'):
        read(path if read is not read_checkpoint else str(path))

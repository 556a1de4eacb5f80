"""Make files that are well formed and hold hostile values, for ``damage.py``."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load, save


def hostile_contents(kind: str, path: Path, whole: bytes) -> dict[str, bytes]:
    """Return the name and content of each hostile file of a kind."""
    make = MAKERS.get(kind)
    return make(path, whole) if make else {}


def of_faces(path: Path, whole: bytes) -> dict[str, bytes]:
    head, first, *rest = whole.decode().splitlines()
    cells = first.split(', ')

    def with_cell(index: int, value: str) -> bytes:
        return '\n'.join(
            [head, ', '.join([*cells[:index], value, *cells[index + 1 :]]), *rest]
        ).encode()

    files = {
        f'frame {v}': with_cell(0, v) for v in ('0', '-1', '1e300', '999999999999', 'nan', '1.5')
    }
    files |= {f'x_0 {v}': with_cell(3, v) for v in ('inf', '1e400', 'x', '', '0x1p3', '1_0', '١')}
    files['two heads'] = f'{head}\n{whole.decode()}'.encode()
    files['a column twice'] = whole.replace(b'x_1,', b'x_0,', 1)
    files['no columns'] = whole.replace(b'x_', b'z_')
    files['a row twice'] = '\n'.join([head, first, first, *rest]).encode()
    files['UTF-16'] = whole.decode().encode('utf-16')
    return files


def of_bodies(path: Path, whole: bytes) -> dict[str, bytes]:
    lines = whole.decode().splitlines()
    return {
        f'first line {line!r}'[:40]: '\n'.join([line, *lines[1:]]).encode()
        for line in (
            'nan nan',
            'inf 1',
            '1e400 1',
            '0.5',
            'a b',
            '0.5 0.5 ' * 20_000,
            '1_0 1',
            '\0',
        )
    }


def of_table(path: Path, whole: bytes) -> dict[str, bytes]:
    text = whole.decode()
    head, first, *rest = text.splitlines()
    name, *cells = first.split(',')

    def row(*cells: str) -> bytes:
        return '\n'.join([head, ','.join(cells), *rest]).encode()

    files = {
        f'label {v!r}': row(name, v, *cells[1:])
        for v in ('2', '-1', 'nan', 'inf', '', 'x', '0.5', '1e-400', '١', '1' * 5000)
    }
    files |= {
        f'video {v!r}'[:40]: row(v, *cells)
        for v in ('../../etc/passwd', '/etc/passwd', '', ' ', 'a\x1b[', 'a' * 5000, 'c1.mp4')
    }
    files['no rows'] = head.encode()
    files['a cell more'] = row(name, *cells, '1')
    files['a cell less'] = row(name, *cells[:-3])
    files['a column twice'] = text.replace('Fear', 'Disgust', 1).encode()
    files['an open quote'] = text.replace('c1', '"c1', 1).encode()
    files['UTF-16'] = text.encode('utf-16')
    return files


def of_masks(path: Path, whole: bytes) -> dict[str, bytes]:
    return {
        'a cell more': whole.replace(b'\n', b',1\n'),
        'a negative count': whole.replace(b',12,', b',-1,'),
        'a count of many digits': whole.replace(b',12,', b',' + b'9' * 5000 + b','),
        'another kind': whole.replace(b'surgical', b'=cmd()'),
    }


def of_cache(path: Path, whole: bytes) -> dict[str, bytes]:
    arrays = load(whole)
    length = int.from_bytes(whole[:8], 'little')
    meta = json.loads(whole[8 : 8 + length])['__metadata__']

    def with_head(head: bytes) -> bytes:
        return len(head).to_bytes(8, 'little') + head + whole[8 + length :]

    def changed(**changes: np.ndarray) -> bytes:
        return save({**arrays, **changes}, meta)

    head = whole[8 : 8 + length]
    files = {
        'a head of 2**63 bytes': (2**63).to_bytes(8, 'little') + whole[8:],
        'a head of 90 MB': (90_000_000).to_bytes(8, 'little') + whole[8:],
        'an offset behind its end': with_head(
            head.replace(b'"data_offsets":[0,', b'"data_offsets":[9,')
        ),
        'a head that is no JSON': with_head(head[:-1]),
        'a deep head': with_head(b'[' * 100_000),
        'no metadata': save(arrays),
        'other metadata': save(arrays, {'about': '[]'}),
        'deep metadata': save(arrays, {'about': '[' * 100_000}),
        'a frame less': changed(face_confidence=arrays['face_confidence'][1:]),
        'other numbers': changed(face_landmarks=arrays['face_landmarks'] + 1),
        'infinite': changed(face_landmarks=arrays['face_landmarks'] * np.float32(np.inf)),
        'no frames': save({k: v[:0] for k, v in arrays.items()}, meta),
        'an array less': save({k: v for k, v in arrays.items() if k != 'face_is_box'}, meta),
    }
    return files


def npz(compressed: bool = False, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def of_dump(path: Path, whole: bytes) -> dict[str, bytes]:
    with np.load(path) as file:
        arrays = dict(file)
    logits = arrays['logits']
    changes = {
        'not finite': dict(logits=logits * np.inf),
        'other probabilities': dict(probabilities=1 - arrays['probabilities']),
        'labels of 2': dict(labels=arrays['labels'] * 2),
        'complex': dict(logits=logits.astype(complex)),
        'objects': dict(video_ids=arrays['video_ids'].astype(object)),
        'a clip twice': dict(video_ids=np.array(['c0'] * len(logits))),
        'numbers for names': dict(video_ids=np.arange(len(logits))),
        'a class less': dict(classes=arrays['classes'][1:]),
        'empty': {name: each[:0] for name, each in arrays.items() if each.ndim},
        'another scale': dict(scale=np.array('odds')),
        'a scale of many': dict(scale=np.array(['logits'] * 3)),
        'groups of numbers': {'groups/child': np.arange(len(logits))},
    }
    files = {name: npz(**{**arrays, **each}) for name, each in changes.items()}
    files['one MB that becomes 400'] = npz(True, **{**arrays, 'x_found': np.zeros(50_000_000)})
    head = npz(a=np.zeros(2)).replace(b'(2,)', b'(9,)')
    files['a size that is not true'] = head
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        for name in arrays:
            archive.writestr(f'{name}.npy', b'\x93NUMPY\1\0' + b'\xff\xff' + b'[' * 65535)
    files['a head that nests'] = file.getvalue()
    return files


def of_checkpoint(path: Path, whole: bytes) -> dict[str, bytes]:
    good = torch.load(path, weights_only=True)
    state, cfg = good['state_dict'], good['meta']['cfg']
    empty = {name: tensor.to('meta') for name, tensor in state.items()}
    no_number = dict(temperature=float('nan'), thresholds={}, clips=1)

    def meta(**changes: object) -> dict:
        return dict(good, meta={**good['meta'], **changes})

    def config(old: str, new: str) -> dict:
        assert old in cfg, old
        return meta(cfg=cfg.replace(old, new))

    contents = {
        'a list': [],
        'nothing': None,
        'a number': 3,
        'a tensor': torch.zeros(3),
        'an empty dict': {},
        'no state_dict': {'meta': good['meta']},
        'state_dict is None': dict(good, state_dict=None),
        'state_dict is a list': dict(good, state_dict=[1]),
        'texts for tensors': dict(good, state_dict=dict.fromkeys(state, 'x')),
        'numbers for names': dict(good, state_dict=dict(enumerate(state.values()))),
        'other shapes': dict(good, state_dict={k: torch.zeros(3) for k in state}),
        'tensors without numbers': dict(good, state_dict=empty),
        'meta is a list': dict(good, meta=[1]),
        'meta is a text': dict(good, meta='x'),
        'config is bytes': meta(cfg=b'a = 1'),
        'config is a number': meta(cfg=5),
        'config with a call': meta(cfg='model = open("x")'),
        'config that nests': meta(cfg='a = ' + '[' * 5000),
        'config with NUL': meta(cfg=cfg + '\0'),
        'config without a model': meta(cfg='a = 1'),
        'a class less': meta(dataset_meta=dict(classes=['a'] * 7)),
        'a class twice': meta(dataset_meta=dict(classes=['a'] * 8)),
        'classes of numbers': meta(dataset_meta=dict(classes=list(range(8)))),
        'calibration is a text': meta(calibration='x'),
        'calibration is NaN': meta(calibration=no_number),
        '10**9 segments': config('num_clips=3', 'num_clips=1000000000'),
        '0 segments': config('num_clips=3', 'num_clips=0'),
        '10**9 channels': config('in_channels=64', 'in_channels=1000000000'),
        '10**9 classes': config('num_classes=8', 'num_classes=1000000000'),
        'crops of 10**6 pixels': config('32,', '1000000,'),
        'a depth of 10**7': config('depth=18', 'depth=10000000'),
    }
    files = {}
    for name, content in contents.items():
        file = io.BytesIO()
        torch.save(content, file)
        files[name] = file.getvalue()
    return files


MAKERS: dict[str, Callable[[Path, bytes], dict[str, bytes]]] = {
    'OpenFace CSV': of_faces,
    'keypoint text': of_bodies,
    'annotation CSV': of_table,
    'masks.csv': of_masks,
    'landmark cache': of_cache,
    'dump': of_dump,
    'checkpoint': of_checkpoint,
}

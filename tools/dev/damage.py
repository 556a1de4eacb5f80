"""Give damaged and hostile files to every reader, and compare the answers with what is expected.

A reader answers as expected if it refuses a file in one error that names it, or reads the right
values. It does not raise an error from inside a library, hang, or read other numbers. The files
are made anew from a seed.
"""

import argparse
import os
import os.path as osp
import random
import shutil
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from damage_hostile import hostile_contents
from mmengine.config import Config
from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.clips.cache_file import cache_clip, load_cached
from emoreact_plugin.clips.landmark_readers import read_keypoints_txt, read_openface_csv
from emoreact_plugin.clips.masks_csv import MaskedClip, read_masks, write_masks
from emoreact_plugin.datasets.annotations import EMOTIONS, read_annotations
from emoreact_plugin.engine.flags import read_config
from emoreact_plugin.evaluation.dump import Dump, read_dump, write_dump
from emoreact_plugin.inference.scorers.loading import load_scorer
from emoreact_plugin.recipes import build
from emoreact_plugin.sample_data.dataset import write_video
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.tables import text_table
from emoreact_plugin.video.folders import scan_frames
from emoreact_plugin.video.reading import iterate_frames, probe_video
from mmaction.registry import MODELS

FRAMES, SIZE = 12, (64, 48)
SECONDS = 10  # for one file
# Hostile, and right all the same: the values are those that the file states.
OTHER_FILES = {
    f'hostile: {each}'
    for each in (
        "first line 'nan nan'",
        "first line '0.5 0.5 0.5 0.5 0.5 0.5 0.5 ",
        "label '1e-400'",
        "video 'a\\x1b['",
        "video 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        'another kind',
        # rows may be counted from 0
        'frame 0',
        # the face of this frame is missing, and is counted as such
        'x_0 inf',
        'x_0 1e400',
        'x_0 ',
        'a value that grows',
    )
}
ANSWERS = ('refused', 'right values')


@dataclass
class Kind:
    """A kind of input: how it is read, and a whole file of it."""

    name: str
    path: Path
    read: Callable[[Path], Any]
    #: Values may be others than those of the whole file: an image is damaged and still one.
    lossy: bool = False
    #: A letter or digit may become another, and the file is another file and as good.
    text: bool = False
    right: Any = None
    whole: bytes = b''
    hostile: dict[str, bytes] = field(default_factory=dict)


def make_kinds(folder: Path) -> list[Kind]:
    """Write a small, whole file of each kind."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    frames = rng.integers(0, 255, (FRAMES, *SIZE[::-1], 3), np.uint8)
    video = folder / 'clip.mp4'
    write_video(video, frames, 25)
    images = folder / 'frames' / 'clip'
    images.mkdir(parents=True)
    for k, frame in enumerate(frames, 1):
        cv2.imwrite(str(images / f'{k:06d}.jpg'), frame)
    names = ['frame', 'confidence', 'success']
    names += [f'{axis}_{k}' for axis in 'xy' for k in range(68)]
    rows = [[k + 1, 0.75, 1, *rng.uniform(5, 40, 136).round(1)] for k in range(FRAMES)]
    faces = folder / 'clip.csv'
    faces.write_text('\n'.join(', '.join(map(str, row)) for row in (names, *rows)) + '\n')
    bodies = folder / 'clip_hol.txt'
    bodies.write_text('0.5 0.25 0.75 1\n' * FRAMES)
    table = folder / 'train.csv'
    labels = [[f'c{k}.mp4', *rng.integers(0, 2, 8), 4.5] for k in range(6)]
    lines = [['video', *EMOTIONS, 'Valence'], *labels]
    table.write_text('\n'.join(','.join(map(str, line)) for line in lines) + '\n')
    cache = folder / 'clip.safetensors'
    cache_clip(
        cache,
        total_frames=FRAMES,
        frame_size=SIZE,
        landmarks_file=faces,
        keypoints_file=bodies,
        source=video,
    )
    masks = folder / 'masks.csv'
    write_masks(str(folder), {'c0.mp4': MaskedClip('c0.mp4', 'surgical white', FRAMES, 0)})
    dump = folder / 'test.npz'
    logits = rng.normal(size=(6, 8)).astype(np.float32)
    ids = tuple(f'c{k}' for k in range(6))
    write_dump(dump, Dump(ids, tuple(EMOTIONS), np.arange(48).reshape(6, 8) % 2, logits))
    checkpoint, config = folder / 'a.pth', folder / 'a.py'
    save_checkpoint(checkpoint, config)
    kinds = [
        Kind('video', video, lambda path: read_video(path), lossy=True),
        Kind('frame of a folder', images / '000001.jpg', read_folder, lossy=True),
        Kind('OpenFace CSV', faces, lambda path: read_openface_csv(path), text=True),
        Kind('keypoint text', bodies, lambda path: read_keypoints_txt(path, FRAMES), text=True),
        Kind('annotation CSV', table, lambda path: read_annotations(str(path)), text=True),
        Kind('masks.csv', masks, lambda path: read_masks(str(path.parent)), text=True),
        Kind('landmark cache', cache, load_cached),
        Kind('dump', dump, read_dump),
        Kind('checkpoint', checkpoint, read_weights),
        Kind('config file', config, lambda path: read_config(str(path)).to_dict(), text=True),
    ]
    for kind in kinds:
        kind.whole = kind.path.read_bytes()
        kind.right = plain(kind.read(kind.path))
        kind.hostile = hostile_contents(kind.name, kind.path, kind.whole)
    return kinds


def save_checkpoint(path: Path, config: Path) -> None:
    init_default_scope('mmaction')
    cfg = Config(build(arch='resnet18', init='scratch', image_size=32, input='face'))
    cfg.model.recognizer.backbone.update(num_stages=1, out_indices=(0,), strides=(1,))
    cfg.model.recognizer.backbone.update(dilations=(1,))
    cfg.model.recognizer.cls_head.in_channels = 64
    config.write_text(cfg.pretty_text)
    torch.manual_seed(0)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(meta=dict(cfg=cfg.pretty_text, epoch=1), state_dict=state), path)


def read_video(path: Path) -> tuple:
    info = probe_video(path)
    return info, [frame.shape for frame in iterate_frames(path)]


def read_folder(path: Path) -> tuple:
    from emoreact_plugin.clips.clip import Clip

    found = scan_frames(str(path.parent), '{:06d}.jpg')
    clip = Clip(str(path.parent), use_landmarks=False)
    return found, [frame.shape for frame in clip.frames()]


def read_weights(path: Path) -> tuple:
    scorer = load_scorer(str(path), device='cpu')
    return scorer.classes, dict(scorer.model.state_dict())


def plain(value: Any) -> Any:
    """Turn what a reader gives into what can be compared, NaN included."""
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items() if key != 'mtime_ns'}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, '__dataclass_fields__'):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return repr(value)


def damages(kind: Kind, rng: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """Yield the kind of damage and the content; None for a folder in the file's place."""
    whole, size = kind.whole, len(kind.whole)
    for part in (0, 1, size // 4, size // 2, size - size // 8, size - 1):
        yield 'cut off', whole[:part]
    yield 'zeros', bytes(size)
    start = rng.randrange(size // 2)
    yield 'zeros inside', whole[:start] + bytes(size // 4) + whole[start + size // 4 :]
    yield 'noise', rng.randbytes(3000)
    yield 'noise behind', whole + rng.randbytes(100)
    yield 'noise in front', rng.randbytes(8) + whole
    for other in (b'\x89PNG\r\n\x1a\n' + bytes(99), b'PK\5\6' + bytes(18), b'\x1f\x8b\\8abc'):
        yield 'another format', other
    for other in ('hello\n', '\ufeff', '[' * 50_000, '1' * 50_000, '\n' * 50_000, 'a,b\n' * 999):
        yield 'another text', other.encode()
    yield 'a folder', None
    for _ in range(6):
        place = rng.randrange(size)
        # In a text, what no number has; elsewhere, any bit.
        new = rng.choice(b'\0\xffx;') if kind.text else whole[place] ^ (1 << rng.randrange(8))
        yield 'a byte', whole[:place] + bytes([new]) + whole[place + 1 :]
    for name, content in kind.hostile.items():
        yield f'hostile: {name}', content


def answer_of(kind: Kind, path: Path) -> str:
    """Read a file, and say what the answer was."""
    try:
        with time_bound(SECONDS):
            found = plain(kind.read(path))
    except (InputError, OSError) as error:
        names = (str(path), path.name, str(path.parent))
        return 'refused' if any(each in str(error) for each in names) else f'no name: {error}'
    except TimeoutError as error:
        return f'hang: {error}'
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return 'right values' if found == kind.right else 'other values'


@contextmanager
def time_bound(seconds: int) -> Iterator[None]:
    def stop(*args: object) -> None:
        raise TimeLimitError(f'longer than {seconds} s')

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class TimeLimitError(BaseException):
    """Raised where a reader takes too long; no reader catches it."""


def run(folder: Path, seed: int = 0, say: Callable[[str], None] = print) -> tuple[list, list[str]]:
    """Try all damage on all kinds.

    Returns:
        tuple: The rows of the table, and a line for each answer that was not expected.
    """
    rng = random.Random(seed)
    rows, faults = [('input', 'damage', 'tried', 'refused', 'right values', 'other')], []
    for kind in make_kinds(folder):
        counts: dict[str, Counter] = {}
        for number, (damage, content) in enumerate(damages(kind, rng)):
            shutil.rmtree(kind.path, ignore_errors=True)
            kind.path.unlink(missing_ok=True)
            kind.path.mkdir() if content is None else kind.path.write_bytes(content)
            try:
                answer = answer_of(kind, kind.path)
            except TimeLimitError as error:
                answer = f'hang: {error}'
            expected = answer in ANSWERS or (answer == 'other values' and may_differ(kind, damage))
            group = counts.setdefault(damage.partition(':')[0], Counter())
            group[answer if answer in ANSWERS else 'other'] += 1
            if not expected:
                faults.append(f'{kind.name}, {damage} ({number}): {answer[:300]}')
                say(faults[-1])
        if kind.path.is_dir():
            kind.path.rmdir()
        kind.path.write_bytes(kind.whole)
        rows += [
            (
                kind.name,
                damage,
                str(sum(each.values())),
                *(str(each[a]) for a in (*ANSWERS, 'other')),
            )
            for damage, each in counts.items()
        ]
    return rows, faults


def may_differ(kind: Kind, damage: str) -> bool:
    """Tell whether a file may be whole, and another one.

    A text that is cut off between two lines or has other letters in a name is one; an image or a
    video may have other sizes or fewer frames.
    """
    if kind.text:
        return damage in ('cut off', 'a byte', 'zeros inside', 'another text', *OTHER_FILES)
    return kind.lossy and damage in ('a byte', 'cut off', 'zeros inside')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--keep', metavar='DIR', help='keep the whole files there')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    with tempfile.TemporaryDirectory() as folder:
        rows, faults = run(Path(args.keep or osp.join(folder, 'files')), args.seed)
    print(text_table(rows))
    tried = sum(int(row[2]) for row in rows[1:])
    print(f'\n{tried} tried, {len(faults)} not answered as expected')
    sys.stdout.flush()
    os._exit(bool(faults))  # without the leak reports of other libraries


if __name__ == '__main__':
    main()

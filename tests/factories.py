"""Make small data sets, configs, networks, checkpoints and tools for the tests."""

import contextlib
import csv
import importlib.util
import inspect
import io
import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import av
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import init_default_scope

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.recipes import build
from emoreact_plugin.utils import files
from mmaction.registry import MODELS

ROOT = Path(__file__).parents[1]
RUNTIME = ROOT / 'configs' / '_base_' / 'default_runtime.py'
# A folder with real clips, OpenFace files and labels; the few tests that try
# them are skipped without it.
REAL_DATA = Path(os.environ.get('EMOREACT_TEST_DATA', 'not-given'))
WIDTH, HEIGHT, FRAMES = 64, 48, 6
EMOTIONS = (
    'Curiosity',
    'Uncertainty',
    'Excitement',
    'Happiness',
    'Surprise',
    'Disgust',
    'Fear',
    'Frustration',
)
# A network small enough to train in a test.
SMALL = dict(arch='resnet18', init='scratch', image_size=32)
# For --cfg-options: no processes that load clips, which take longer to start than to load.
NO_WORKERS = [
    f'{split}_dataloader.{option}'
    for split in ('train', 'val', 'test')
    for option in ('num_workers=0', 'persistent_workers=False')
]
LOAD = [
    dict(type='SampleFrames', clip_len=1, num_clips=3, test_mode=True),
    dict(type='DecodeVideo'),
    dict(type='LoadLandmarks'),
]
LOAD_FRAMES = [LOAD[0], dict(type='RawFrameDecode'), LOAD[2]]


def write_video(path: Path, frames: np.ndarray) -> None:
    """Write (n, H, W, 3) uint8 RGB frames as H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        stream.options = dict(crf='4')
        for frame in frames:
            image = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(image))
        container.mux(stream.encode())


def write_timed(path: Path, times, width=64, height=48, codec='libx264') -> Path:
    """Write a video whose frames are shown at these times, in seconds, and grow brighter."""
    clock = Fraction(1, 12800)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, 30, options=dict(crf='4'))
        stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
        stream.codec_context.time_base = clock
        for k, time in enumerate(times):
            image = np.full((height, width, 3), (20 + 7 * k) % 236, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = round(time / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_openface(path: Path, points: np.ndarray) -> None:
    """Write (n, 68, 2) landmarks as OpenFace does; a NaN face failed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ['frame', 'face_id', 'timestamp', 'confidence', 'success']
    columns += [f'x_{i}' for i in range(68)] + [f'y_{i}' for i in range(68)]
    lines = [', '.join(columns)]
    for k, face in enumerate(points):
        there = np.isfinite(face).all()
        values = np.nan_to_num(face).T.ravel()
        lines.append(
            ', '.join(
                [str(k + 1), '0', f'{k / 25:.3f}', '0.98' if there else '0', str(int(there))]
                + [f'{v:.1f}' for v in values]
            )
        )
    path.write_text('\n'.join(lines) + '\n')


def face_of(frame: int) -> np.ndarray:
    """(68, 2): extent x 10 + frame .. 30 + frame, y 5 .. 25, pixels."""
    rng = np.random.default_rng(frame)
    points = rng.uniform((10, 5), (30, 25), (68, 2)).round(1)
    points[:2] = (10, 5), (30, 25)
    return points + (frame, 0)


def body_of(frame: int) -> np.ndarray:
    """(3, 2): fractions of width and height; x 0.1 .. 0.9, y 0.2 .. 1."""
    return np.array([(0.1, 0.2), (0.5, 0.6), (0.9, 1.0)])


class TinyData(NamedTuple):
    root: Path
    videos: dict  # split -> names
    labels: dict  # split -> (n, 8) int


def make_tiny(root: Path, counts=(8, 4, 6), seed=0) -> TinyData:
    """Clips whose frame k has the brightness 20 + 30 k."""
    rng = np.random.default_rng(seed)
    videos, labels = {}, {}
    ramp = 20 + 30 * np.arange(FRAMES)
    first = root / 'videos' / 'TRAIN100_2.mp4'
    frames = np.broadcast_to(ramp[:, None, None, None], (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    for split, count in zip(('train', 'val', 'test'), counts, strict=True):
        names = [f'{split.upper()}10{i}_2.mp4' for i in range(count)]
        table = rng.integers(0, 2, (count, 8))
        table[0], table[1] = 1, 0  # both values for every emotion
        for name in names:
            if not first.exists():
                write_video(first, frames)
            elif first.name != name:
                shutil.copy(first, root / 'videos' / name)
            stem = name[:-4]
            write_openface(
                root / 'videos' / f'{name}_openface' / f'{stem}.csv',
                np.stack([face_of(k) for k in range(FRAMES)]),
            )
            (root / 'videos' / f'{name}_hol.txt').write_text(
                ''.join(
                    ' '.join(f'{v:.2f}' for v in body_of(k).ravel()) + '\n' for k in range(FRAMES)
                )
            )
        write_annotations(root / f'{split}.csv', names, table)
        videos[split], labels[split] = names, table
    return TinyData(root, videos, labels)


def write_annotations(path: Path, names, table) -> None:
    """Write the annotation CSV; the valence of row i is 1 + i / 4."""
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['', 'video', *EMOTIONS, 'Valence'])
        for i, (name, row) in enumerate(zip(names, table, strict=True)):
            writer.writerow([i, name, *row, 1 + i / 4])


def to_frames(root: Path, names, start: int, folder='frames'):
    """Write a folder of PNG files for each video."""
    for name in names:
        directory = root / folder / name[:-4]
        directory.mkdir(parents=True)
        for k in range(FRAMES):
            image = np.full((HEIGHT, WIDTH, 3), 20 + 30 * k, np.uint8)
            cv2.imwrite(str(directory / f'{start + k:06d}.png'), image)


def dataset(root, split='train', pipeline=(), **kwargs) -> EmoReactDataset:
    """Make the data set of a split of ``make_tiny``."""
    return EmoReactDataset(
        ann_file=f'{split}.csv',
        pipeline=list(pipeline),
        data_root=str(root),
        test_mode=split != 'train',
        **kwargs,
    )


# Only the first stage of the ResNets: fast to train. TSM's of MMAction2 need all four.
SHALLOW = """
for __network in [model['recognizer']] if 'recognizer' in model else model['streams'].values():
    if __network['backbone']['type'] == 'ResNet':
        __network['cls_head']['in_channels'] = 64 if __network['backbone']['depth'] == 18 else 256
        __network['backbone'].update(
            num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)
        )
"""


def small_config(**options) -> Config:
    """Build a recipe with a small network, and with other options."""
    cfg = Config(build(**{**SMALL, **options}))
    exec(SHALLOW, dict(model=cfg.model))
    return cfg


def write_config(path: Path, more: str = SHALLOW, **options) -> Path:
    """Write a config file of a recipe with a small network, other options and more lines."""
    path.write_text(
        f'_base_ = [{str(RUNTIME)!r}]\n'
        'from emoreact_plugin.recipes import build\n'
        f'globals().update(build(**{dict(SMALL, **options)!r}))\n{more}'
    )
    return path


def save_checkpoint(path: Path, meta=None, cfg=None, **options) -> str:
    """Save a checkpoint of a recipe's model, or a config's, with random weights."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    cfg = cfg or small_config(**options)
    model = MODELS.build(cfg.model)
    # Random heads score all alike, near 0.5.
    for name, parameter in model.named_parameters():
        if name.endswith('fc_cls.weight'):
            parameter.data *= 50
    torch.save(
        dict(
            meta=dict(cfg=cfg.pretty_text, dataset_meta=meta or {}), state_dict=model.state_dict()
        ),
        path,
    )
    return str(path)


def recognizer2d(num_classes=8, backbone=None, head=None, channels=512):
    return dict(
        type='Recognizer2D',
        backbone=backbone or dict(type='ResNet', pretrained=None, depth=18),
        cls_head=dict(
            dict(
                type='TSNHead',
                num_classes=num_classes,
                in_channels=channels,
                dropout_ratio=0,
                init_std=0.5,
            ),
            **(head or {}),
        ),
        data_preprocessor=dict(
            type='ActionDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
        ),
    )


def recognizer3d(num_classes=8):
    return dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3dSlowOnly',
            depth=18,
            pretrained=None,
            lateral=False,
            conv1_kernel=(1, 7, 7),
            inflate=(0, 0, 1, 1),
        ),
        cls_head=dict(
            type='I3DHead', num_classes=num_classes, in_channels=512, dropout_ratio=0, init_std=0.5
        ),
        data_preprocessor=dict(
            type='ActionDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            format_shape='NCTHW',
        ),
    )


def stock_config(*steps, clip_len=1, num_clips=3, input_format='NCHW', **recognizer) -> Config:
    """Make the config of a stock recognizer that tests whole frames, after some steps on them."""
    pipeline = [
        dict(type='DecordInit'),
        dict(
            type='SampleFrames',
            clip_len=clip_len,
            frame_interval=1,
            num_clips=num_clips,
            test_mode=True,
        ),
        dict(type='DecordDecode'),
        *steps,
        dict(type='FormatShape', input_format=input_format),
        dict(type='PackActionInputs'),
    ]
    data = dict(dataset=dict(type='VideoDataset', pipeline=pipeline))
    return Config(dict(model=recognizer2d(**recognizer), test_dataloader=data))


def load_tool(name: str | Path) -> ModuleType:
    """Import tools/NAME.py, or the file of another tool, anew, without running it."""
    path = name if isinstance(name, Path) else ROOT / 'tools' / f'{name}.py'
    spec = importlib.util.spec_from_file_location(path.stem, path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def call_tool(tool: str | ModuleType, *arguments) -> tuple[int, str, str]:
    """Run a tool in this process as the shell does: exit code, stdout and stderr."""
    tool = load_tool(tool) if isinstance(tool, str) else tool
    out, errors = io.StringIO(), io.StringIO()
    # MMEngine names a run by config and second: the next one would take over its best score.
    MessageHub._instance_dict.clear()
    MMLogger._instance_dict.clear()
    threads = cv2.getNumThreads()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(sys, 'argv', [tool.__file__, *map(str, arguments)])
        patch.setenv('LOCAL_RANK', '0')  # the tools set it
        try:
            takes = 'args' in inspect.signature(tool.main).parameters
            tool.main(*([tool.parse_args()] if takes else []))
            code = 0
        except SystemExit as end:
            code = end.code or 0
            if isinstance(code, str):
                print(code, file=sys.stderr)
                code = 1
        finally:
            cv2.setNumThreads(threads)
    return code, out.getvalue(), errors.getvalue()


def tpn_neck(**settings) -> dict:
    """Return a small TPN for features of 32 and 64 channels; settings are of its auxiliary head."""
    return dict(
        type='TPN',
        in_channels=(32, 64),
        out_channels=64,
        spatial_modulation_cfg=dict(in_channels=(32, 64), out_channels=64),
        temporal_modulation_cfg=dict(downsample_scales=(8, 8)),
        upsample_cfg=dict(scale_factor=(1, 1, 1)),
        downsample_cfg=dict(downsample_scale=(1, 1, 1)),
        level_fusion_cfg=dict(
            in_channels=(64, 64),
            mid_channels=(64, 64),
            out_channels=64,
            downsample_scales=((1,) * 3,) * 2,
        ),
        aux_head_cfg=settings,
    )


def left_over(name):
    """Return the name under which a process of this machine that is dead was writing."""
    return f'.{name[:30]}.{files._here()}-999999999-0123abcd.part'

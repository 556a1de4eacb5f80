"""Train and test each family of MMAction2's recognizers with our data, alone and as a stream.

A family is one stock config. Its leaf is that of docs/stock_models.md: configs/mixed/
swin_fullframe.py (alone, on whole frames) and swin_face_tsn_body.py (as a stream, beside TSN) with
the family's config in the place of Swin's. Each runs in a process of its own: two iterations of
training from random weights, val and test, with small frames of a few drawn clips. Nothing is
learned. If it was stopped, it continues where it was.
"""

import argparse
import json
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.hub import get_config

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.runner import build_runner
from emoreact_plugin.engine.training import add_hooks
from emoreact_plugin.recipes import datasets_of, edit
from emoreact_plugin.sample_data import make_sample_dataset
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_json
from emoreact_plugin.utils.progress import progress_bar, write_above
from emoreact_plugin.utils.tables import markdown_table

MIXED = Path(__file__).resolve().parents[2] / 'configs' / 'mixed'
SWIN = 'swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb.py'
SAMPLER = "type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1"
WAYS = ('alone', 'stream')
# For a stock config that has a test pipeline only.
TRAINING = """
train_pipeline = [
    dict(type='SampleFrames', {sampler}),
    dict(type='DecodeVideo'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
val_pipeline = _base_.test_pipeline
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_interval=1)
val_cfg = dict(type='ValLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05)
)
"""

# For a stock config that reads frames from files.
RAW_FRAMES = """
for __steps in (_base_.train_pipeline, _base_.val_pipeline, _base_.test_pipeline):
    __steps[1] = dict(type='DecodeVideo')
"""


@dataclass(frozen=True)
class Family:
    """A family of recognizers.

    Attributes:
        config (str): One of its configs, in ``mmaction::recognition/``.
        size (int): Height and width of the frames.
        model (dict): What in the model depends on that size, or on the number of labels.
        stream (dict): What else to set as a stream.
        sampler (str): Arguments of ``SampleFrames`` in training, if the config has no training.
        note (str): What else to know, for the table.
    """

    config: str
    size: int = 64
    model: dict = field(default_factory=dict)
    stream: dict = field(default_factory=dict)
    sampler: str = ''
    note: str = ''


# The auxiliary heads of TPN, alone; as a stream it gets our loss whatever it has.
TPN = dict(neck=dict(aux_head_cfg=dict(out_channels=8, loss_cls=dict(type='BCELossWithLogits'))))
FAMILIES = dict(
    c2d=Family('c2d/c2d_r50-in1k-pre_8xb32-8x8x1-100e_kinetics400-rgb.py'),
    # Its first fully connected layer is for frames of 112 pixels.
    c3d=Family('c3d/c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb.py', size=112),
    csn=Family(
        'csn/ircsn_ig65m-pretrained-r50-bnfrozen_8xb12-32x2x1-58e_kinetics400-rgb.py',
        note='alone, `batch_size=1` in val and test',
    ),
    i3d=Family('i3d/i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb.py'),
    i3d_non_local=Family(
        'i3d/i3d_imagenet-pretrained-r50-nl-dot-product_8xb8-32x2x1-100e_kinetics400-rgb.py'
    ),
    mvit=Family(
        'mvit/mvit-small-p244_32xb16-16x4x1-200e_kinetics400-rgb.py',
        model=dict(backbone=dict(spatial_size=64)),
        stream=dict(data_preprocessor=dict(blending=None)),
        note='needs pytorchvideo; as a stream, `blending=None` or the same in all streams',
    ),
    omnisource=Family(
        'omnisource/slowonly_r50_8xb16-8x8x1-256e_imagenet-kinetics400-rgb.py',
        note='a SlowOnly that learns from images and clips in turn; its head has no `num_classes`',
    ),
    r2plus1d=Family('r2plus1d/r2plus1d_r34_8xb8-8x8x1-180e_kinetics400-rgb.py'),
    slowfast=Family('slowfast/slowfast_r50_8xb8-4x16x1-256e_kinetics400-rgb.py'),
    slowonly=Family('slowonly/slowonly_r50_8xb16-4x16x1-256e_kinetics400-rgb.py'),
    swin=Family(SWIN),
    tanet=Family('tanet/tanet_imagenet-pretrained-r50_8xb8-dense-1x1x8-100e_kinetics400-rgb.py'),
    timesformer=Family(
        'timesformer/timesformer_divST_8xb8-8x32x1-15e_kinetics400-rgb.py',
        model=dict(backbone=dict(img_size=64)),
    ),
    tin=Family(
        'tin/tin_kinetics400-pretrained-tsm-r50_1x1x8-50e_kinetics400-rgb.py',
        note='needs `tin_shift` of the full mmcv, not of mmcv-lite',
    ),
    tpn_slowonly=Family('tpn/tpn-slowonly_r50_8xb8-8x8x1-150e_kinetics400-rgb.py', model=TPN),
    tpn_tsm=Family('tpn/tpn-tsm_imagenet-pretrained-r50_8xb8-1x1x8-150e_sthv1-rgb.py', model=TPN),
    trn=Family('trn/trn_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb.py'),
    tsm=Family('tsm/tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb.py'),
    tsm_mobilenetv2=Family(
        'tsm/tsm_imagenet-pretrained-mobilenetv2_8xb16-1x1x8-100e_kinetics400-rgb.py'
    ),
    tsm_mobileone=Family(
        'tsm/tsm_imagenet-pretrained-mobileone-s4_8xb16-1x1x16-50e_kinetics400-rgb.py',
        model=dict(backbone=dict(pretrained2d=False)),
        note='needs mmpretrain',
    ),
    tsn=Family('tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py'),
    uniformer=Family(
        'uniformer/uniformer-small_imagenet1k-pre_16x4x1_kinetics400-rgb.py',
        sampler='clip_len=16, frame_interval=4, num_clips=1',
    ),
    uniformerv2=Family(
        'uniformerv2/uniformerv2-base-p16-res224_clip_8xb32-u8_kinetics400-rgb.py',
        model=dict(backbone=dict(input_resolution=64, clip_pretrained=False)),
        note='needs pytorchvideo',
    ),
    videomae=Family(
        'videomae/vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400.py',
        model=dict(backbone=dict(img_size=64)),
        sampler='clip_len=16, frame_interval=4, num_clips=1',
    ),
    videomaev2=Family(
        'videomaev2/vit-small-p16_videomaev2-vit-g-dist-k710-pre_16x4x1_kinetics-400.py',
        model=dict(backbone=dict(img_size=64)),
        sampler='clip_len=16, frame_interval=4, num_clips=1',
    ),
    x3d=Family(
        'x3d/x3d_s_13x6x1_facebook-kinetics400-rgb.py',
        sampler='clip_len=13, frame_interval=6, num_clips=1',
    ),
)


def write_leaf(family: Family, way: str, path: Path) -> None:
    """Write a family's leaf: the example in configs/mixed, with its config instead of Swin's."""
    name = dict(alone='swin_fullframe', stream='swin_face_tsn_body')[way]
    text = (MIXED / f'{name}.py').read_text(encoding='utf-8')
    steps = get_config(f'mmaction::recognition/{family.config}').get('train_pipeline', ())
    changes = {SWIN: family.config, "'../_base_": f"'{MIXED.parent}/_base_"}
    imports = 'custom_imports = '
    if way == 'alone' and not steps:
        changes[imports] = TRAINING.format(sampler=family.sampler) + imports
        for split in ('train', 'val'):  # nothing of the base to replace
            changes[f'_base_.{split}_pipeline'] = f'{split}_pipeline'
            loader = f'{split}_dataloader = dict(\n    __loader,\n'
            changes[f'{loader}    _delete_=True,\n'] = loader
        changes['val_evaluator = dict(_delete_=True, '] = 'val_evaluator = dict('
    elif way == 'alone' and any(step.type == 'RawFrameDecode' for step in steps):
        changes[imports] = RAW_FRAMES + imports
    elif way == 'stream':
        sampler = next((dict(step) for step in steps if 'Sample' in step.type), None)
        arguments = ', '.join(f'{key}={value!r}' for key, value in (sampler or {}).items())
        layout = next((s.input_format for s in steps if s.type == 'FormatShape'), 'NCTHW')
        changes[SAMPLER] = arguments or f"type='SampleFrames', {family.sampler}"
        changes["'NCTHW'"] = repr(layout)
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text, encoding='utf-8')


def _parts(config: dict | list | tuple) -> Iterator[dict]:
    """Yield all dicts within a config."""
    if isinstance(config, dict):
        yield config
    for each in config.values() if isinstance(config, dict) else config:
        if isinstance(each, dict | list | tuple):
            yield from _parts(each)


def shrink(cfg: Config, family: Family, way: str, root: Path) -> None:
    """Take small frames, few views, batches of two clips, one epoch and random start weights."""
    cfg.merge_from_dict({'model.streams.face' if way == 'stream' else 'model': family.model})
    if way == 'stream':
        cfg.merge_from_dict({'model.streams.face': family.stream})
        edit(cfg, dict(init='scratch'))
    for part in _parts(cfg.model):
        part.update({key: None for key in ('pretrained', 'init_cfg') if key in part})
        part.update({key: False for key in ('pretrained2d',) if key in part})
    square = (family.size, family.size)
    steps = cfg.train_dataloader.dataset.pipeline
    segments = max(step.get('num_clips', 2) for step in _parts(steps))
    for dataset in datasets_of(cfg):
        dataset.data_root = str(root)
        for step in _parts(dataset.pipeline):
            if step.get('type') == 'Resize':
                step.update(scale=square, keep_ratio=False)
            elif step.get('type') == 'RandomRescale':
                step.update(scale_range=(family.size, family.size + 8))
            step.update({key: family.size for key in ('size', 'crop_size') if key in step})
            if 'input_size' in step:
                step.update(input_size=square)
            if 'num_clips' in step:
                views = 2 if step.get('clip_len', 1) > 1 else segments
                step.update(num_clips=min(step.num_clips, views))
    one_by_one = (cfg.model.get('test_cfg') or {}).get('max_testing_views')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(num_workers=0, persistent_workers=False)
        cfg[f'{split}_dataloader'].batch_size = 1 if one_by_one and split != 'train' else 2
    if 'auto_scale_lr' in cfg:
        cfg.auto_scale_lr.enable = True  # stock rates are for batches of 64 clips and more
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.load_from = None
    cfg.default_hooks.checkpoint = None  # large files that nobody needs


def run(name: str, way: str, root: Path, folder: Path) -> dict[str, str]:
    """Train and test a family in this process.

    Args:
        name (str): A key of :data:`FAMILIES`.
        way (str): ``'alone'`` or ``'stream'``.
        root (Path): The sample data.
        folder (Path): For the leaf and all that the training writes.

    Returns:
        dict[str, str]: ``result``: ``'ok'``, ``'refused'`` for an error that tells what to mend,
        or ``'failed'``; and ``reason``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_leaf(FAMILIES[name], way, folder / 'leaf.py')
        cfg = Config.fromfile(folder / 'leaf.py')
        shrink(cfg, FAMILIES[name], way, root)
        cfg.work_dir = str(folder / 'run')  # which gets a leaf.py as well, the resolved one
        add_hooks(cfg)
        runner = build_runner(cfg)
        runner.train()
        if runner.iter != 2:
            raise AssertionError(f'expected 2 iterations, found {runner.iter}')
        metrics = (folder / 'run' / 'metrics.json').read_text(encoding='utf-8')
        scores = json.loads(metrics)['results']
        for split in ('val', 'test'):
            if not 0 <= scores[split]['roc_auc/micro'] <= 1:
                raise AssertionError(f'{split}: {scores[split]}')
        loss = runner.message_hub.get_scalar('train/loss').current()
        if not np.isfinite(loss):
            raise AssertionError(f'the loss is {loss}')
    except InputError as error:
        return dict(result='refused', reason=str(error))
    except Exception as error:
        traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f'{Path(place.filename).name}:{place.lineno}'
        return dict(result='failed', reason=f'{type(error).__name__} in {where}: {error}')
    return dict(result='ok', reason='')


def run_apart(name: str, way: str, args: argparse.Namespace) -> dict[str, str]:
    """Train and test a family in a process of its own, which may crash or be killed."""
    folder = args.out / f'{name}_{way}'
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, '--out', args.out, '--data-root', args.data_root]
    with open(folder / 'console.txt', 'w', encoding='utf-8') as console:
        try:
            code = subprocess.run(
                [*map(str, command), '--child', name, way],
                stdout=console,
                stderr=subprocess.STDOUT,
                timeout=args.timeout,
            ).returncode
        except subprocess.TimeoutExpired:
            return dict(result='failed', reason=f'took longer than {args.timeout} seconds')
    if code:
        return dict(result='failed', reason=f'the process ended with {code}')
    return json.loads((folder / 'result.json').read_text(encoding='utf-8'))


def table_of(results: dict[str, dict]) -> str:
    """Write the results as a Markdown table."""
    rows = []
    for name, ways in results.items():
        family = FAMILIES[name]
        reasons = [ways[way]['reason'].split('\n')[0] for way in WAYS]
        reasons = [family.note] if family.note else [*dict.fromkeys(filter(None, reasons))]
        if family.sampler:
            reasons.append('the leaf adds a training pipeline and a schedule')
        config = family.config.split('/')[1].removesuffix('.py')
        found = (ways[way]['result'] for way in WAYS)
        rows.append([name, f'`{config}`', *found, '; '.join(reasons)])
    return markdown_table(('Family', 'Config', 'Alone', 'As a stream', 'Reason'), rows)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--only', nargs='+', choices=FAMILIES, metavar='NAME', help='families')
    parser.add_argument(
        '--data-root',
        type=Path,
        default=Path('data/sample_families'),
        help='a few clips, drawn where they are not there',
    )
    parser.add_argument('--out', type=Path, default=Path('work_dirs/families'))
    parser.add_argument('--timeout', type=int, default=600, help='seconds a run')
    parser.add_argument('--again', action='store_true', help='run anew what is in the results')
    parser.add_argument('--child', nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.child:
        name, way = args.child
        folder = args.out / f'{name}_{way}'
        result = run(name, way, args.data_root, folder)
        write_json(folder / 'result.json', result)
        return
    if not args.data_root.is_dir():
        make_sample_dataset(str(args.data_root), num_train=4, num_val=2, num_test=2)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / 'results.json'
    results = json.loads(path.read_text(encoding='utf-8')) if path.is_file() else {}
    for name in progress_bar(args.only or list(FAMILIES), unit='family'):
        ways = results.setdefault(name, {})
        for way in WAYS:
            if way not in ways or args.again:
                ways[way] = run_apart(name, way, args)
                write_json(path, results)
            write_above(f'{name}, {way}: {" ".join(ways[way].values())}')
    print(table_of({name: results[name] for name in FAMILIES if name in results}))


if __name__ == '__main__':
    main()

"""Stock models with our data: configs/mixed, each trained and tested."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner

import mmaction
from emoreact_plugin import InputError
from emoreact_plugin.recipes import edit
from mmaction.registry import DATASETS, MODELS

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[1] / 'configs'
FUSION = 'tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-fusion.py'
STOCK_TRAIN = Path(mmaction.__file__).parent / '.mim' / 'tools' / 'train.py'
SIZE = 32


def loaders(cfg, root):
    """Small images, few frames and no workers for a config's loaders."""
    result = {}
    for split in ('train', 'val', 'test'):
        pipeline = cfg[f'{split}_dataloader'].dataset.pipeline
        for step in pipeline:
            lists = step.get('transforms', {})
            lists = lists.values() if isinstance(lists, dict) else [lists]
            for each in [step, *(t for ts in lists for t in ts)]:
                if each.type == 'Resize':
                    each.update(scale=(SIZE, SIZE), keep_ratio=False)
                for key in ('size', 'crop_size'):
                    if key in each:
                        each[key] = SIZE
                if each.type == 'SampleFrames':
                    each.update(clip_len=min(each.clip_len, 8), frame_interval=1)
                if each.type == 'SampleStreamFrames':
                    face = each.streams.face
                    face.update(clip_len=min(face.clip_len, 8), frame_interval=1)
                    if split == 'test':
                        each.streams.face.num_clips = 2
        result[f'{split}_dataloader'] = dict(
            batch_size=4,
            num_workers=0,
            persistent_workers=False,
            dataset=dict(data_root=str(root), pipeline=pipeline),
        )
    return result


SLOWONLY = dict(
    start_weights=None,
    partial_bn=False,
    streams=dict(
        face=dict(
            backbone=dict(depth=18, base_channels=8, pretrained=None), cls_head=dict(in_channels=64)
        ),
        body=dict(
            backbone=dict(_delete_=True, type='MobileNetV2', widen_factor=0.25, pretrained=None),
            cls_head=dict(in_channels=1280),
        ),
    ),
)
SWIN = dict(
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=12, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2]),
        pretrained=None,
        pretrained2d=False,
        window_size=(2, 4, 4),
    ),
    cls_head=dict(in_channels=96),
)
VIDEOMAE = dict(
    backbone=dict(img_size=SIZE, num_frames=8, embed_dims=16, depth=1, num_heads=2, init_cfg=None),
    cls_head=dict(in_channels=16),
)
TORCHVISION = dict(
    backbone=dict(_delete_=True, type='torchvision.mobilenet_v3_small', weights=None),
    cls_head=dict(in_channels=576),
)
SMALL = dict(
    slowonly_face_tsn_body=SLOWONLY,
    swin_face_tsn_body=dict(SLOWONLY, streams=dict(SLOWONLY['streams'], face=SWIN)),
    swin_fullframe=SWIN,
    torchvision_streams=dict(partial_bn=False, streams=dict(face=TORCHVISION, body=TORCHVISION)),
    tsn_face_alone=dict(backbone=dict(depth=18, pretrained=None), cls_head=dict(in_channels=512)),
    videomae_face=dict(streams=dict(face=VIDEOMAE)),
)


@pytest.fixture(scope='module')
def small(tiny, tmp_path_factory):
    """Name of a config -> path of a small one that has it as its base."""
    folder = tmp_path_factory.mktemp('mixed')

    def write(name):
        base = CONFIGS / 'mixed' / f'{name}.py'
        options = dict(
            model=SMALL[name],
            train_cfg=dict(max_epochs=1, val_interval=1),
            default_hooks=dict(checkpoint=dict(interval=1)),
            randomness=dict(seed=0),
            **loaders(Config.fromfile(base), tiny.root),
        )
        path = folder / f'{name}.py'
        path.write_text(
            f'_base_ = [{str(base)!r}]\n'
            + ''.join(f'{key} = {value!r}\n' for key, value in options.items())
        )
        return path

    return {name: write(name) for name in SMALL}


def run(config, work_dir):
    cfg = Config.fromfile(config)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'{Path(config).stem}_{Path(work_dir).name}'
    return Runner.from_cfg(cfg)


def dataset_of(config, split='test'):
    return DATASETS.build(Config.fromfile(config)[f'{split}_dataloader'].dataset)


def batch_of(dataset, n=2):
    return pseudo_collate([dataset[i] for i in range(n)])


@pytest.mark.parametrize('name', SMALL)
def test_a_mixed_config_trains_and_is_scored(small, tiny, name, tmp_path):
    runner = run(small[name], tmp_path)
    before = {k: v.clone() for k, v in runner.model.named_parameters()}
    runner.train()
    for key, value in runner.model.named_parameters():
        assert torch.isfinite(value).all(), key
    # every network has learned something
    changed = {
        key.split('.backbone')[0].split('.cls_head')[0]
        for key, value in runner.model.named_parameters()
        if not torch.equal(value, before[key])
    }
    networks = {key.split('.backbone')[0].split('.cls_head')[0] for key in before}
    assert changed == networks
    scores = runner.test()
    assert 0 <= scores['roc_auc/micro'] <= 1
    assert set(tmp_path.glob('best_roc_auc*.pth'))


def test_a_3d_stream_has_8_frames_and_the_body_3_of_them(small):
    inputs = dataset_of(small['slowonly_face_tsn_body'], 'val')[0]['inputs']
    face, body = inputs['face_imgs'], inputs['body_imgs']
    assert face.shape == (1, 3, 8, SIZE, SIZE)
    assert body.shape == (3, 3, SIZE, SIZE)
    # frame k of the six has the brightness 20 + 30 k; 8 frames start anew
    seen = face.float().amax((0, 1, 3, 4))
    expected = 20 + 30 * np.array([0, 1, 2, 3, 4, 5, 0, 1])
    np.testing.assert_allclose(seen, expected, atol=3)
    np.testing.assert_allclose(body.float().amax((1, 2, 3)), expected[[1, 3, 5]], atol=3)


def test_a_recognizer_alone_sees_what_a_stream_sees(tiny, small):
    alone = dataset_of(small['tsn_face_alone'])[1]['inputs']
    cfg = Config.fromfile(CONFIGS / 'emoreact' / FUSION)
    data = cfg.test_dataloader.dataset
    data.update(loaders(cfg, tiny.root)['test_dataloader']['dataset'])
    assert alone.shape == (3, 3, SIZE, SIZE)
    assert torch.equal(alone, DATASETS.build(data)[1]['inputs']['face_imgs'])


def test_views_of_the_3d_stream_are_averaged(small):
    name = 'slowonly_face_tsn_body'
    cfg, dataset = Config.fromfile(small[name]), dataset_of(small[name])
    model = MODELS.build(cfg.model).eval()
    batch = batch_of(dataset)
    assert batch['inputs']['face_imgs'][0].shape == (2, 3, 8, SIZE, SIZE)
    assert batch['inputs']['body_imgs'][0].shape == (3, 3, SIZE, SIZE)
    data = model.data_preprocessor(batch)
    with torch.no_grad():
        samples = model.test_step(batch)
        face = model.recognizers['face']
        body = model.recognizers['body']
        for i, sample in enumerate(samples):
            views = data['inputs']['face_imgs'][i]
            each = face.cls_head(face.backbone(views))
            frames = data['inputs']['body_imgs'][i]
            mean = body.cls_head.fc_cls(body.backbone(frames).mean((2, 3)).mean(0))
            torch.testing.assert_close(
                sample.stream_logits['face'], each.mean(0), rtol=1e-3, atol=1e-4
            )
            torch.testing.assert_close(
                sample.pred_logits, (each.mean(0) + mean) / 2, rtol=1e-3, atol=1e-4
            )


def test_swins_scores_are_mean_logits_of_its_views(small):
    config = small['swin_fullframe']
    model = MODELS.build(Config.fromfile(config).model).eval()
    torch.nn.init.normal_(model.cls_head.fc_cls.weight)
    batch = batch_of(dataset_of(config))
    # 4 clips, 3 crops of each
    assert batch['inputs'][0].shape == (12, 3, 8, SIZE, SIZE)
    data = model.data_preprocessor(batch)
    with torch.no_grad():
        samples = model.test_step(batch)
        for views, sample in zip(data['inputs'], samples, strict=True):
            pooled = model.backbone(views).mean((2, 3, 4))
            logits = (pooled @ model.cls_head.fc_cls.weight.T + model.cls_head.fc_cls.bias).mean(0)
            torch.testing.assert_close(sample.pred_score, logits, rtol=1e-3, atol=1e-4)
            assert abs(sample.pred_score.sum() - 1) > 0.01


def test_init_scratch_leaves_no_start_weights():
    names = ('slowonly_face_tsn_body', 'torchvision_streams', 'swin_face_tsn_body', 'videomae_face')
    slowonly, torchvision, swin, videomae = (
        Config.fromfile(CONFIGS / 'mixed' / f'{name}.py') for name in names
    )
    for cfg in (slowonly, torchvision, swin, videomae):
        edit(cfg, dict(init='scratch'))
        assert cfg.model.start_weights is None
        assert not cfg.model.partial_bn
    streams = slowonly.model.streams
    assert streams.face.backbone.pretrained is None
    assert torchvision.model.streams.face.backbone.weights is None
    assert swin.model.streams.face.backbone.pretrained is None
    assert not swin.model.streams.face.backbone.pretrained2d
    assert videomae.model.streams.face.backbone.init_cfg is None


def test_num_segments_is_the_number_of_frames_of_the_2d_stream():
    cfg = Config.fromfile(CONFIGS / 'mixed' / 'slowonly_face_tsn_body.py')
    edit(cfg, dict(num_segments=5, shift=True))
    for split in ('train', 'val', 'test'):
        streams = cfg[f'{split}_dataloader'].dataset.pipeline[0].streams
        assert streams.body == dict(share='face', num_frames=5)
        assert (streams.face.clip_len, streams.face.num_clips) == (8, 1)
        streams.body = dict(type='SampleFrames', clip_len=1, num_clips=3)
    body = cfg.model.streams.body
    assert body.backbone.num_segments == body.cls_head.num_segments == 5
    edit(cfg, dict(num_segments=10))
    assert body.backbone.num_segments == body.cls_head.num_segments == 10
    for split in ('train', 'val', 'test'):
        streams = cfg[f'{split}_dataloader'].dataset.pipeline[0].streams
        assert streams.body == dict(type='SampleFrames', clip_len=1, num_clips=10)
        streams.body = dict(share='face')
    with pytest.raises(InputError, match='--num-segments: .*2D stream.*SampleStreamFrames'):
        edit(cfg, dict(num_segments=3))


def test_masks_are_drawn_once_on_the_frames_of_all_streams(tiny, small):
    mask = dict(type='DrawFaceMask', seed=0)
    data = Config.fromfile(small['slowonly_face_tsn_body']).val_dataloader
    plain = DATASETS.build(data.dataset)[0]['inputs']
    data.dataset.pipeline.insert(3, mask)
    masked = DATASETS.build(data.dataset)[0]['inputs']
    # all six frames by stock sampling, the same for both streams
    cfg = Config.fromfile(CONFIGS / 'emoreact' / FUSION)
    edit(cfg, dict(num_segments=1))
    data = cfg.val_dataloader.dataset
    data.update(loaders(cfg, tiny.root)['val_dataloader']['dataset'])
    data.pipeline[0].update(clip_len=6)
    data.pipeline.insert(3, mask)
    all_six = DATASETS.build(data)[0]['inputs']
    face, body = all_six['face_imgs'], all_six['body_imgs']
    assert torch.equal(masked['face_imgs'][0].transpose(0, 1), face[[0, 1, 2, 3, 4, 5, 0, 1]])
    assert torch.equal(masked['body_imgs'], body[[1, 3, 5]])
    assert not torch.equal(masked['face_imgs'], plain['face_imgs'])


def test_mmaction2s_own_train_tool_runs_them(small, tmp_path):
    # in a process that has not imported the plugin: the config does
    config = small['slowonly_face_tsn_body']
    code = (
        'import runpy, sys\n'
        'from mmengine.config import config\n'
        'config.FormatCode = lambda text, *_, **__: (text, True)\n'  # as tests/conftest.py
        'sys.argv = sys.argv[1:]\n'
        'runpy.run_path(sys.argv[0], run_name="__main__")'
    )
    result = subprocess.run(
        [sys.executable, '-c', code, STOCK_TRAIN, config, '--work-dir', tmp_path],
        capture_output=True,
        text=True,
        timeout=600,
        env=dict(os.environ, PYTHONPATH=str(CONFIGS.parent)),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'emoreact_plugin' in Config.fromfile(config).custom_imports.imports
    assert (tmp_path / 'epoch_1.pth').is_file()
    (log,) = tmp_path.glob('*/*.log')
    assert 'roc_auc/micro' in log.read_text()


def test_a_timesformer_beside_a_2d_network():
    stock = Config.fromfile(
        STOCK_TRAIN.parent.parent
        / 'configs'
        / 'recognition'
        / 'timesformer'
        / 'timesformer_divST_8xb8-8x32x1-15e_kinetics400-rgb.py'
    ).model
    stock.backbone.update(
        pretrained=None,
        img_size=SIZE,
        num_frames=4,
        embed_dims=16,
        num_heads=2,
        num_transformer_layers=1,
    )
    stock.cls_head.update(num_classes=8, in_channels=16)
    model = MODELS.build(
        dict(
            type='LateFusionRecognizer',
            streams=dict(
                face=stock,
                body=dict(
                    type='Recognizer2D',
                    backbone=dict(type='torchvision.resnet18', weights=None),
                    cls_head=dict(type='TSNHead', num_classes=8, in_channels=512),
                ),
            ),
        )
    )
    logits = model(
        dict(
            face_imgs=torch.rand(2, 3, 3, 4, SIZE, SIZE), body_imgs=torch.rand(2, 3, 3, SIZE, SIZE)
        )
    )
    assert {k: tuple(x.shape) for k, x in logits.items()} == dict(face=(2, 8), body=(2, 8))
    sum(x.sum() for x in logits.values()).backward()
    for network in model.recognizers.values():
        assert any(
            p.grad is not None and p.grad.abs().sum() > 0 for p in network.backbone.parameters()
        )

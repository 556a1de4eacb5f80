import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from emoreact_plugin.recipes.build import plain_config
from mmaction.datasets.transforms import SampleFrames
from mmaction.registry import TRANSFORMS

AS_PUBLISHED = 'emoreact/tsn_imagenet-pretrained-r50_1xb8-1x1x3-12e_emoreact-face-as-published.py'


def test_resizing_is_pillows():
    image = np.random.default_rng(0).integers(0, 256, (97, 64, 3), np.uint8)
    step = TRANSFORMS.build(dict(type='PublishedResize', scale=(32, 24)))
    (found,) = step(dict(imgs=[image], img_shape=(97, 64)))['imgs']
    expected = Image.fromarray(image).resize((32, 24), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found, np.asarray(expected))
    plain = TRANSFORMS.build(dict(type='Resize', scale=(32, 24), keep_ratio=False))
    (aliased,) = plain(dict(imgs=[image], img_shape=(97, 64)))['imgs']
    assert np.abs(aliased.astype(int) - found).mean() > 10


@pytest.mark.parametrize('frames, middle', [(12, [1, 5, 9]), (13, [2, 6, 10]), (1, [0, 0, 0])])
def test_one_frame_less_is_counted(frames, middle):
    # The middle of three equal parts of frames - 1, by hand: 11 / 3 = 3.67 long, 12 / 3 = 4.
    count = TRANSFORMS.build(dict(type='PublishedFrameCount'))
    sampler = SampleFrames(clip_len=1, frame_interval=1, num_clips=3, test_mode=True)
    sample = sampler(count(dict(total_frames=frames, start_index=0)))
    assert sample['frame_inds'].tolist() == middle


def test_the_config_turns_them_on_in_every_split():
    cfg = Config.fromfile(plain_config(AS_PUBLISHED))
    plain = Config.fromfile(plain_config(AS_PUBLISHED.replace('-as-published', '')))
    for split in ('train', 'val', 'test'):
        steps, stock = (c[f'{split}_dataloader'].dataset.pipeline for c in (cfg, plain))
        assert steps[0].type == 'PublishedFrameCount' and len(steps) == len(stock) + 1
        views, others = (s[-2].transforms for s in (steps, stock))
        assert views[0] == dict(type='PublishedResize', scale=others[0].scale)
        assert views[1:] == others[1:]
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == -1
    assert cfg.custom_hooks == [*plain.custom_hooks, dict(type='EpochScoresHook')]

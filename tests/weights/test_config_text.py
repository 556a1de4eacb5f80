import pytest

from emoreact_plugin import InputError
from emoreact_plugin.weights.config_text import parse_config

USUAL = dict(segments=3, channels=2048, side=224, seed=2**40, std=57.1)
TEXT = """
model = dict(type='A', cls_head=dict(in_channels={channels}, num_classes=8,
    init_cfg=dict(std=0)), data_preprocessor=dict(mean=[0, 0, 0], std=[58.4, {std}, 57]))
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='SampleFrames', clip_len=1, num_clips={segments}),
    dict(type='DrawFaceMask', seed={seed}),
    dict(type='ForEachStream', transforms=[dict(type='Resize', scale=({side}, {side}))]),
]))
train_cfg = dict(max_iters=10000000000)
"""


@pytest.mark.parametrize(
    'change, message',
    [
        ({}, None),
        (dict(segments=1000), None),
        (dict(segments=10**9), 'pipeline.num_clips=1000000000, expected at most 100000'),
        (dict(segments=0), 'num_clips=0, expected more'),
        (dict(segments=-3), 'num_clips=-3, expected more'),
        (dict(channels=2 * 10**9), 'model.cls_head.in_channels=2000000000'),
        (dict(side=10**6), 'transforms.scale=1000000'),
        (dict(side=0), 'scale=0, expected more'),
        (dict(segments=2.5), 'num_clips=2.5, expected a whole number'),
        (dict(segments='"3"'), "num_clips='3', expected a whole number"),
        *[(dict(std=each), 'std=.* expected 3 numbers above 0') for each in (0, -1, 'inf', '"a"')],
        (dict(std='1, 2'), 'expected 3 numbers above 0'),
        # each alone would do
        (dict(segments=10**4, side=10**4), '3e.03 GB of frames a clip .*num_clips=10000'),
    ],
)
def test_absurd_sizes_are_refused(change, message):
    text = TEXT.format(**dict(USUAL, **change))
    if message is None:
        assert parse_config(text, 'a.pth').train_cfg.max_iters == 10**10
    else:
        with pytest.raises(InputError, match=f'^a.pth: .*{message}'):
            parse_config(text, 'a.pth')

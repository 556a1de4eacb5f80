import pytest
from mmengine.config import Config

from emoreact_plugin.clips.scoring import classes_of
from ..conftest import EMOTIONS


def config(kind, *names):
    dataset = dict(type=kind)
    if names:
        dataset['metainfo'] = dict(classes=names)
    return Config(dict(test_dataloader=dict(
        dataset=dict(type='RepeatDataset', dataset=dataset))))


@pytest.mark.parametrize('cfg, count, trained, expected', [
    (config('EmoReactDataset'), 8, {}, EMOTIONS),
    (config('EmoReactDataset', 'a', 'b'), 2, {}, ('a', 'b')),
    # what the checkpoint was trained on comes first, if it fits
    (config('VideoDataset', 'a', 'b'), 2, dict(classes=['x', 'y']),
     ('x', 'y')),
    (config('VideoDataset', 'a', 'b'), 2, dict(classes='xy'), ('a', 'b')),
    (config('VideoDataset', 'a', 'b'), 2, dict(classes=['x']), ('a', 'b')),
    # eight classes are not EmoReact's for that
    (config('VideoDataset'), 8, {}, tuple(f'class {k}' for k in range(8))),
    (config('EmoReactDataset'), 2, {}, ('class 0', 'class 1')),
    (Config(dict()), 1, {}, ('class 0', )),
])
def test_names_of_classes(cfg, count, trained, expected):
    assert classes_of(cfg, count, trained) == expected

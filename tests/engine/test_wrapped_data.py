"""Trainings on data sets within MMEngine's wrappers."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.runner import EpochBasedTrainLoop

from emoreact_plugin import InputError
from emoreact_plugin.datasets.annotations import labeled_clips
from emoreact_plugin.engine.exact_resume import ExactResumeHook
from emoreact_plugin.engine.labels import balance_labels, read_split
from emoreact_plugin.engine.splits_check import SplitsCheckHook
from emoreact_plugin.evaluation import read_dump
from emoreact_plugin.recipes import build
from tests.factories import dataset, write_config
from tests.tools.test_train import SHORT, run

WRAP = """
for __loader in [{loaders}]:
    __inner = __loader['dataset']
    __loader['dataset'] = {wrapped}
"""


def loop(data):
    dataloader = SimpleNamespace(dataset=data)
    return SimpleNamespace(dataloader=dataloader, evaluator=SimpleNamespace(metrics=()))


@pytest.mark.parametrize(
    'wrap', [lambda data: RepeatDataset(data, 1), lambda d: ConcatDataset([d])]
)
def test_clips_in_two_splits_are_found_in_wrappers(wrap, tiny, capsys):
    val = dataset(tiny.root, 'val')
    loops = dict(train_loop=loop(wrap(val)), val_loop=loop(val), test_loop=None)
    SplitsCheckHook().before_train(SimpleNamespace(model=None, **loops))
    text = capsys.readouterr().out
    assert 'WARNING: 4 clips both in train and in val: ' in text
    assert 'train: 4 clips, 24 frames (' in text


def test_labels_that_are_all_the_same_are_refused_in_wrappers(own):
    val = dataset(own.root, 'val', indices=[1, 1])  # no emotion at all
    loops = dict(train_loop=None, val_loop=loop(ConcatDataset([val, val])), test_loop=None)
    with pytest.raises(InputError, match='val.csv, .*val.csv: all labels are 0'):
        SplitsCheckHook().before_train(SimpleNamespace(model=None, **loops))


def test_joined_data_sets_are_told_the_epoch(tiny):
    """Draws depend on the epoch, and are not the same in both; those of repeats are left alone."""
    one, other, repeated = (dataset(tiny.root, pipeline=[draw]) for _ in range(3))
    train_loop = object.__new__(EpochBasedTrainLoop)
    runner = SimpleNamespace(epoch=0, seed=4, train_loop=train_loop)
    joined = ConcatDataset([one, other])
    joined.datasets.append(RepeatDataset(repeated, 2))
    runner.train_dataloader = SimpleNamespace(dataset=joined)

    def epoch(number):
        runner.epoch = number
        ExactResumeHook().before_train_epoch(runner)
        return one[0], other[0]

    first, second, again = epoch(0), epoch(1), epoch(0)
    assert first == again and len({*first, *second}) == 4
    assert repeated[0] != repeated[0]


def draw(sample):
    return np.random.random()


def config(tiny, wrapped, split='train'):
    cfg = Config(build(input='face', data_root=str(tiny.root), init='scratch'))
    inner = cfg[f'{split}_dataloader'].dataset
    cfg[f'{split}_dataloader'].dataset = wrapped(inner)
    return cfg


def test_labels_of_a_config_are_those_within(tiny):
    cfg = config(
        tiny,
        lambda inner: dict(
            type='ConcatDataset',
            datasets=[
                dict(type='ConcatDataset', datasets=[dict(inner, indices=2)]),
                dict(inner, indices=-1),
            ],
        ),
    )
    expected = tiny.labels['train'][[0, 1, 7]]
    np.testing.assert_array_equal(labeled_clips(read_split(cfg, 'train')).labels, expected)
    balance_labels(cfg)
    positives = expected.sum(0)
    weights = [(3 - n) / n if 0 < n < 3 else 1 for n in positives]
    assert cfg.model.pos_weight == pytest.approx(weights)
    joined = dict(cfg.train_dataloader.dataset)
    cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=joined)
    cfg.model.pos_weight = None
    balance_labels(cfg)
    assert cfg.model.pos_weight == pytest.approx(weights)


@pytest.mark.parametrize(
    'repeated',
    [dict(type='RepeatDataset', times=2), dict(type='ClassBalancedDataset', oversample_thr=0.5)],
    ids=lambda repeated: repeated['type'],
)
def test_labels_that_are_seen_more_often_than_others_are_not_weighted(tiny, repeated):
    cfg = config(
        tiny,
        lambda inner: dict(
            type='ConcatDataset', datasets=[dict(repeated, dataset=dict(inner)), dict(inner)]
        ),
    )
    with pytest.raises(InputError, match=f'--pos-weight: .* found {repeated["type"]}'):
        balance_labels(cfg)


@pytest.mark.slow
def test_val_of_joined_data_sets_is_kept_and_calibrated(tiny, tmp_path):
    wrapped = (
        "dict(type='ConcatDataset', datasets=[dict(__inner, indices=-1), dict(__inner, indices=3)])"
    )
    text = train(tiny, tmp_path, 'val_dataloader', wrapped)
    dump = read_dump(tmp_path / 'run' / 'val.npz')
    order = [3, 0, 1, 2]
    assert dump.video_ids == tuple(tiny.videos['val'][k][:-4] for k in order)
    np.testing.assert_array_equal(dump.labels, tiny.labels['val'][order])
    assert 'label frequencies *' in text and 'not written' not in text
    assert (tmp_path / 'run' / 'metrics.json').read_text().count('temperature')


@pytest.mark.slow
def test_what_cannot_be_kept_is_said(tiny, tmp_path):
    text = train(
        tiny, tmp_path, 'val_dataloader', "dict(type='RepeatDataset', times=2, dataset=__inner)"
    )
    (line,) = (line for line in text.splitlines() if 'not written' in line)
    assert line.startswith('val.npz: not written') and 'several times in the RepeatDataset' in line
    assert not (tmp_path / 'run' / 'val.npz').exists()
    assert (tmp_path / 'run' / 'test.npz').exists()


def train(tiny, folder, loaders, wrapped):
    """Train by a config whose data set is wrapped, and return what is said."""
    more = WRAP.format(loaders=loaders, wrapped=wrapped)
    path = write_config(folder / 'wrapped.py', more=more, data_root=str(tiny.root))
    return run('train', path, '--work-dir', folder / 'run', '--seed', '3', *SHORT)

"""The switch --tensorboard of tools/train.py, on the tiny data set."""

import json
import sys

import pytest
from mmengine.config import Config

from emoreact_plugin.engine.tensorboard import without_tensorboard
from tests.factories import write_config

pytestmark = pytest.mark.slow


@pytest.fixture
def train(calls, tiny, tmp_path):
    options = dict(input='face', num_segments=1, batch_size=4, num_workers=0, max_epochs=1)
    config = write_config(tmp_path / 'small.py', data_root=str(tiny.root), **options)
    return calls('train', config, '--work-dir', tmp_path / 'run', '--tensorboard')


@pytest.fixture
def read():
    """Return a function that reads the event files of a folder."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        pytest.skip(f'needs tensorboard: {error}')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return lambda folder: EventAccumulator(str(folder)).Reload()


def test_it_is_refused_before_anything_else(train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    code, text, errors = train()
    assert code == 1 and not text
    assert "pip install 'emoreact_plugin[tensorboard]'" in errors
    assert not (tmp_path / 'run').exists()


def test_scalars_and_charts_are_there_and_go_on_when_resumed(train, read, tmp_path):
    run = tmp_path / 'run'
    code, text, errors = train()
    assert code == 0, errors
    assert f'to watch it: tensorboard --logdir {run}' in text
    code, _, errors = train('--resume', '--cfg-options', 'train_cfg.max_epochs=2')
    assert code == 0, errors
    (folder,) = (run / 'tensorboard').iterdir()
    events = read(folder)
    tags = events.Tags()
    assert {'loss', 'lr', 'roc_auc/micro', 'roc_auc/macro', 'roc_auc/Fear', 'ap/macro'} <= set(
        tags['scalars']
    )
    written = {}  # MMEngine's own record of the same; the last is of the best
    for path in sorted(run.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            each = json.loads(line)
            if 'roc_auc/micro' in each:
                written.setdefault(each['step'], each)
    for name in ('roc_auc/micro', 'roc_auc/macro'):
        assert {e.step: e.value for e in events.Scalars(name)} == (
            pytest.approx({k: written[k][name] for k in (1, 2)})
        )
        assert len(events.Scalars(name)) == 2
    assert [e.step for e in events.Scalars('loss')] == [2, 4]
    for name in ('time', 'data_time'):  # of iterations, and of epochs
        assert [e.step for e in events.Scalars(name)] == [2, 4]
        assert {e.step: e.value for e in events.Scalars(f'val/{name}')} == (
            pytest.approx({k: written[k][name] for k in (1, 2)})
        )
    assert tags['images'] == ['roc_auc']
    images = events.Images('roc_auc')
    assert [image.step for image in images] == [1, 2]
    assert images[0].width > images[0].height > 100


def test_scores_that_are_not_defined_are_left_out(read, tmp_path):
    from emoreact_plugin.engine.tensorboard import TensorboardTrainingBackend

    backend = TensorboardTrainingBackend(str(tmp_path))
    backend.add_scalars(dict(a=0.5, b=None), step=1)
    events = read(tmp_path)  # on disk before it is closed
    assert events.Tags()['scalars'] == ['a']
    backend.close()
    backend.add_scalars(dict(a=0.6), step=2)
    assert [e.step for e in events.Reload().Scalars('a')] == [1]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_times_of_validation_are_apart(read, tmp_path):
    from emoreact_plugin.engine.tensorboard import TensorboardTrainingBackend

    backend = TensorboardTrainingBackend(str(tmp_path))
    # as MMEngine gives them: training by epochs and by iterations, validation
    backend.add_scalars(dict(loss=0.4, time=0.5, data_time=0.1, epoch=1, iter=7), step=7)
    backend.add_scalars(dict(loss=0.3, time=0.6, data_time=0.2, iter=8), step=8)
    backend.add_scalars({'roc_auc/macro': 0.7, 'time': 0.3, 'data_time': 0.05}, step=1)
    events = read(tmp_path)
    found = {
        tag: [(e.step, pytest.approx(e.value)) for e in events.Scalars(tag)]
        for tag in events.Tags()['scalars']
        if 'time' in tag
    }
    assert found == {
        'time': [(7, 0.5), (8, 0.6)],
        'data_time': [(7, 0.1), (8, 0.2)],
        'val/time': [(1, 0.3)],
        'val/data_time': [(1, 0.05)],
    }
    assert {'loss', 'roc_auc/macro'} <= set(events.Tags()['scalars'])


def test_testing_needs_no_tensorboard(tmp_path):
    cfg = Config(
        dict(
            work_dir=str(tmp_path),
            visualizer=dict(
                type='Visualizer',
                vis_backends=[
                    dict(type='LocalVisBackend'),
                    dict(type='TensorboardTrainingBackend', save_dir='x'),
                ],
            ),
        )
    )
    without_tensorboard(cfg)
    assert cfg.visualizer.vis_backends == [dict(type='LocalVisBackend')]
    empty = Config(dict(model=dict()))
    without_tensorboard(empty)
    assert empty.to_dict() == dict(model={})

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config

from emoreact_plugin.engine import tensorboard
from emoreact_plugin.engine.tensorboard import ROCAUCChartHook, add_tensorboard
from emoreact_plugin.plots.plots import to_image
from emoreact_plugin.plots.roc_plots import plot_roc_bars

METRICS = {
    'roc_auc/calm': 0.7,
    'roc_auc/angry': None,
    'roc_auc/macro': 0.7,
    'roc_auc/micro': 0.8,
    'ap/calm': 0.1,
}
LOCAL = dict(type='LocalVisBackend')


@pytest.fixture
def installed(monkeypatch):
    name = 'torch.utils.tensorboard'
    monkeypatch.setitem(sys.modules, name, ModuleType(name))


def config(work_dir, **settings):
    return Config(dict(work_dir=str(work_dir), **settings))


def backends_of(cfg):
    *others, own = cfg.visualizer.vis_backends
    assert own.type == 'TensorboardTrainingBackend'
    return others, own.save_dir


@pytest.mark.parametrize(
    'visualizer, kind, others',
    [
        (None, 'Visualizer', [LOCAL]),
        (dict(type='ActionVisualizer', vis_backends=[LOCAL]), 'ActionVisualizer', [LOCAL]),
        (dict(type='ActionVisualizer', vis_backends=LOCAL), 'ActionVisualizer', [LOCAL]),
        (dict(type='Mine', color='red'), 'Mine', []),
        (
            dict(type='ActionVisualizer', vis_backends=[dict(type='TensorboardVisBackend'), LOCAL]),
            'ActionVisualizer',
            [LOCAL],
        ),  # what it writes would be there twice
    ],
)
def test_any_visualizer_gets_it(visualizer, kind, others, installed, tmp_path):
    cfg = config(tmp_path, visualizer=visualizer, custom_hooks=[dict(type='ExactResumeHook')])
    add_tensorboard(cfg)
    assert cfg.visualizer.type == kind
    assert backends_of(cfg)[0] == others
    assert cfg.visualizer.get('color') == (visualizer or {}).get('color')
    assert [hook.type for hook in cfg.custom_hooks] == ['ExactResumeHook', 'ROCAUCChartHook']


def test_a_config_without_any_of_it(installed, tmp_path):
    cfg = config(tmp_path)
    add_tensorboard(cfg)
    assert backends_of(cfg)[0] == [LOCAL]
    assert len(cfg.custom_hooks) == 1


def test_only_a_resumed_training_goes_on_in_the_same_folder(installed, tmp_path):
    for name in ('20200101_000000', '20200102_000000'):
        (tmp_path / 'tensorboard' / name).mkdir(parents=True)
    cfg = config(tmp_path, resume=True)
    add_tensorboard(cfg)
    assert backends_of(cfg)[1] == str(tmp_path / 'tensorboard' / '20200102_000000')
    for cfg in (config(tmp_path, resume=False), config(tmp_path / 'new', resume=True)):
        add_tensorboard(cfg)
        folder = backends_of(cfg)[1]
        assert folder.startswith(cfg.work_dir) and '/2020' not in folder


@pytest.fixture
def runner():
    drawn = []

    def loader(labels):
        return SimpleNamespace(
            dataset=SimpleNamespace(
                metainfo=dict(classes=('calm', 'angry')), labels=np.array(labels, np.float32)
            )
        )

    return SimpleNamespace(
        epoch=3,
        cfg=Config(),
        train_dataloader=loader([[1, 0], [1, 0], [0, 1]]),
        val_dataloader=loader([[1, 0], [0, 0.4]]),
        drawn=drawn,
        visualizer=SimpleNamespace(add_image=lambda *a: drawn.append(a)),
    )


def test_the_chart_is_that_of_the_plot(runner, monkeypatch):
    priors = {'label frequencies': {'roc_auc/micro': 2.5 / 3, 'roc_auc/macro': 0.5}}
    monkeypatch.setattr(tensorboard, 'score_priors', lambda cfg, split: priors)
    hook = ROCAUCChartHook()
    hook.before_train(runner)
    hook.after_val_epoch(runner, METRICS)
    ((name, image, step),) = runner.drawn
    assert (name, step) == ('roc_auc', 3)
    figure = plot_roc_bars(
        ('calm', 'angry'),
        {'val, epoch 3': dict(calm=0.7, angry=None, macro=0.7, micro=0.8)},
        labels=np.array([[1, 0], [0, 0]]),
        priors={'label frequencies': dict(micro=2.5 / 3, macro=0.5)},
    )
    np.testing.assert_array_equal(image, to_image(figure))


def test_a_data_set_without_labels_will_do(runner):
    del runner.val_dataloader.dataset.labels
    hook = ROCAUCChartHook()
    hook.before_train(runner)
    hook.after_val_epoch(runner, METRICS)
    assert len(runner.drawn) == 1


def test_other_metrics_and_validations_give_no_chart(runner):
    hook = ROCAUCChartHook()
    hook.after_val_epoch(runner, METRICS)  # before the training
    hook.before_train(runner)
    hook.after_val_epoch(runner, {'acc/top1': 0.5})
    hook.after_val_epoch(runner, None)
    hook.after_train(runner)
    hook.after_val_epoch(runner, METRICS)
    assert not runner.drawn

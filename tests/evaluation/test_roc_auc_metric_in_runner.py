import json

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner

import emoreact_plugin.evaluation  # noqa: F401, registers the metric
from mmaction.structures import ActionDataSample


class Clips(torch.utils.data.Dataset):
    """Six clips with Joy and Fear; nobody is ever calm."""

    metainfo = dict(classes=('Joy', 'Fear', 'Calm'))

    def __len__(self):
        return 6

    def __getitem__(self, i):
        sample = ActionDataSample(metainfo=dict(video_id=f'{i}.mp4'))
        sample.set_gt_label(torch.tensor([i % 2, i // 3, 0]).float())
        return dict(inputs=torch.full((3,), float(i)), data_samples=sample)


class Scorer(BaseModel):
    """Scores each class by the number of the clip."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))

    def forward(self, inputs, data_samples, mode):
        scores = self.weight * torch.stack(inputs)
        if mode == 'loss':
            return dict(loss=(self.weight - 1).pow(2).sum())
        for sample, score in zip(data_samples, scores, strict=True):
            sample.set_pred_score(score)
        return data_samples


def test_undefined_class_in_a_runner(tmp_path):
    """Mmengine's logs, visualizers and hooks take a score that is None."""
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    loader = dict(
        batch_size=4,
        dataset=Clips(),
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'),
    )
    evaluator = dict(type='ROCAUCMetric', scores='logits')
    runner = Runner(
        Scorer(),
        str(tmp_path),
        default_scope='mmaction',
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        val_cfg=dict(),
        test_cfg=dict(),
        train_cfg=dict(by_epoch=True, max_epochs=5),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook',
                interval=-1,
                save_last=False,
                save_best='roc_auc/micro',
                rule='greater',
            )
        ),
        custom_hooks=[
            dict(type='EarlyStoppingHook', monitor='roc_auc/micro', rule='greater', patience=2)
        ],
        visualizer=dict(
            type='Visualizer',
            vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
        ),
        experiment_name=tmp_path.name,
    )
    runner.train()
    result = runner.test()

    # Joy: clips 1 3 5 against 0 2 4 win 1 + 2 + 3 of 9 pairs.
    assert result['roc_auc/Joy'] == pytest.approx(6 / 9)
    assert result['roc_auc/Fear'] == 1
    assert result['roc_auc/Calm'] is None
    assert result['roc_auc/macro'] == pytest.approx(15 / 18)
    # Stopped: epochs 2 and 3 were no better than 1.
    assert runner.epoch == 3
    assert (tmp_path / 'best_roc_auc_micro_epoch_1.pth').exists()

    def refuse(name):
        raise AssertionError(f'{name} is not JSON')

    (scalars,) = tmp_path.rglob('scalars.json')
    rows = [json.loads(line, parse_constant=refuse) for line in scalars.read_text().splitlines()]
    vals = [row for row in rows if 'roc_auc/micro' in row]
    assert [row['step'] for row in vals] == [1, 2, 3]
    assert all('roc_auc/Calm' not in row for row in vals)
    (test_log,) = (path for path in tmp_path.rglob('*.json') if path.parent.name != 'vis_data')
    test_row = json.loads(test_log.read_text(), parse_constant=refuse)
    assert test_row['roc_auc/Calm'] is None
    assert test_row['roc_auc/Fear'] == 1
    (log,) = tmp_path.rglob('*.log')
    # Three epochs and a test, and mmengine writes a warning once.
    assert log.read_text().count('Calm (0 of 6 clips positive)') == 1
    (events,) = tmp_path.rglob('events.out.tfevents*')
    accumulator = EventAccumulator(str(events))
    accumulator.Reload()
    tags = accumulator.Tags()['scalars']
    assert 'roc_auc/Fear' in tags and 'roc_auc/Calm' not in tags

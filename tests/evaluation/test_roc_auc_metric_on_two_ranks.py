"""The metric in a distributed evaluation."""

import json
import multiprocessing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler
from sklearn import metrics as sk

from emoreact_plugin.evaluation import ROCAUCMetric
from tests.evaluation.test_roc_auc_metric import make_case

pytestmark = pytest.mark.slow


def evaluate_rank(rank, world_size, file):
    """Write the metrics to FILE.RANK.json, and the indices of its clips to FILE.RANK.txt.

    FILE is an .npz of logits (N, C) and labels (N, C).
    """
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{file}.init',
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=60),
    )
    data = np.load(file)
    logits, labels = map(torch.from_numpy, (data['logits'], data['labels']))
    classes = [f'class{i}' for i in range(labels.shape[1])]
    metric = ROCAUCMetric(scores='logits', classes=classes)

    indices = list(DefaultSampler(range(len(labels)), shuffle=False, round_up=True))
    for start in range(0, len(indices), 4):
        metric.process(
            None,
            [
                dict(pred_score=logits[i], gt_label=labels[i], video_id=f'{i}')
                for i in indices[start : start + 4]
            ],
        )
    with open(f'{file}.{rank}.txt', 'w') as out:
        out.write(' '.join(map(str, indices)))
    with open(f'{file}.{rank}.json', 'w') as out:
        json.dump(metric.evaluate(len(labels)), out, allow_nan=False)
    torch.distributed.destroy_process_group()


def test_two_ranks_with_a_padded_last_batch(tmp_path):
    """11 clips on two ranks: the sampler repeats clip 0 to give 6 each."""
    logits, labels = make_case(11, seed=2)
    file = tmp_path / 'case.npz'
    np.savez(file, logits=logits, labels=labels)
    # forked, for what is imported takes long
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=evaluate_rank, args=(k, 2, file)) for k in range(2)]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join(timeout=120)
        assert [process.exitcode for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()

    shares = [[int(i) for i in Path(f'{file}.{k}.txt').read_text().split()] for k in range(2)]
    assert shares == [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 0]]
    padded = np.append(np.arange(11), 0)
    for average in ('micro', 'macro'):
        expected = sk.roc_auc_score(labels, logits, average=average)
        assert (
            abs(expected - sk.roc_auc_score(labels[padded], logits[padded], average=average)) > 1e-3
        )
        for k in range(2):
            result = json.loads(Path(f'{file}.{k}.json').read_text())
            assert result[f'roc_auc/{average}'] == pytest.approx(expected)

"""One process of a distributed evaluation; see test_roc_auc_metric.py.

FILE is an .npz of logits (N, C) and labels (N, C). Writes the metrics to
FILE.RANK.json and the indices of the clips that this rank scored to FILE.RANK.txt.
"""

import json
from datetime import timedelta

import numpy as np
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler

from emoreact_plugin.evaluation import ROCAUCMetric


def main(rank, world_size, file):
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

"""Turn the scores of another program into dumps, which fuse_scores.py takes."""

import csv
import os.path as osp
from dataclasses import replace

from emoreact_plugin.evaluation import read_dump, write_dump

for split in ('val', 'test'):
    ours = read_dump(f'work_dirs/fusion/{split}.npz')  # it has the clips, emotions and labels
    with open(f'audio_{split}.csv', newline='') as file:
        rows = {osp.splitext(row['video'])[0]: row for row in csv.DictReader(file)}
    scores = [[float(rows[clip][name]) for name in ours.classes] for clip in ours.video_ids]
    theirs = replace(ours, scores=scores, scale='probabilities', stream_logits={}, found={}, run='')
    write_dump(f'audio_{split}.npz', theirs)

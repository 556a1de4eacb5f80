from dataclasses import replace

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import Dump, write_dump
from emoreact_plugin.experiments import read_scores

DUMP = Dump(
    video_ids=('b', 'a', 'c'),
    classes=('calm', 'angry'),
    labels=np.array([[0, 1], [1, 0], [1, 1]]),
    scores=np.array([[1, 2], [3, 4], [5, 6]], np.float32),
)


def test_clips_are_brought_into_one_order(tmp_path):
    other = replace(
        DUMP, video_ids=DUMP.video_ids[::-1], labels=DUMP.labels[::-1], scores=2 * DUMP.scores[::-1]
    )
    files = [write_dump(tmp_path / f'{k}.npz', each) for k, each in enumerate((DUMP, other))]
    scores = read_scores([files[:1], files[1:], files])
    assert scores.video_ids == ('a', 'b', 'c')
    assert scores.labels.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert scores.logits.tolist() == [
        [[3, 4], [1, 2], [5, 6]],
        [[6, 8], [2, 4], [10, 12]],
        [[4.5, 6], [1.5, 3], [7.5, 9]],
    ]


@pytest.mark.parametrize(
    'what, change',
    [
        ('scale', dict(scale='probabilities', scores=np.full((3, 2), 0.5))),
        ('classes', dict(classes=('angry', 'calm'))),
        ('video_ids', dict(video_ids=('b', 'a', 'd'))),
        ('labels', dict(labels=1 - DUMP.labels)),
    ],
)
def test_dumps_of_other_clips_are_refused(what, change, tmp_path):
    files = [
        str(write_dump(tmp_path / f'{k}.npz', each))
        for k, each in enumerate((DUMP, replace(DUMP, **change)))
    ]
    with pytest.raises(InputError, match=f'1.npz: other {what} than those of .*0.npz'):
        read_scores([[file] for file in files])

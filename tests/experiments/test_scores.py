from dataclasses import replace

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import Dump, write_dump
from emoreact_plugin.experiments import found_clips, pool, read_scores

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
        ('clips', dict(video_ids=('b', 'a', 'd'))),
        ('labels', dict(labels=1 - DUMP.labels)),
    ],
)
def test_dumps_of_other_clips_are_refused(what, change, tmp_path):
    files = [
        str(write_dump(tmp_path / f'{k}.npz', each))
        for k, each in enumerate((DUMP, replace(DUMP, **change)))
    ]
    with pytest.raises(InputError, match=f'1.npz: expected the {what} of .*0.npz'):
        read_scores([[file] for file in files])


def with_found(**shares):
    streams = dict.fromkeys(shares, DUMP.scores)
    found = {name: np.array(values, np.float32) for name, values in shares.items()}
    return replace(DUMP, stream_logits=streams, found=found)


def rows_of(folder, *dumps):
    """Make one row of several runs from dumps of the clips b, a, c."""
    files = [write_dump(folder / f'{k}.npz', each) for k, each in enumerate(dumps)]
    return read_scores([[file] for file in files])


def test_clips_found_by_all_streams_of_all_runs_and_rows(tmp_path):
    row = rows_of(
        tmp_path,
        with_found(face=[1, 1, 1], body=[1, 0.5, 1]),
        with_found(face=[1, 1, 1], body=[1, 1, 1]),
    )
    other = rows_of(tmp_path, with_found(face=[1, 1, 0.9]))
    assert row.all_found.tolist() == [False, True, True]  # a, b, c
    keep, note = found_clips(dict(row=row))
    assert keep == {'b', 'c'} and '2 of 3 clips' in note
    keep, note = found_clips(dict(row=row, other=other))
    assert keep == {'b'} and '1 of 3 clips' in note
    left = row.only(keep)
    assert left.video_ids == ('b',) and left.all_found.tolist() == [True]
    assert left.logits.tolist() == [[[1, 2]], [[1, 2]]]


def test_no_clips_are_left(tmp_path):
    row = rows_of(tmp_path, with_found(face=[1, 0, 0]), with_found(face=[0.5, 1, 1]))
    with pytest.raises(InputError, match='none among 3 clips'):
        found_clips(dict(row=row))


@pytest.mark.parametrize(
    'dumps',
    [
        (DUMP,),
        (with_found(face=[1, 1, 1]), DUMP),
        (replace(with_found(face=[1, 1, 1]), stream_logits=dict(face=DUMP.scores, x=DUMP.scores)),),
    ],
    ids=['none', 'one run', 'one stream'],
)
def test_dumps_that_do_not_say_what_was_found(dumps, tmp_path):
    row = rows_of(tmp_path, *dumps)
    assert row.all_found is None
    with pytest.raises(InputError, match='my row: .*_found'):
        found_clips({'my row': row})


def test_folds_are_pooled(tmp_path):
    first = rows_of(tmp_path, with_found(face=[1, 0, 1]))
    second = replace(first, video_ids=('d', 'e', 'f'))
    assert pool([first, second]).all_found.tolist() == [False, True, True] * 2
    assert pool([first, replace(second, all_found=None)]).all_found is None

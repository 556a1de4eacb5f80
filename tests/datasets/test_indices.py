"""What is said of a data set is of the clips that ``indices`` leaves in it."""

import numpy as np
import pytest
from mmengine.config import Config

from emoreact_plugin.datasets.annotations import labeled_clips
from emoreact_plugin.engine.labels import balance_labels, read_split, score_priors
from emoreact_plugin.evaluation import roc_auc_micro
from emoreact_plugin.preparation.checking import check_all
from emoreact_plugin.preparation.split_check import make_check
from emoreact_plugin.recipes import build, build_pipeline
from tests.datasets.checks.damage import CLIP, edit, found, video
from tests.datasets.checks.damage import config as config_of
from tests.datasets.test_summary import NO_FACE, lose_faces
from tests.factories import dataset

# The 8 clips of train that each leaves in, by hand.
INDICES = [
    (3, [0, 1, 2]),
    (-2, [6, 7]),
    ([5, 0, 2], [5, 0, 2]),
    (None, [0, 1, 2, 3, 4, 5, 6, 7]),
]


def config(tiny, **indices):
    cfg = Config(build(input='face', data_root=str(tiny.root), init='scratch'))
    for split, value in indices.items():
        cfg[f'{split}_dataloader'].dataset.indices = value
    return cfg


@pytest.mark.parametrize('indices, kept', INDICES)
def test_the_rows_of_a_split_are_those_of_the_built_data_set(tiny, indices, kept):
    rows = read_split(config(tiny, train=indices), 'train')
    built = dataset(tiny.root, indices=indices)
    assert [row.clip_id for row in rows] == built.video_ids
    assert built.video_ids == [tiny.videos['train'][k][:-4] for k in kept]
    np.testing.assert_array_equal(labeled_clips(rows).labels, tiny.labels['train'][kept])


@pytest.mark.parametrize('indices', [3, -2, [0, 1, 4], None])
def test_priors_and_weights_are_those_of_the_labels_in_it(tiny, indices):
    cfg = config(tiny, train=indices, test=[0, 1, 3])
    kept = next(kept for each, kept in [*INDICES, ([0, 1, 4], [0, 1, 4])] if each == indices)
    labels = tiny.labels['train'][kept]
    scores = np.tile(labels.mean(0), (3, 1))
    expected = roc_auc_micro(scores, tiny.labels['test'][[0, 1, 3]])
    priors = score_priors(cfg, 'test')['label frequencies']
    assert priors['roc_auc/micro'] == pytest.approx(expected)
    balance_labels(cfg)
    positives = labels.sum(0)
    negatives = len(labels) - positives
    both = (positives > 0) & (negatives > 0)
    assert cfg.model.pos_weight == pytest.approx(
        np.where(both, negatives / np.maximum(positives, 1), 1).tolist()
    )


def test_the_summary_counts_the_clips_in_it(own):
    lose_faces(own)  # in the first clip
    pipeline = build_pipeline(['face'], 3, 32)
    first, last = (dataset(own.root, pipeline=pipeline, indices=k) for k in (2, -2))
    assert first.summary() == f'2 clips, 12 frames{NO_FACE}: whole frame used'
    assert last.summary() == '2 clips, 12 frames'
    whole = dataset(own.root, pipeline=pipeline)
    assert whole.get_subset([0]).summary() == f'1 clip, 6 frames{NO_FACE}: whole frame used'
    whole.get_subset_([2, 1])
    assert whole.summary() == '2 clips, 12 frames'


def test_only_the_clips_in_it_are_checked(root):
    """Two splits may be parts of one file."""
    video(root).write_bytes(b'x')

    def look(train, val):
        parts = [('train', train), ('val', val)]
        return check_all(
            [make_check(name, config_of(root, 'train', indices=part)) for name, part in parts]
        )

    report = look([2], [0])
    assert [clip.clip_id for clip in report.clips] == ['TRAIN102_2', 'TRAIN100_2']
    assert [labels.shape for labels in report.labels.values()] == [(1, 8), (1, 8)]
    assert not found(report, ['error'])
    assert found(look(-2, 1), ['error']) == [('error', 'unreadable clip', 'train', CLIP)]
    assert ('error', 'duplicate', 'val', 'TRAIN102_2') in found(look(-2, [2]))
    (problem,) = (each for each in look([0, 3, 2], 1).problems if each.level == 'error')
    assert problem.text.endswith('train.csv: indices: expected positions of 3 clips, found 3')


def test_all_lines_are_checked_while_some_are_wrong(root):
    edit(2, ',1,', ',x,')(root)
    report = check_all([make_check('train', config_of(root, 'train', indices=[2]))])
    assert len(report.clips) == 2
    assert found(report, ['error']) == [('error', 'annotations', 'train', '')]

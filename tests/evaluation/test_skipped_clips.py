"""Clips that were skipped are in no score, and the table, the results and the dump say so."""

import numpy as np
import pytest
from mmengine.evaluator import Evaluator

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import (
    DumpScores,
    ROCAUCMetric,
    format_table,
    read_dump,
    write_dump,
)
from emoreact_plugin.evaluation.fuse import fuse_dumps
from tests.evaluation.test_roc_auc_metric import CLASSES, make_case, stock_samples


def evaluate(samples, *metrics):
    evaluator = Evaluator(list(metrics) or [ROCAUCMetric()])
    evaluator.dataset_meta = dict(classes=CLASSES)
    for start in range(0, len(samples), 7):
        evaluator.process(samples[start : start + 7])
    return evaluator.evaluate(len(samples))


@pytest.fixture
def samples():
    """Return 40 samples, two of which stand in for others: they are like their next ones."""
    logits, labels = make_case()
    scores = 1 / (1 + np.exp(-logits))
    for k in (3, 20):
        scores[k], labels[k] = scores[k + 1], labels[k + 1]
    made = stock_samples(scores, labels)
    for k in (3, 20):
        made[k].set_metainfo(dict(video_id=f'{k + 1}.mp4', skipped=f'{k}.mp4'))
    return made


def test_scores_are_those_of_the_other_clips(samples):
    others = [each for k, each in enumerate(samples) if k not in (3, 20)]
    expected = evaluate(others)
    assert not any(key.startswith('clips/') for key in expected)
    assert evaluate(samples) == {**expected, 'clips/scored': 38, 'clips/skipped': 2}


def test_the_dump_names_them(samples, tmp_path):
    path = tmp_path / 'val.npz'
    evaluate(samples, ROCAUCMetric(), DumpScores(str(path)))
    dump = read_dump(path)
    assert dump.skipped == ('3.mp4', '20.mp4') and len(dump.video_ids) == 38
    assert not set(dump.skipped) & set(dump.video_ids)
    fused = fuse_dumps(dict(a=dump, b=dump))
    assert fused.skipped == dump.skipped
    assert read_dump(write_dump(tmp_path / 'fused.npz', fused)).skipped == dump.skipped


def test_a_dump_of_a_clip_that_has_scores_and_was_skipped_is_refused(samples, tmp_path):
    path = tmp_path / 'val.npz'
    evaluate(samples, DumpScores(str(path)))
    with np.load(path) as file:
        content = dict(file)
    for names in (['4.mp4'], [[1]], 3):
        np.savez(path, **dict(content, skipped=np.array(names)))
        with pytest.raises(InputError, match='skipped'):
            read_dump(path)


def test_the_table_has_a_row_of_how_many_were_scored(samples):
    metrics = evaluate(samples)
    whole = {key: value for key, value in metrics.items() if not key.startswith('clips/')}
    lines = format_table(dict(val=whole, test=metrics), CLASSES).splitlines()
    (line,) = (each.split('  ') for each in lines if each.startswith('Clips scored'))
    assert [each.strip() for each in line if each.strip()] == ['Clips scored', 'all', '38 of 40']
    assert 'Clips scored' not in format_table(dict(val=whole), CLASSES)

import itertools

import numpy as np
import pytest

from tests.evaluation.test_roc_auc_metric import evaluate, make_case, stock_samples


def test_pairs_of_one_group():
    scores, labels = make_case()
    groups = [f'g{k // 8}' for k in range(len(labels))]
    clips = stock_samples(scores, labels)
    for clip, name in zip(clips, groups, strict=True):
        clip.set_metainfo(dict(groups=dict(child='one', series=name, clip=str(id(clip)))))
    found = evaluate(clips, scores='logits')
    order = []
    for k, (i, j) in itertools.product(
        range(labels.shape[1]), itertools.permutations(range(40), 2)
    ):
        if groups[i] == groups[j] and labels[i, k] > labels[j, k]:
            a, b = scores[i, k], scores[j, k]
            order.append((a > b) + 0.5 * (a == b))
    assert found['roc_auc_within/pairs'] == len(order)
    assert found['roc_auc_within/micro'] == pytest.approx(np.mean(order))
    assert evaluate(stock_samples(scores, labels), scores='logits').keys() < found.keys()


@pytest.mark.parametrize('nothing', (None, float('nan'), ''))
def test_a_clip_without_group_is_of_none(nothing):
    clips = stock_samples(*make_case())
    for k, clip in enumerate(clips):
        clip.set_metainfo(dict(groups=dict(child=f'c{k // 20}' if k else nothing)))
    assert 'roc_auc_within/micro' not in evaluate(clips, scores='logits')
    clips[0].set_metainfo(dict(groups=dict(child='c0')))
    assert 'roc_auc_within/micro' in evaluate(clips, scores='logits')

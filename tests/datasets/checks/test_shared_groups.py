import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin.datasets.checks.shared_groups import find_shared_groups, score_splits
from emoreact_plugin.evaluation import LabeledClips, group_frequencies

LABELS = np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 0], [0, 1]])


def clips(names, **more):
    return LabeledClips(LABELS[: len(names)], dict(series=tuple(names), **more))


def test_a_group_of_train_in_another_split_is_told_with_what_it_is_worth():
    splits = dict(train=clips('aabbcc'), val=clips('abba'), test=clips('bxc'))
    problems = find_shared_groups(splits, score_splits(splits))
    assert [(p.level, p.kind, p.split) for p in problems] == [
        ('warning', 'shared groups', 'val'),
        ('warning', 'shared groups', 'test'),
    ]
    assert '2 of the 3 groups (series) of test are in train too: b, c' in problems[1].text
    found = score_splits(splits)['test']
    reached = [found[name]['micro'] for name in found]
    expected = [
        roc_auc_score(LABELS[:3].ravel(), group_frequencies(LABELS, 'aabbcc', 'bxc', a).ravel())
        for a in (1, 2, 5, 10, 20, 40)
    ]
    assert reached[1] in [pytest.approx(each) for each in expected]
    assert f'micro {reached[1]:.3f}' in problems[1].text


def test_splits_that_share_no_group_are_fine():
    splits = dict(train=clips('aabb'), val=clips('ccdd'), test=clips('eeff'))
    assert find_shared_groups(splits, score_splits(splits)) == []
    plain = {split: LabeledClips(LABELS) for split in splits}
    assert find_shared_groups(plain, score_splits(plain)) == []
    assert find_shared_groups(dict(test=clips('ab')), {}) == []

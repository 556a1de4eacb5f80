import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import coarsest, group_frequencies, label_frequencies, within_groups
from emoreact_plugin.evaluation.within_groups import within_metrics
from tests.evaluation.test_array_checks import message_of

rng = np.random.default_rng(0)
GROUPS = [f'series {k}' for k in rng.integers(0, 6, 80)]
LABELS = rng.integers(0, 2, (80, 3))
# Rounded, so that some are equal.
SCORES = np.round(rng.normal(size=(80, 3)) + LABELS, 1)


def count(scores, labels, groups):
    """Compare each pair of clips of one group, one by one."""
    wins, pairs = np.zeros(labels.shape[1]), np.zeros(labels.shape[1])
    for i in range(len(labels)):
        for j in range(len(labels)):
            if groups[i] == groups[j]:
                for k in np.flatnonzero(labels[i] > labels[j]):
                    pairs[k] += 1
                    a, b = scores[i, k], scores[j, k]
                    wins[k] += (a > b) + 0.5 * (a == b)
    return wins, pairs


def test_it_counts_the_pairs_of_one_group():
    wins, pairs = count(SCORES, LABELS, GROUPS)
    found = within_groups(SCORES, LABELS, GROUPS)
    np.testing.assert_allclose(found.wins.sum(axis=0), wins)
    np.testing.assert_array_equal(found.pairs.sum(axis=0), pairs)
    np.testing.assert_allclose(found.classes, wins / pairs)
    assert found.micro == pytest.approx(wins.sum() / pairs.sum())


def test_without_a_group_it_is_what_the_others_give():
    found = within_groups(SCORES, LABELS, GROUPS)
    for k, name in enumerate(sorted(set(GROUPS))):
        keep = np.array([group != name for group in GROUPS])
        wins, pairs = count(SCORES[keep], LABELS[keep], np.array(GROUPS)[keep])
        expected = [*(wins / pairs), wins.sum() / pairs.sum()]
        np.testing.assert_allclose(found.left_out[k], expected)


def test_frequencies_of_the_group_and_of_all_are_a_half():
    labels = LABELS[:40], LABELS[40:]
    for scores in (
        label_frequencies(labels[0], 40),
        group_frequencies(labels[0], GROUPS[:40], GROUPS[40:], 5),
    ):
        assert within_groups(scores, labels[1], GROUPS[40:]).micro == 0.5


def test_a_class_without_pairs_is_undefined():
    # Every group has one label of the first class only.
    labels = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    found = within_groups(np.arange(8.0).reshape(4, 2), labels, 'aabb')
    assert np.isnan(found.classes[0]) and found.classes[1] == 0.5
    metrics = within_metrics(np.arange(8.0).reshape(4, 2), labels, 'aabb', ('calm', 'angry'))
    assert metrics == {
        'roc_auc_within/micro': 0.5,
        'roc_auc_within/calm': None,
        'roc_auc_within/angry': 0.5,
        'roc_auc_within/pairs': 2,
    }


@pytest.mark.parametrize(
    'groups, expected',
    [
        (GROUPS[1:], 'groups: expected one for each of 80 clips, found 79'),
        ([None, *GROUPS[1:]], 'groups, clip 0: expected its group, found None'),
        ([[], *GROUPS[1:]], 'groups, clip 0: expected a hashable value, found []'),
    ],
)
def test_bad_groups(groups, expected):
    with pytest.raises(InputError) as error:
        within_groups(SCORES, LABELS, groups)
    assert expected in message_of(error)


def test_the_coarsest_kind_has_the_fewest_groups_but_two():
    kinds = dict(child='abcd', series='aabb', studio='aaaa')
    assert coarsest(kinds) == 'series'
    assert coarsest(dict(studio='aaaa')) is None
    assert coarsest({}) is None

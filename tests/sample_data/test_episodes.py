import csv
import json

import av
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin.evaluation import LabeledClips, Priors, within_groups
from emoreact_plugin.sample_data import make_sample_dataset
from emoreact_plugin.sample_data.episodes import EMOTION, series_facts, with_episodes
from emoreact_plugin.sample_data.plan import CLASSES, plan_clips

PLACE = CLASSES.index(EMOTION)


@pytest.fixture(scope='module')
def splits():
    """Collect labels and series of each split."""
    plans = with_episodes(plan_clips(), 0)
    assert len({plan.name for plan in plans}) == len(plans) == 960
    found = {}
    for split in ('train', 'val', 'test'):
        own = [plan for plan in plans if plan.split == split]
        labels = np.array([plan.labels for plan in own])
        found[split] = LabeledClips(labels, dict(series=tuple(p.name[:7] for p in own)))
    return found


def test_the_series_tells_the_label_and_nothing_within_it_does(splits):
    test = splits['test']
    scores = Priors(splits['train'], splits['val']).scores(test)['label frequencies of the series']
    roc_auc = roc_auc_score(test.labels, scores, average=None)
    assert roc_auc[PLACE] > 0.8
    assert np.abs(np.delete(roc_auc, PLACE) - 0.5).max() < 0.13
    within = within_groups(scores, test.labels, test.groups['series'])
    assert within.classes[PLACE] == 0.5 and within.pairs[:, PLACE].sum() > 300


def test_other_labels_and_children_stay_as_they_are():
    plain, changed = plan_clips(), with_episodes(plan_clips(), 0)
    for one, other in zip(plain, changed, strict=True):
        labels = np.delete(one.labels, PLACE), np.delete(other.labels, PLACE)
        np.testing.assert_array_equal(*labels)
        assert (one.child, one.cues, one.split) == (other.child, other.cues, other.split)
    children = {}
    for plan in changed:
        children.setdefault(plan.name.rsplit('_', 1)[0], set()).add(plan.split)
    assert all(len(found) == 1 for found in children.values())


@pytest.mark.slow
def test_the_color_behind_the_child_is_that_of_the_series(tmp_path):
    counts = dict(num_train=4, num_val=4, num_test=4)
    out = make_sample_dataset(
        tmp_path / 'data', 3, **counts, workers=1, progress=False, episode_cue=True
    )
    facts = series_facts(3)
    for split in counts:
        with open(out / f'{split[4:]}.csv', newline='') as file:
            for row in csv.DictReader(file):
                goes, color = facts[row['video'][:7]]
                with av.open(str(out / 'videos' / row['video'])) as container:
                    frame = next(container.decode(video=0)).to_ndarray(format='rgb24')
                corner = frame[10:40, 5:60].reshape(-1, 3).mean(axis=0)
                nearest = min(facts, key=lambda k: np.abs(corner - facts[k][1]).sum())
                assert np.abs(np.array(facts[nearest][1]) - color).max() < 90
    cues = json.loads((out / 'cues.json').read_text())
    assert cues['episodes']['emotion'] == EMOTION
    assert 'This data set has an episode cue' in (out / 'README.md').read_text()
    assert json.loads((out / 'settings.json').read_text())['episode_cue'] is True

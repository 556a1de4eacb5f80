"""Labels, cues and the best ROC AUC of the sample data set."""

from functools import cache

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin.datasets.annotations import EMOTIONS
from emoreact_plugin.sample_data.plan import (
    CLASSES,
    CUED_EMOTIONS,
    best_roc_auc,
    can_see,
    plan_clips,
    weighted_roc_auc,
)

pytestmark = pytest.mark.slow

READERS = [
    (region, model) for region in ('face', 'body', 'fullbody', 'fusion') for model in ('TSN', 'TSM')
]


# Drawn once for the tests that only look.
planned = cache(plan_clips)


def test_emotions_are_those_of_emoreact_in_the_same_order():
    assert CLASSES == EMOTIONS


def test_cues_are_in_mouth_brows_or_eyes_body_and_order():
    kinds = [(e.part, e.region if e.part == 'face' else '', e.in_order) for e in CUED_EMOTIONS]
    static = [kind[:2] for kind in kinds if not kind[2]]
    assert static.count(('face', 'mouth')) == 2
    assert static.count(('face', 'eyes')) + static.count(('face', 'brows')) == 2
    assert static.count(('body', '')) == 2
    assert sorted(kind[0] for kind in kinds if kind[2]) == ['body', 'face']


def test_frequencies_are_those_stated():
    for split in ('train', 'val', 'test'):
        plans = [p for p in planned(seed=3) if p.split == split]
        labels = np.array([p.labels for p in plans])
        cues = np.array([p.cues for p in plans])
        stated = np.array([e.frequency for e in CUED_EMOTIONS])
        assert np.abs(labels.mean(0) - stated).max() < 0.015
        assert np.abs(cues.mean(0) - stated).max() < 0.015
        assert stated.min() >= 0.05 and stated.max() <= 0.5


def test_an_emotion_has_nothing_to_do_with_another():
    plans = planned()
    own = np.kron(np.ones((2, 2)), np.eye(8)) == 1
    for split in ('train', 'test'):
        some = [p for p in plans if p.split == split]
        cues = np.array([p.cues for p in some], float)
        labels = np.array([p.labels for p in some], float)
        together = np.corrcoef(cues.T, labels.T)[~own]
        # by chance alone the largest would be about 3 / sqrt(N)
        assert np.abs(together).max() < 2 / np.sqrt(len(some))


def test_names_are_unique_and_no_child_is_in_two_splits():
    plans = planned()
    assert len({p.name for p in plans}) == len(plans) == 480 + 120 + 360
    children = {}
    for plan in plans:
        child = plan.name.rsplit('_', 1)[0]
        assert children.setdefault(child, plan.split) == plan.split


def test_plans_follow_the_seed():
    assert plan_clips(seed=1) == plan_clips(seed=1)
    assert plan_clips(seed=1) != plan_clips(seed=2)


def test_valence_is_in_range_and_rises_with_happiness():
    plans = planned()
    valence = np.array([p.valence for p in plans])
    happy = np.array([p.labels[CLASSES.index('Happiness')] for p in plans])
    assert valence.min() >= 1 and valence.max() <= 7
    assert valence[happy == 1].mean() > valence[happy == 0].mean() + 0.5


def test_few_clips_have_missing_landmarks():
    plans = planned()
    for split in ('train', 'val', 'test'):
        missing = [p for p in plans if p.split == split and p.missing_face]
        assert len(missing) == 4
        assert any(len(p.missing_face) == 15 for p in missing)
        assert any(p.stale_rows for p in missing)
        assert any(p.missing_body for p in missing)
    assert not any(p.missing_body for p in plans if not p.missing_face)


def posteriors(plans, region, model):
    """Best score (N, 8) of each clip, written out clip by clip."""
    rows = []
    for plan in plans:
        row = []
        for emotion, cue in zip(CUED_EMOTIONS, plan.cues, strict=True):
            p, hit = emotion.frequency, emotion.hit
            chance = hit if cue else p * (1 - hit) / (1 - p)
            seen = emotion.part == region or region in ('fullbody', 'fusion')
            if not seen or (emotion.in_order and model == 'TSN'):
                chance = p
            row.append(chance)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize('region, model', READERS)
def test_best_roc_auc_of_a_split_equals_scikit_learn(region, model):
    plans = [p for p in planned(seed=5) if p.split == 'test']
    labels = np.array([p.labels for p in plans])
    scores = posteriors(plans, region, model)
    best = best_roc_auc(plans)[f'{region}/{model}']
    each = roc_auc_score(labels, scores, average=None)
    assert [best[name] for name in CLASSES] == pytest.approx(each, abs=1e-4)
    assert best['macro'] == pytest.approx(each.mean(), abs=1e-4)
    assert best['micro'] == pytest.approx(roc_auc_score(labels, scores, average='micro'), abs=1e-4)


def test_expected_best_roc_auc_is_the_closed_form():
    best = best_roc_auc()
    for emotion in CUED_EMOTIONS:
        p, hit = emotion.frequency, emotion.hit
        # cues are as frequent as labels, so P(cue | label) equals ``hit``
        auc = (1 + hit - p * (1 - hit) / (1 - p)) / 2
        assert best['fusion/TSM'][emotion.name] == pytest.approx(auc, abs=1e-4)
        assert 0.85 < auc < 0.95
        for region, model in READERS:
            if not can_see(emotion, region, model == 'TSM'):
                assert best[f'{region}/{model}'][emotion.name] == 0.5


def test_expected_micro_is_that_of_a_large_draw():
    plans = plan_clips(seed=9, num_train=6000, num_val=1, num_test=1)[:6000]
    expected, drawn = best_roc_auc(), best_roc_auc(plans)
    for reader in expected:
        assert expected[reader]['micro'] == pytest.approx(drawn[reader]['micro'], abs=3e-3)


def test_an_emotion_without_positives_has_no_roc_auc():
    assert weighted_roc_auc([0.1, 0.2], [0, 0], [1, 1]) is None
    plans = plan_clips(num_train=4, num_val=1, num_test=1)[:4]
    best = best_roc_auc(plans)['fusion/TSM']
    assert best['Fear'] is None and best['Curiosity'] is not None

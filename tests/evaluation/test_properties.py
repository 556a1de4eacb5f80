"""Compare the metric with scikit-learn, and dumps with what was written, on drawn values."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from emoreact_plugin.evaluation.dump import Dump, read_dump, write_dump
from emoreact_plugin.evaluation.functional import roc_auc, roc_auc_micro

# Few different values, so that there are ties.
SCORES = st.one_of(st.sampled_from([-1.5, 0.0, 0.25, 2.0]), st.floats(-30, 30, width=32))


@st.composite
def predictions(draw):
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    labels = draw(arrays(np.int8, shape, elements=st.integers(0, 1)))
    return labels, draw(arrays(np.float32, shape, elements=SCORES))


def expected_of(labels, scores):
    return np.nan if labels.min() == labels.max() else roc_auc_score(labels, scores)


@settings(derandomize=True, deadline=None)
@given(predictions())
def test_areas_are_those_of_scikit_learn(drawn):
    labels, scores = drawn
    each = [expected_of(*pair) for pair in zip(labels.T, scores.T, strict=True)]
    np.testing.assert_allclose(roc_auc(scores, labels), each)
    micro = expected_of(labels.ravel(), scores.ravel())
    np.testing.assert_allclose(roc_auc_micro(scores, labels), micro)


NAMES = st.text(st.characters(exclude_characters='\0'), min_size=1, max_size=8)


@settings(derandomize=True, deadline=None)
@given(predictions(), st.data())
def test_a_dump_is_read_as_it_was_written(tmp_path_factory, drawn, data):
    labels, scores = drawn
    ids = data.draw(st.lists(NAMES, min_size=len(labels), max_size=len(labels), unique=True))
    classes = tuple(f'class {k}' for k in range(labels.shape[1]))
    path = tmp_path_factory.mktemp('dump') / 'a.npz'
    dump = Dump(tuple(ids), classes, labels, scores, split='val', run='x')
    again = read_dump(write_dump(path, dump))
    assert again.video_ids == dump.video_ids and again.classes == classes
    assert again.labels.tolist() == labels.tolist()
    assert again.scores.tobytes() == scores.tobytes()

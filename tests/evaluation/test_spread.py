import math
import statistics

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import (
    ROCAUCMetric,
    collapse_text,
    collapsed_labels,
    scales_text,
    spread_of,
    standard_weights,
)

CLASSES = ('Joy', 'Fear')
# Two labels of other frequency, standard deviations 1 and 2 around their means.
LOGITS = np.array([[1.0, -7], [-1, -3], [1, -7], [-1, -3]])


def test_the_spread_is_around_the_mean_of_each_label():
    variances = [statistics.pvariance(column) for column in LOGITS.T.tolist()]
    assert spread_of(LOGITS) == pytest.approx(math.sqrt(statistics.mean(variances)))
    probabilities = [[1 / (1 + math.exp(-x)) for x in row] for row in LOGITS.tolist()]
    assert spread_of(probabilities, 'probabilities') == pytest.approx(spread_of(LOGITS))


@pytest.mark.parametrize(
    'function', (spread_of, lambda x, scale: collapsed_labels(x, CLASSES, scale))
)
def test_an_unknown_scale_is_refused(function):
    with pytest.raises(InputError, match="scale: expected .*found 'proba'"):
        function(LOGITS, 'proba')


@pytest.mark.parametrize(
    'scores, scale, expected',
    [
        (LOGITS, 'logits', ()),
        (LOGITS * (1, 1e-4), 'logits', ('Fear',)),
        (LOGITS * (9e-4, 4e-4), 'logits', CLASSES),  # 0.0009 and 0.0008
        (LOGITS * (1.1e-3, 6e-4), 'logits', ()),
        (LOGITS[:1], 'logits', ()),  # nothing to compare with
        (np.tile([0.0, 1.0], (3, 1)), 'probabilities', CLASSES),
        ([[0.01, 0.3], [0.0101, 0.9]], 'probabilities', ()),  # its odds differ by 1 %
        ([[0.5, 0.3], [0.50001, 0.9]], 'probabilities', ('Joy',)),
    ],
)
def test_labels_in_which_all_clips_score_alike(scores, scale, expected):
    assert collapsed_labels(scores, CLASSES, scale) == expected


def test_the_text_says_what_has_collapsed_and_what_to_do():
    text = collapse_text(CLASSES, 2, '12 clips of val')
    assert 'all 12 clips of val score alike in all 2 labels' in text and '--lr' in text
    assert '1 of 2 labels (Fear)' in collapse_text(('Fear',), 2, '12 clips')


def test_standard_weights_give_all_runs_one_spread():
    runs = dict(video=LOGITS, audio=LOGITS[::-1] * 0.25)
    weights = standard_weights(runs)
    assert weights.tolist() == pytest.approx([0.2, 0.8])
    with pytest.raises(InputError, match='audio: .*score alike'):
        standard_weights(dict(runs, audio=LOGITS * 0))


@pytest.mark.parametrize('times, expected', [(2.9, False), (3.1, True), (1 / 3.1, True)])
def test_other_scales_are_named(times, expected):
    text = scales_text(dict(video=LOGITS, audio=LOGITS * times, collapsed=LOGITS * 0))
    assert (text is not None) == expected
    if text:
        large, small = ('audio', 'video') if times > 1 else ('video', 'audio')
        assert f'of {large} vary 3.1 times as much as those of {small}' in text


class TestCollapsed:
    """All clips score alike, in some labels or in all."""

    def run(self, metric, scale, streams=None):
        for row in LOGITS:
            own = {name: row * factor for name, factor in (streams or {}).items()}
            sample = dict(pred_score=row * scale, gt_label=row > (0, -5), stream_logits=own)
            metric.process(None, [sample])
        return metric.evaluate(len(LOGITS))

    def test_it_is_said_once_and_counted_always(self, warnings_logged):
        metric = ROCAUCMetric(scores='logits', classes=CLASSES)
        assert 'collapsed/labels' not in self.run(metric, 1) and not warnings_logged
        for flat, count in (((1, 1e-5), 1), ((0, 0), 2)):
            result = self.run(metric, flat)
            assert result['collapsed/labels'] == count
        (text,) = warnings_logged
        assert 'all 4 clips score alike in 1 of 2 labels (Fear)' in text

    def test_one_stream(self, warnings_logged):
        metric = ROCAUCMetric(scores='logits', classes=CLASSES)
        result = self.run(metric, 1, dict(face=1, body=0))
        assert result['body/collapsed/labels'] == 2
        assert not {'collapsed/labels', 'face/collapsed/labels'} & set(result)
        (text,) = warnings_logged
        assert 'all 4 clips of stream body score alike in all 2 labels' in text

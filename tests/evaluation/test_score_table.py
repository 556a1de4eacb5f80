import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from emoreact_plugin.evaluation import score_table
from emoreact_plugin.utils.errors import InputError

CLASSES = ('Curiosity', 'Fear')
VAL = {
    'roc_auc/micro': 0.81234,
    'roc_auc/macro': 0.7,
    'roc_auc/Curiosity': 0.7,
    'roc_auc/Fear': None,
    'ap/macro': 0.5,
    'ap/Curiosity': 0.5,
    'ap/Fear': None,
    'f1/micro': 0.25,
    'f1/macro': 0.3,
    'f1/Curiosity': 0.3,
    'f1/Fear': None,
}
TEST = {**VAL, 'roc_auc/micro': 0.9, 'roc_auc/Fear': 1.0, 'f1/macro': None}


def prior(micro):
    return {'label frequencies': {'roc_auc/micro': micro, 'roc_auc/macro': 0.5}}


class TestFormatTable:
    def test_text(self):
        text = score_table.format_table(
            dict(val=VAL, test=TEST), CLASSES, dict(val=prior(0.71849), test=prior(0.7206))
        )
        assert (
            text
            == """\
ROC AUC                     val   test
  micro                   0.812  0.900
    label frequencies *   0.718  0.721
  macro                   0.700  0.700
    label frequencies *   0.500  0.500
  Curiosity               0.700  0.700
  Fear                        -  1.000
Average precision, macro  0.500  0.500
F1, macro                 0.300      -
* Reached without a look at the clips: every clip is scored by how often
  each label occurs in the training split."""
        )

    def test_note_names_the_groups_only_where_a_row_is_of_them(self):
        both = {**prior(0.7), 'label frequencies of the series': prior(0.8)['label frequencies']}
        text = score_table.format_table(dict(val=VAL), CLASSES, dict(val=both))
        assert text.count('of the series *') == 2
        assert text.endswith(
            'in the training split, or in the training clips of\n'
            '  its group (shrunk to the overall frequencies as is best on val).'
        )

    def test_collapsed_labels_have_a_row(self):
        last = score_table.format_table(
            dict(val={**VAL, 'collapsed/labels': 1}, test=TEST), CLASSES
        ).splitlines()[-1]
        assert last == 'Labels that all clips score alike  1 of 2  0 of 2'

    def test_streams_of_the_last_split(self):
        test = {f'face/{key}': 0.6 for key in VAL if key.startswith('roc')} | TEST
        text = score_table.format_table(dict(val=VAL, test=test), CLASSES, dict(test=prior(0.7)))
        head, micro, prior_, *_ = text.splitlines()
        assert head.endswith('val   test  face alone, test')
        assert micro.split() == ['micro', '0.812', '0.900', '0.600']
        assert prior_.split()[-3:] == ['-', '0.700', '-']
        assert 'Average precision, macro  0.500  0.500                 -' in text

    @pytest.mark.parametrize('priors', (None, {}, dict(test={}), dict(val=prior(0.7), test={})))
    def test_without_prior(self, priors):
        assert (
            score_table.format_table(dict(test=TEST), CLASSES, priors)
            == """\
ROC AUC                    test
  micro                   0.900
  macro                   0.700
  Curiosity               0.700
  Fear                    1.000
Average precision, macro  0.500
F1, macro                     -"""
        )

    def test_within_groups(self):
        within = {'roc_auc_within/micro': 0.55, 'roc_auc_within/pairs': 1234.0}
        text = score_table.format_table(dict(test={**TEST, **within}), CLASSES)
        lines = [line.split() for line in text.splitlines()]
        assert ['within', 'groups', '0.550'] in lines
        assert ['pairs', 'of', 'clips', '1234'] in lines

    def test_long_names_stay_aligned(self):
        name = 'A class of forty-two letters, about that m'
        metrics = {**VAL, f'roc_auc/{name}': 0.5}
        lines = score_table.format_table({'another test split': metrics}, (name,)).splitlines()
        assert len({len(line) for line in lines}) == 1

    def test_errors(self):
        with pytest.raises(InputError, match='at least one split'):
            score_table.format_table({}, CLASSES, {})
        with pytest.raises(InputError, match='roc_auc/Joy of split test'):
            score_table.format_table(dict(test=TEST), ('Joy',))


class TestWriteMetrics:
    def test_content(self, tmp_path):
        path = tmp_path / 'new' / 'metrics.json'
        written = score_table.write_metrics(
            path,
            dict(test=VAL),
            dict(test=prior(np.float64(0.7206)), val=prior(math.nan)),
            checkpoint=tmp_path / 'best.pth',
            epoch=np.int64(3),
            share=np.float32(0.5),
            note=None,
        )
        assert written == path

        def refuse(name):
            raise AssertionError(f'{name} is not JSON')

        content = json.loads(path.read_text(), parse_constant=refuse)
        assert content == dict(
            results=dict(test=VAL),
            priors=dict(test=prior(0.7206), val=prior(None)),
            checkpoint=str(tmp_path / 'best.pth'),
            epoch=3,
            share=0.5,
            note=None,
        )
        assert content['results']['test']['roc_auc/Fear'] is None

    def test_without_prior(self, tmp_path):
        path = score_table.write_metrics(str(tmp_path / 'metrics.json'), dict(test=VAL), None)
        assert json.loads(path.read_text()) == dict(results=dict(test=VAL), priors={})

    def test_what_is_not_json_leaves_the_old_file(self, tmp_path):
        path = tmp_path / 'metrics.json'
        score_table.write_metrics(path, dict(test=VAL), None)
        before = path.read_text()
        with pytest.raises(TypeError, match='set'):
            score_table.write_metrics(path, {'test': {'roc_auc/micro': {1, 2}}}, {})
        assert path.read_text() == before
        assert os.listdir(tmp_path) == ['metrics.json']

    def test_failed_move_leaves_no_litter(self, tmp_path, monkeypatch):
        path = tmp_path / 'metrics.json'
        score_table.write_metrics(path, dict(test=VAL), None)

        def fail(source, target):
            assert json.loads(Path(source).read_text())['results'] == {'val': VAL}
            assert os.path.dirname(source) == os.path.dirname(target)
            raise OSError('no')

        monkeypatch.setattr(os, 'replace', fail)
        with pytest.raises(OSError, match='no'):
            score_table.write_metrics(path, dict(val=VAL), None)
        assert os.listdir(tmp_path) == ['metrics.json']
        assert list(json.loads(path.read_text())['results']) == ['test']

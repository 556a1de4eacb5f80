import math
import re

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import array_checks as C
from emoreact_plugin.evaluation import functional as F

CLASSES = ('Joy', 'Fear', 'Calm')


def message_of(error):
    return re.sub(r'\s+', ' ', str(error.value))


class TestValidation:
    @pytest.mark.parametrize(
        'function', (F.roc_auc, F.roc_auc_micro, F.average_precision, F.f1, F.f1_micro)
    )
    @pytest.mark.parametrize(
        'scores, labels, expected',
        (
            (
                [0.1, 0.2],
                [0, 1],
                'scores: expected an array of shape (N, C), clips by classes, found shape (2,)',
            ),
            (
                [[0.1]],
                [1],
                'labels: expected an array of shape (N, C), clips by classes, found shape (1,)',
            ),
            (
                np.zeros((0, 3)),
                np.zeros((0, 3)),
                'expected at least one clip and one class, found shape (0, 3)',
            ),
            (
                np.zeros((3, 0)),
                np.zeros((3, 0)),
                'expected at least one clip and one class, found shape (3, 0)',
            ),
            (
                [[0.1, 0.2]],
                [[1]],
                'expected scores and labels of one shape (N, C), found (1, 2) and (1, 1)',
            ),
            ([[0.1], [0.2]], [[1], [0.5]], 'labels, row 1, class 0: expected 0 or 1, found 0.5'),
            ([[0.1, 0.2]], [[1, math.nan]], 'labels, row 0, class 1: expected 0 or 1, found nan'),
            (
                [[0.1], [math.nan]],
                [[1], [0]],
                'row 1, class 0: expected a finite number, found nan (1 such in 1 of 2 clips)',
            ),
            (
                [[0.1, math.inf], [0.1, -math.inf]],
                [[1, 0], [1, 0]],
                'row 0, class 1: expected a finite number, found inf (2 such in 2 of 2 clips)',
            ),
            ([['a']], [[1]], 'expected real numbers, found dtype <U1'),
            ([[1j]], [[1]], 'expected real numbers, found dtype complex128'),
        ),
    )
    def test_bad_arrays(self, function, scores, labels, expected):
        with pytest.raises(InputError) as error:
            function(scores, labels)
        # F1 calls its scores probabilities.
        assert expected in message_of(error).replace('probabilities: ', 'scores: ')

    @pytest.mark.parametrize('value', (-0.01, 1.01, -4.0))
    def test_logits_in_place_of_probabilities(self, value):
        for function in (F.f1, F.f1_micro):
            with pytest.raises(InputError) as error:
                function([[0.5, 0.5], [0.5, value]], [[0, 1], [1, 0]])
            assert message_of(error) == (
                f'probabilities, row 1, class 1: expected a probability in 0..1, found {value:g}; '
                "logits are declared by scores='logits'"
            )

    def test_names_of_class_and_clip(self):
        ids = ['a.mp4', 'b.mp4']
        with pytest.raises(
            InputError, match=re.escape("scores, row 1 (video_id 'b.mp4'), class 2 (Calm): ")
        ):
            C.check_cells(np.array([[0, 0, 0], [0, 0, math.nan]]), 'scores', 'scores', CLASSES, ids)
        with pytest.raises(
            InputError, match=re.escape("labels, row 0 (video_id 'a.mp4'), class 1 (Fear): ")
        ):
            C.check_cells(np.array([[0, 3, 0], [0, 0, 4]]), 'labels', 'labels', CLASSES, ids)
        with pytest.raises(InputError, match=re.escape('probabilities, row 0, class 1 (Fear): ')):
            C.check_cells(np.array([[0, 3, 0]]), 'probabilities', 'probabilities', CLASSES, [None])

    def test_number_of_classes(self):
        with pytest.raises(InputError) as error:
            F.check_array([[0, 1]], 'labels', CLASSES)
        assert message_of(error) == (
            'labels: expected 3 columns, one each of Joy, Fear, Calm, found shape (1, 2)'
        )

    @pytest.mark.parametrize(
        'classes, expected',
        (
            ((), 'expected at least one name, found none'),
            ('Joy', "expected a sequence of names, found the one string 'Joy'"),
            (('Joy', 'macro'), "'macro' is the name of an average"),
            (('Joy', 'Fear', 'Joy'), "every name once, found 'Joy' 2 times"),
            ((1, 2), 'expected names, found 1'),
        ),
    )
    def test_bad_classes(self, classes, expected):
        with pytest.raises(InputError, match='^classes: ') as error:
            F.check_classes(classes)
        assert expected in str(error.value)

import numpy as np
import pytest

from emoreact_plugin.clips.landmarks import Landmarks, fill_gaps
from tests.explanation.color_cues import SIZE, ColorClip

NAN = np.nan


def faces(*values):
    """(T, 68, 2): all points of frame t at (value, 10 * value); a face is missing where NaN."""
    x = np.array(values, np.float32)
    return np.repeat(np.stack([x, 10 * x], axis=-1)[:, None], 68, axis=1)


@pytest.mark.parametrize(
    'max_gap, expected',
    [
        (0, [NAN, 2, NAN, 4, NAN, NAN, 10, NAN, NAN]),
        # 3 is half way from 2 to 4; 6 and 8 are a third and two thirds of the way from 4 to 10
        (1, [NAN, 2, 3, 4, NAN, NAN, 10, NAN, NAN]),
        (2, [NAN, 2, 3, 4, 6, 8, 10, NAN, NAN]),
        (9, [NAN, 2, 3, 4, 6, 8, 10, NAN, NAN]),
    ],
)
def test_gaps_up_to_max_gap_are_filled_but_for_the_ends(max_gap, expected):
    face = faces(NAN, 2, NAN, 4, NAN, NAN, 10, NAN, NAN)
    before = face.copy()
    found, is_box = fill_gaps(face, np.zeros(9, bool), max_gap)
    np.testing.assert_allclose(found, faces(*expected), rtol=1e-6)
    assert found.dtype == np.float32 and not is_box.any()
    np.testing.assert_array_equal(face, before)


def test_each_point_moves_on_its_own():
    face = faces(0, NAN, 4)
    face[2, 5] = (8, 2)
    face[0, 7] = NAN  # on one side only
    face[1, 3] = (99, 99)  # of a frame without a face
    found, _ = fill_gaps(face, np.zeros(3, bool), 1)
    assert found[1, 5].tolist() == [4, 1]
    assert found[1, 3].tolist() == [2, 20]
    assert np.isnan(found[1, 7]).all()
    assert np.isfinite(found[1]).all(axis=1).sum() == 67


def test_half_a_face_is_a_face():
    face = faces(0, 1, 8)
    face[1, :35] = NAN  # 33 of 68 points are left: none
    assert fill_gaps(face, np.zeros(3, bool), 1)[0][1, 60].tolist() == [4, 40]
    face[1, 34] = 1  # 34 are
    assert fill_gaps(face, np.zeros(3, bool), 1)[0][1, 60].tolist() == [1, 10]


def test_a_box_on_one_side_makes_a_box():
    """Points between 0..40 x 0..20 before, a box 20..40 x 10..50 after."""
    face = faces(NAN, NAN, NAN)
    face[0] = (7, 3)
    face[0, :2] = (0, 0), (40, 20)
    face[2] = np.tile([(20, 10), (40, 10), (40, 50), (20, 50)], (17, 1))
    found, is_box = fill_gaps(face, np.array([False, False, True]), 1)
    assert is_box.tolist() == [False, True, True]
    corners = [(10, 5), (40, 5), (40, 35), (10, 35)]
    np.testing.assert_array_equal(found[1], np.tile(corners, (17, 1)))


def test_bodies_are_not_interpolated():
    landmarks = Landmarks.none(3)._replace(face=faces(0, NAN, 4), body=faces(0, NAN, 4))
    found = landmarks.filled(1)
    assert np.isfinite(found.face).all() and np.isnan(found.body[1]).all()
    np.testing.assert_array_equal(found.of([1]).face, faces(2))


@pytest.mark.parametrize('count', [0, 1])
def test_without_two_faces_nothing_is_filled(count):
    face = faces(*[3] * count, NAN, NAN)
    found, _ = fill_gaps(face, np.zeros(len(face), bool), 5)
    np.testing.assert_array_equal(found, face)


def test_boxes():
    clip = ColorClip(2)
    boxes = clip.landmarks.boxes(('face', 'body'), (2 * SIZE, SIZE))
    assert boxes['face'] == [(0, 0, SIZE, SIZE)] * 2
    assert boxes['body'] == [(SIZE, 0, 2 * SIZE, SIZE)] * 2
    assert Landmarks.none(1).boxes(('face',), (8, 8)) == dict(face=[None])

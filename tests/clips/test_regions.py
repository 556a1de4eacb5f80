import numpy as np
import pytest

from emoreact_plugin.clips.regions import (
    REGIONS,
    crop,
    extent_box,
    face_points,
    fullbody_points,
    head_points,
    share_covered,
)

NAN = np.nan


@pytest.mark.parametrize(
    'points, expected',
    [
        # x 20..60: e = round(0.1 * 40) = 4; y 30..50: e = 2
        ([(20, 30), (60, 50)], (16, 28, 64, 52)),
        # halves go to the even number: 20.5 -> 20, 61.5 -> 62, e = round(4.2)
        ([(20.5, 30), (61.5, 50)], (16, 28, 66, 52)),
        # e = round(0.1 * 25) = round(2.5) = 2; round(0.1 * 15) = round(1.5) = 2
        ([(20, 30), (45, 45)], (18, 28, 47, 47)),
        # clipped to the frame of 100 x 80 at every side
        ([(-20, -10), (300, 200)], (0, 0, 100, 80)),
        # partly outside on the left: the original blacked out nearly everything
        ([(-30, 10), (30, 30)], (0, 8, 36, 32)),
        # wholly outside, and a single point, which has no extent
        ([(-50, 10), (-20, 30)], None),
        ([(150, 10), (190, 30)], None),
        ([(20, 30)], None),
        ([], None),
        # a point that is not whole is left out
        ([(20, 30), (60, 50), (NAN, 70), (90, NAN), (np.inf, 0)], (16, 28, 64, 52)),
        ([(NAN, NAN), (NAN, NAN)], None),
    ],
)
def test_extent_box(points, expected):
    points = np.array(points, np.float32).reshape(-1, 2)
    assert extent_box(points, (80, 100)) == expected


@pytest.mark.parametrize('missing, there', [(0, True), (34, True), (35, False), (68, False)])
def test_a_face_needs_half_of_its_points(missing, there):
    face = np.random.default_rng(0).uniform(10, 50, (68, 2))
    face[:missing, 0] = NAN
    assert bool(len(face_points(face, np.empty((0, 2))))) == there


def test_body_and_fullbody_are_the_body_keypoints():
    body = np.array([[1.0, 2.0], [3.0, NAN]])
    assert fullbody_points(np.zeros((68, 2)), body) is body
    assert REGIONS.get('body') is REGIONS.get('fullbody')


def test_crop_is_right_and_bottom_exclusive():
    frame = np.arange(60 * 3, dtype=np.uint8).reshape(6, 10, 3)
    out = crop(frame, (2, 1, 5, 4))
    np.testing.assert_array_equal(out, frame[1:4, 2:5])


@pytest.mark.parametrize(
    'blackout, black',
    [
        ((3, 2, 5, 4), {(1, 1), (1, 2), (2, 1), (2, 2)}),
        ((0, 0, 3, 2), {(0, 0)}),
        ((6, 4, 10, 6), {(3, 4)}),
        ((0, 0, 2, 1), set()),
        ((7, 5, 10, 6), set()),
        ((0, 0, 10, 6), {(r, c) for r in range(4) for c in range(5)}),
    ],
)
def test_blackout_fills_what_lies_in_both_boxes(blackout, black):
    frame = np.full((6, 10, 3), 9, np.uint8)
    out = crop(frame, (2, 1, 7, 5), blackout)
    assert {tuple(rc) for rc in np.argwhere(out[..., 0] == 0)} == black
    assert (frame == 9).all(), 'the frame itself was changed'


def test_the_face_lies_around_the_head_points():
    """The first 11 joints lie in x 100..200, y 50..100; the others do not count."""
    body = np.full((33, 2), (5.0, 400.0))
    body[:11] = (150, 70)
    body[3], body[9] = (100, 100), (200, 50)
    # a fifth of 100 to each side, 0.6 of 50 above and 0.95 of 50 below
    np.testing.assert_allclose(head_points(body), [(80, 20), (220, 147.5)])
    body[:5] = NAN  # 6 of 11 are left: x 150..200, y 50..70
    np.testing.assert_allclose(head_points(body), [(140, 38), (210, 89)])
    body[5, 0] = NAN
    assert len(head_points(body)) == 0


def test_share_covered():
    box = (10, 10, 30, 20)  # an area of 200
    by = [(10, 10, 30, 20), (0, 0, 99, 99), (20, 5, 40, 15), (30, 10, 50, 20), (0, 0, 0, 0)]
    found = share_covered(np.array([box] * 5), np.array(by))
    # all, all, x 20..30 and y 10..15: 50, none beside it, and none
    assert found.tolist() == [1, 1, 0.25, 0, 0]

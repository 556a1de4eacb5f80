import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.transforms import CropRegions
from tests.factories import face_of


def sample(faces=None, bodies=None, n=2):
    """Frames of 80 x 100 with the value 1 + index everywhere."""
    imgs = [np.full((80, 100, 3), 1 + i, np.uint8) for i in range(n)]
    nothing = np.full((n, 1, 2), np.nan, np.float32)
    return dict(
        imgs=imgs,
        face_landmarks=np.full((n, 68, 2), np.nan) if faces is None else faces,
        body_keypoints=nothing if bodies is None else bodies,
    )


BODY = np.array([[(5.0, 10.0), (95.0, 70.0)]] * 2)


def test_face_boxes_follow_each_frame():
    faces = np.stack([face_of(0), face_of(7)])
    out = CropRegions(regions='face')(sample(faces))
    # x 10..30, y 5..25: e = 2
    np.testing.assert_array_equal(out['face_boxes'], [[8, 3, 32, 27], [15, 3, 39, 27]])
    assert [x.shape for x in out['face_imgs']] == [(24, 24, 3)] * 2
    assert [int(x.max()) for x in out['face_imgs']] == [1, 2]
    assert out['face_found'].tolist() == [True, True]


def test_body_is_fullbody_with_a_black_face():
    faces = np.stack([face_of(0), face_of(7)])
    out = CropRegions(regions=('fullbody', 'body'))(sample(faces, BODY))
    # x 5..95: e = 9 -> 0..100 clipped; y 10..70: e = 6 -> 4..76
    np.testing.assert_array_equal(out['body_boxes'], [[0, 4, 100, 76]] * 2)
    np.testing.assert_array_equal(out['body_boxes'], out['fullbody_boxes'])
    assert (out['fullbody_imgs'][1] == 2).all()
    black = out['body_imgs'][1][..., 0] == 0
    # the face box (15, 3, 39, 27) within the crop that starts at (0, 4)
    expected = np.zeros((72, 100), bool)
    expected[0:23, 15:39] = True
    np.testing.assert_array_equal(black, expected)


def test_without_points_the_whole_frame_stands_in():
    faces = np.stack([face_of(0), np.full((68, 2), np.nan)])
    bodies = BODY.copy()
    bodies[0] = np.nan
    out = CropRegions(regions=('face', 'body'))(sample(faces, bodies))
    assert out['face_found'].tolist() == [True, False]
    assert out['body_found'].tolist() == [False, True]
    np.testing.assert_array_equal(out['face_boxes'][1], [0, 0, 100, 80])
    np.testing.assert_array_equal(out['body_boxes'][0], [0, 0, 100, 80])
    # the face is blacked out of a whole frame, too; no face, no black
    assert (out['body_imgs'][0] == 0).sum() == 24 * 24 * 3
    assert (out['body_imgs'][1] == 2).all()


def test_a_face_outside_the_frame_is_missing():
    faces = np.stack([face_of(0) + 500, face_of(0) - 500])
    out = CropRegions(regions=('face', 'body'))(sample(faces, BODY))
    assert not out['face_found'].any()
    assert all((img > 0).all() for img in out['body_imgs'])


def test_an_unknown_region_lists_those_that_there_are():
    with pytest.raises(InputError, match="'hat'.*body, face, fullbody"):
        CropRegions(regions=('face', 'hat'))

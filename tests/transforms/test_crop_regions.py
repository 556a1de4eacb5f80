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


@pytest.mark.parametrize('regions', [('body',), ('body', 'face'), ('fullbody', 'body', 'face')])
def test_in_place_gives_the_same_crops_without_the_frames(regions):
    faces = np.stack([face_of(0), np.full((68, 2), np.nan)])
    expected = CropRegions(regions)(sample(faces, BODY))
    given = dict(sample(faces, BODY), own_imgs=True)
    imgs = given['imgs']
    out = CropRegions(regions, in_place=True)(given)
    assert 'imgs' not in out
    for region in regions:
        for img, other in zip(out[f'{region}_imgs'], expected[f'{region}_imgs'], strict=True):
            np.testing.assert_array_equal(img, other)
        np.testing.assert_array_equal(out[f'{region}_boxes'], expected[f'{region}_boxes'])
    # without a copy
    assert all(map(np.shares_memory, out['body_imgs'], imgs))


def test_what_is_black_for_one_region_is_not_for_another():
    faces, blackout = np.stack([face_of(0)] * 2), dict(fullbody='body', body='face')
    expected = CropRegions(('fullbody', 'body'), blackout)(sample(faces, BODY))
    given = dict(sample(faces, BODY), own_imgs=True)
    out = CropRegions(('fullbody', 'body'), blackout, in_place=True)(given)
    assert any(img.any() for img in expected['body_imgs'])
    for key in ('fullbody_imgs', 'body_imgs'):
        for img, other in zip(out[key], expected[key], strict=True):
            np.testing.assert_array_equal(img, other)


@pytest.mark.parametrize('own, regions', [(False, ('face', 'body')), (True, ('face', 'fullbody'))])
def test_frames_of_others_or_without_black_are_kept(own, regions):
    given = dict(sample(np.stack([face_of(0)] * 2), BODY), own_imgs=own)
    before = [img.copy() for img in given['imgs']]
    out = CropRegions(regions, in_place=True)(given)
    np.testing.assert_array_equal(out['imgs'], before)


def test_an_unknown_region_lists_those_that_there_are():
    with pytest.raises(InputError, match="'hat'.*body, face, fullbody"):
        CropRegions(regions=('face', 'hat'))


def pose(*seen):
    """(2, 33, 2): head points in x 40..60, y 30..40 in the frames that are seen."""
    body = np.full((2, 33, 2), np.nan)
    for k in seen:
        body[k] = (5, 70)
        body[k, :11] = (50, 35)
        body[k, :2] = (40, 30), (60, 40)
    return body


def test_the_head_of_the_pose_is_blacked_out_where_the_face_was_not_found():
    faces = np.stack([face_of(0), np.full((68, 2), np.nan)])
    given = dict(sample(faces, pose(0, 1)), body_is_pose=np.array([True, True]))
    out = CropRegions(('body',), blackout_fallback=True)(dict(given))
    black = [img[..., 0] == 0 for img in out['body_imgs']]
    # the body's box is x 5..60, e = round(5.5) = 6 -> 0..66, y 30..70, e = 4 -> 26..74
    assert out['body_boxes'].tolist() == [[0, 26, 66, 74]] * 2
    # the face's box (8, 3, 32, 27) ends a row below the top of the crop
    assert black[0].sum() == 24 and black[0][0, 8:32].all()
    # x 40..60 becomes 36..64, e = 3 -> 33..67; y 30..40 becomes 24..49.5 -> 50, e = 3 -> 21..53
    expected = np.zeros((48, 66), bool)
    expected[:27, 33:] = True
    np.testing.assert_array_equal(black[1], expected)
    # off by default, and the face itself is still not found
    assert (CropRegions(('body',))(dict(given))['body_imgs'][1] == 2).all()
    out = CropRegions(('face', 'body'), blackout_fallback=True)(dict(given))
    assert out['face_found'].tolist() == [True, False]


def test_the_fallback_needs_joints_in_a_fixed_order():
    given = dict(sample(None, pose(1)), body_is_pose=np.array([True, False]))
    with pytest.raises(InputError, match='fixed order.*extract_landmarks'):
        CropRegions(('body',), blackout_fallback=True)(dict(given))
    # nobody is hidden in these, and nobody was seen in those
    CropRegions(('face', 'fullbody'), blackout_fallback=True)(dict(given))
    nobody = dict(given, body_keypoints=pose())
    out = CropRegions(('body',), blackout_fallback=True)(nobody)
    assert all((img > 0).all() for img in out['body_imgs'])


def test_a_region_is_given_once():
    with pytest.raises(InputError, match='different ones, found face, face'):
        CropRegions(regions=('face', 'face'))

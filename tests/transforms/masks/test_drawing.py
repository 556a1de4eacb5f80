"""Masks on a generic face that is turned in space: no real pictures."""

import cv2
import numpy as np
import pytest

from emoreact_plugin.transforms.masks.drawing import draw_mask, draw_masks
from emoreact_plugin.transforms.masks.geometry import complete_landmarks
from emoreact_plugin.transforms.masks.shapes import KINDS
from tests.transforms.masks.faces import POSES, SIZE, changed, face, filled, look, place, skin

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('pose', POSES)
@pytest.mark.parametrize('scale, shift', [(1.2, 0), (1.2, 45), (0.2, 9)])
def test_nothing_of_lips_and_nose_tip_is_left(kind, pose, scale, shift):
    points = face(*pose, scale)
    points[48:68] += (shift, 0.7 * shift)  # strange: lips beside the mask
    hidden = filled(points[48:60]) | filled(points[[30, 31, 32, 33, 34, 35]])
    frames = [skin(), skin()]
    frames[0][hidden], frames[1][hidden] = (0, 255, 0), (255, 0, 255)
    masked = [draw_mask(frame, points, look(kind)).astype(int) for frame in frames]
    # Strange lips may lie where the light is measured, so nearly.
    assert np.abs(masked[0] - masked[1])[hidden].max() <= (16 if shift else 0)
    if not shift:
        # What is covered gives nothing away, not even by its colour.
        np.testing.assert_array_equal(*masked)
    assert hidden.sum() > 400 * scale**2


@pytest.mark.parametrize('lips', [255, 130, 0])
def test_nothing_of_the_mouth_is_in_the_light(lips):
    # A dark room, so that the brightest things tell the light; a large mouth.
    rng = np.random.default_rng(0)
    frame = rng.integers(60, 190, (*SIZE, 3), dtype=np.uint8)
    points = face(scale=2)
    frame[filled(points[:17])] = (110, 78, 62)
    mouth = filled(points[48:60])
    assert mouth.mean() > 0.02
    expected = draw_mask(frame, points, look('surgical'))
    frame[mouth] = lips
    np.testing.assert_array_equal(draw_mask(frame, points, look('surgical')), expected)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('pose', POSES)
def test_eyes_keep_every_bit(kind, pose):
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    points = face(*pose)
    for shift in (0, 60):  # a strange face: the mask would lie on the eyes
        points[36:48, 1] += shift
        eyes = filled(points[36:42]) | filled(points[42:48])
        out = draw_mask(frame, points, look(kind))
        np.testing.assert_array_equal(out[eyes], frame[eyes])


def test_an_open_mouth_does_not_show_in_the_shape():
    shut, smiling = face(), face()
    smiling[48:68, 0] = 160 + 1.15 * (smiling[48:68, 0] - 160)
    smiling[[48, 54, 60, 64], 1] -= 6
    smiling[[55, 56, 57, 58, 59, 65, 66, 67], 1] += 25  # the lower lip
    frame = skin()
    np.testing.assert_array_equal(
        draw_mask(frame, shut, look('surgical')), draw_mask(frame, smiling, look('surgical'))
    )


@pytest.mark.parametrize('kind', KINDS)
def test_from_the_bridge_of_the_nose_to_under_the_chin(kind):
    points = face()
    frame = skin()
    covered = np.abs(draw_mask(frame, points, look(kind)).astype(int) - frame).sum(axis=-1) > 60
    column = np.flatnonzero(covered[:, 160])
    assert points[27, 1] < column[0] < points[29, 1]
    assert points[8, 1] < column[-1] < points[8, 1] + 20
    # symmetric but for the light of the fabric
    both = covered & covered[:, ::-1][:, list(range(319, 320)) + list(range(319))]
    assert both.sum() > 0.97 * covered.sum()


@pytest.mark.parametrize('kind', KINDS)
def test_a_frame_does_not_depend_on_the_others(kind):
    """Where the masks are is worked out for all frames of a clip at once."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(60, 200, (*SIZE, 3), dtype=np.uint8) for _ in range(9)]
    faces = [face(*pose, 0.9) for pose in POSES]
    faces += [np.full((68, 2), np.nan), face(-75, 10, 30), face(center=(310, 20))]
    faces[3][[2, 30, 60]] = np.nan
    alone = [draw_mask(*each, look(kind)) for each in zip(frames, faces, strict=True)]
    drawn = draw_masks(frames, np.array(faces), look(kind))
    assert drawn.tolist() == [masked is not None for masked in alone]
    assert drawn.sum() == 8
    for frame, masked in zip(frames, alone, strict=True):
        if masked is not None:
            np.testing.assert_array_equal(frame, masked)


@pytest.mark.parametrize('kind', KINDS)
def test_it_turns_with_the_head(kind):
    frame = skin()
    upright = draw_mask(frame, face(20, 10), look(kind))
    for degrees in (-70, 33):
        rolled = draw_mask(frame, face(20, 10, degrees), look(kind))
        turn = cv2.getRotationMatrix2D((160, 140), -degrees, 1)
        expected = cv2.warpAffine(upright, turn, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
        difference = np.abs(rolled.astype(int) - expected).mean(axis=-1)
        inside = changed(frame, rolled)
        # resampled, so lines of the texture differ by a little
        assert difference[inside].mean() < 6
        assert (difference > 60).sum() < 0.02 * inside.sum()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('yaw', (-80, -67, 67, 80))
def test_in_a_profile_it_does_not_stand_out_before_the_nose(kind, yaw):
    points, frame = face(yaw), skin()
    columns = np.flatnonzero(changed(frame, draw_mask(frame, points, look(kind))).any(axis=0))
    nose = points[30, 0]
    before = (nose - columns[0] if points[30, 0] < points[27, 0] else columns[-1] - nose) / 1.2
    assert -3 < before < 8  # millimetres, with the soft edge of the mask and its shadow


@pytest.mark.parametrize('kind', ('surgical', 'cloth', 'kn95'))
def test_loops_end_at_the_ear(kind):
    """The ear goes from beside the eye to under the nose, behind the landmarks of the jaw."""
    points = face()
    ends = place(kind, points).straps[0][:, -1]
    top, low = ends[:2, 1], ends[2:, 1]
    assert (top > points[[36, 45], 1].mean() + 8).all()  # under the eyes
    assert (low < points[33, 1]).all()
    for yaw, k in ((40, 1), (-40, 0)):  # the cheek that is seen
        points = face(yaw)
        end, jaw, nose = (
            place(kind, points).straps[0][k, -1, 0],
            points[[16, 0][k], 0],
            points[30],
        )
        assert abs(end - nose[0]) > abs(jaw - nose[0]) + 10


@pytest.mark.parametrize('color', [(40, 30, 25), (235, 240, 250), (60, 120, 70)])
def test_bands_vanish_behind_hair(color):
    """Something covers the ears, from 4 mm beside the mask's upper corners outwards.

    What is there within another 4 mm is not looked at: a band ends softly.
    """
    points, white = face(), look('surgical')
    where = place('surgical', points)
    left, right = where.straps[0][[1, 0], 0, 0] + (-5, 5)
    hair = np.arange(SIZE[1])
    hair = (hair < left) | (hair > right)
    bare, covered = skin(), skin()
    covered[:, hair] = color
    # Only bands are above the corners of the mask and beside it.
    hair[5:-5] &= hair[10:] & hair[:-10]
    above = np.arange(SIZE[0])[:, None] < where.straps[0][:2, 0, 1].min() - 6
    assert changed(bare, draw_mask(bare, points, white))[above & hair].sum() > 10
    assert not changed(covered, draw_mask(covered, points, white))[above & hair].any()


def test_a_band_in_the_shade_is_drawn():
    """Half the light on one side is still skin."""
    points, white = face(), look('surgical')
    frame = skin()
    frame[:, 200:] = frame[:, 200:] // 2
    ends = place('surgical', points).straps[0][[0, 2], -2].round().astype(int)
    drawn = changed(frame, draw_mask(frame, points, white))
    assert all(drawn[y - 1 : y + 2, x - 1 : x + 2].any() for x, y in ends)


@pytest.mark.parametrize('kind', KINDS)
def test_no_jumps(kind):
    """Half a degree changes the picture by about as much everywhere."""
    frame = skin()
    for axis in range(3):
        steps, meshes, before = [], [], None
        for angle in np.arange(-12, 12.1, 0.5):
            pose = [0, 0, 0]
            pose[axis] = angle
            points = face(*pose)
            out = draw_mask(frame, points, look(kind)).astype(int)
            where = place(kind, points)
            mesh = where.pixels[0]
            if before is not None:
                steps.append(np.abs(out - before[0]).mean())
                meshes.append(np.abs(mesh - before[1]).max())
            before = out, mesh
        assert max(steps) < 2.2 * np.median(steps)
        assert max(meshes) < 2.5  # pixels


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    'center, scale',
    [
        ((0, 140), 1.2),
        ((320, 140), 1.2),
        ((160, -20), 1.2),
        ((160, 299), 1.2),
        ((160, 140), 5.0),
        ((5, 5), 0.05),
        ((160, 140), 0.05),
    ],
)
def test_faces_at_the_edge_large_and_tiny(kind, center, scale):
    frame = skin()
    out = draw_mask(frame, face(15, 5, 20, scale, center), look(kind))
    assert out.shape == frame.shape and out.dtype == np.uint8
    assert changed(frame, out).any()


@pytest.mark.parametrize(
    'points',
    [
        face(center=(-400, 140)),
        face(center=(160, 2000)),
        face(center=(1e9, -1e9)),
        face(scale=0),
        face(scale=0.01),
        np.full((68, 2), np.nan),
        np.where(np.arange(68)[:, None] < 35, np.nan, face()),
        np.full((68, 2), np.inf),
    ],
)
def test_nothing_to_draw(points):
    assert draw_mask(skin(), points, look('surgical')) is None


def test_a_mask_just_outside_the_frame_is_none():
    points = face()
    where = place('surgical', points)
    right = where.pixels[0][..., 0].max()
    for beyond, drawn in ((-3, True), (3, False)):
        shift = (-right - beyond, 0)
        out = draw_mask(skin(), points + shift, look('surgical'))
        assert (out is not None) == drawn


def test_wild_points_do_not_raise():
    rng = np.random.default_rng(0)
    for spread in (1, 30, 300, 1e4, 1e8):
        points = rng.normal(150, spread, (68, 2))
        for kind in KINDS:
            out = draw_mask(skin(), points, look(kind))
            assert out is None or out.shape == skin().shape
    line = face() * (1, 0) + (0, 100)
    out = draw_mask(skin(), line, look('n95'))
    assert out is None or out.shape == skin().shape


@pytest.mark.parametrize('frame_size', [(1, 1), (2, 3), (5, 320)])
def test_small_frames_do_not_raise(frame_size):
    for center in ((1, 1), (160, 2)):
        out = draw_mask(skin(frame_size), face(center=center), look('surgical'))
        assert out is None or out.shape == (*frame_size, 3)


def test_missing_points_are_filled_in():
    points = face(20, 10, 15)
    holes = points.copy()
    holes[[8, 30, 36, 50, 60]] = np.nan
    holes[3, 1] = np.nan  # half a point is none
    holes[40] = np.inf
    np.testing.assert_allclose(complete_landmarks(holes[None])[0], points, atol=2)
    some = points.copy()
    some[::2] = np.nan
    np.testing.assert_allclose(complete_landmarks(some[None])[0], points, atol=2)
    frame = skin()
    whole = draw_mask(frame, points, look('surgical')).astype(int)
    close = draw_mask(frame, holes, look('surgical'))
    assert np.abs(whole - close).mean() < 1.5
    assert np.isnan(holes[8]).all()  # not changed


def test_only_pixels_near_the_face_change():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    points = face(20)
    frame.flags.writeable = False
    out = draw_mask(frame, points, look('n95'))
    assert not np.shares_memory(out, frame)
    where = np.argwhere(changed(frame, out))[:, ::-1]
    assert (where.min(axis=0) > points.min(axis=0) - 30).all()
    assert (where.max(axis=0) < points.max(axis=0) + 30).all()
    assert (where[:, 1] > points[17:27, 1].max()).all()  # below the brows

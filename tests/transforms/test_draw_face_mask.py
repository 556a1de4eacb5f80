import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.transforms.draw_face_mask import DrawFaceMask
from emoreact_plugin.transforms.masks.shapes import COLORS, KINDS
from tests.transforms.masks.faces import face, skin


def sample(n=3, video_id='clip_1', **kwargs):
    return dict(
        imgs=[skin() for _ in range(n)],
        face_landmarks=np.stack([face(5 * i) for i in range(n)]).astype(np.float32),
        video_id=video_id,
        **kwargs,
    )


def looks(transform, n, **kwargs):
    return [transform.draw_look(sample(1, **kwargs)) for _ in range(n)]


def test_every_face_gets_the_mask():
    results = sample()
    before = [img.copy() for img in results['imgs']]
    given = list(results['imgs'])
    out = DrawFaceMask(color='green')(results)
    assert out['masked'].tolist() == [True] * 3
    assert out['masked'].dtype == bool
    for old, copy, new in zip(given, before, out['imgs'], strict=True):
        np.testing.assert_array_equal(old, copy)
        assert (new != old).any() and not np.shares_memory(new, old)
        assert new.dtype == np.uint8


def test_frames_without_a_face_stay_and_are_counted():
    results = sample(4)
    results['face_landmarks'][1] = np.nan
    results['face_landmarks'][2, :35] = np.nan  # fewer than half
    results['face_landmarks'][3, :5] = np.nan
    given = list(results['imgs'])
    out = DrawFaceMask()(results)
    assert out['masked'].tolist() == [True, False, False, True]
    assert out['imgs'][1] is given[1] and out['imgs'][2] is given[2]


def test_no_mask_on_a_box():
    results = sample(3, face_is_box=np.array([False, True, False]))
    given = list(results['imgs'])
    out = DrawFaceMask()(results)
    assert out['masked'].tolist() == [True, False, True]
    assert out['imgs'][1] is given[1]


def test_one_frame_several_times():
    results = sample(3)
    results['imgs'] = [skin()] * 3
    results['face_landmarks'][:] = results['face_landmarks'][0]
    once = DrawFaceMask(color='white')(sample(1))['imgs'][0]
    for img in DrawFaceMask(color='white')(results)['imgs']:
        np.testing.assert_array_equal(img, once)
    np.testing.assert_array_equal(skin(), sample(1)['imgs'][0])


def test_no_frames():
    out = DrawFaceMask()(dict(imgs=[], face_landmarks=np.empty((0, 68, 2), np.float32)))
    assert out['imgs'] == [] and out['masked'].shape == (0,)


def test_a_clip_keeps_one_mask():
    results = sample(6)
    results['face_landmarks'][:] = results['face_landmarks'][0]
    imgs = DrawFaceMask('random')(results)['imgs']
    for img in imgs[1:]:
        np.testing.assert_array_equal(img, imgs[0])


def test_random_gives_every_kind_in_its_colors():
    np.random.seed(0)
    found = looks(DrawFaceMask('random'), 300)
    assert {look.kind for look in found} == set(KINDS)
    for look in found:
        assert look.color in [COLORS[c] for c in KINDS[look.kind].colors]
        assert look.kind == 'n95' or not look.valve
    assert len({look.color for look in found}) > 5
    assert {look.valve for look in found if look.kind == 'n95'} == {True, False}


def test_draws_come_from_the_global_generator():
    transform = DrawFaceMask('random', prob=0.5)
    np.random.seed(3)
    first = looks(transform, 20)
    np.random.seed(3)
    assert looks(transform, 20) == first
    # and take as much of it whatever is drawn
    np.random.seed(3)
    looks(DrawFaceMask(), 20)
    after = np.random.rand()
    np.random.seed(3)
    looks(transform, 20)
    assert np.random.rand() == after


def test_a_seed_ties_the_mask_to_the_clip():
    transform = DrawFaceMask('random', prob=0.5, seed=0)
    state = np.random.get_state()[1].copy()
    one = {i: looks(transform, 1, video_id=f'clip_{i}')[0] for i in range(40)}
    two = {
        i: looks(DrawFaceMask('random', prob=0.5, seed=0), 1, video_id=f'clip_{i}')[0]
        for i in reversed(range(40))
    }
    assert one == two
    assert len(set(one.values())) > 8
    other = DrawFaceMask('random', prob=0.5, seed=1)
    assert [looks(other, 1, video_id=f'clip_{i}')[0] for i in range(40)] != list(one.values())
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_a_seed_needs_a_name():
    results = sample(1)
    del results['video_id']
    DrawFaceMask()(dict(results))
    with pytest.raises(InputError, match='video_id'):
        DrawFaceMask(seed=0)(results)


def test_prob_is_drawn_once_a_clip():
    np.random.seed(0)
    assert None not in looks(DrawFaceMask(prob=1.0), 50)
    assert set(looks(DrawFaceMask(prob=0.0), 50)) == {None}
    bare = sum(look is None for look in looks(DrawFaceMask(prob=0.5), 400))
    assert 160 < bare < 240
    np.random.seed(0)
    for _ in range(12):
        masked = DrawFaceMask(prob=0.5)(sample(3))['masked']
        assert masked.all() or not masked.any()
    out = DrawFaceMask(prob=0)(sample(2))
    assert out['masked'].tolist() == [False, False]
    np.testing.assert_array_equal(out['imgs'][0], skin())


def test_colors():
    for color in ('black', COLORS['black'], list(COLORS['black']), np.array(COLORS['black'])):
        assert looks(DrawFaceMask(color=color), 1)[0].color == COLORS['black']
    assert looks(DrawFaceMask(color=(1, 2, 3)), 1)[0].color == (1, 2, 3)
    dark = DrawFaceMask(color='black')(sample(1))['imgs'][0]
    light = DrawFaceMask(color='white')(sample(1))['imgs'][0]
    assert light[190, 160].mean() > 3 * dark[190, 160].mean()


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(kind='gas'), "'gas', expected one of surgical, cloth, kn95, n95, random"),
        (dict(color='mauve'), "'mauve', expected one of lightblue, .*black"),
        (dict(color=(1, 2)), r'three whole numbers from 0 to 255, found \(1, 2\)'),
        (dict(color=(1, 2, 256)), '0 to 255'),
        (dict(color=(0.5, 0.5, 0.5)), 'whole'),
        (dict(prob=1.5), 'prob from 0 to 1, found 1.5'),
        (dict(prob=float('nan')), 'prob'),
        (dict(seed=-1), 'seed of 0 or more'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        DrawFaceMask(**options)


def test_frames_and_faces_have_to_match():
    results = sample(3)
    results['face_landmarks'] = results['face_landmarks'][:2]
    with pytest.raises(InputError, match='3 frames, but landmarks of 2'):
        DrawFaceMask()(results)


def test_no_mask_on_a_mask():
    with pytest.raises(InputError, match='that were masked beforehand; leave'):
        DrawFaceMask()(sample(masked_beforehand=True))
    assert DrawFaceMask()(sample(masked_beforehand=False))['masked'].all()


def test_repr():
    assert repr(DrawFaceMask('cloth', 'black', 0.5, 3)) == (
        "DrawFaceMask(kind='cloth', color=(44, 44, 48), prob=0.5, seed=3)"
    )


def test_frames_that_the_sample_alone_holds_are_drawn_on():
    results, given = sample(own_imgs=True), sample()
    frames = list(results['imgs'])
    results['face_landmarks'][1] = given['face_landmarks'][1] = np.nan
    out, copies = DrawFaceMask(seed=1)(results), DrawFaceMask(seed=1)(given)
    assert all(new is old for new, old in zip(out['imgs'], frames, strict=True))
    np.testing.assert_array_equal(out['imgs'], copies['imgs'])
    assert out['masked'].tolist() == copies['masked'].tolist() == [True, False, True]

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.landmark_readers import read_openface_csv
from emoreact_plugin.preparation.mediapipe.detector import MESH_TO_68, LandmarkDetector
from emoreact_plugin.preparation.mediapipe.networks import has_landmark_models
from emoreact_plugin.preparation.mediapipe.people import Guide
from emoreact_plugin.preparation.mediapipe.people import Person as Person_
from emoreact_plugin.preparation.mediapipe.regions import Box
from emoreact_plugin.video.reading import iterate_frames
from tests.factories import REAL_DATA
from tests.preparation.mediapipe.fake_mediapipe import HEIGHT, WIDTH, Person, World, frame

MIDDLE = Person(160, 100)
OTHER = Person(60, 80, 36)


def find(monkeypatch, *frames, scale=1, **kwargs):
    """Find the landmarks in the frames of a world."""
    World(*frames).install(monkeypatch)
    with LandmarkDetector(**kwargs) as detector:
        return [detector(frame(k, scale)) for k in range(len(frames))]


def center(found):
    low, high = found.face.min(axis=0), found.face.max(axis=0)
    return ((low + high) / 2).tolist()


def found_none(found):
    return np.isnan(found.face).all() and not found.face_is_box


def test_points_of_one_person(monkeypatch):
    (found,) = find(monkeypatch, [MIDDLE])
    assert found.face.shape == (68, 2) and found.face.dtype == np.float32
    # corners of the eyes, chin, ears' sides: MediaPipe's 33, 263, 152, ...
    np.testing.assert_allclose(found.face[36], (152, 92), atol=1e-3)
    np.testing.assert_allclose(found.face[45], (168, 92), atol=1e-3)
    np.testing.assert_allclose(found.face[8], (160, 120), atol=1e-3)
    np.testing.assert_allclose(found.face[1], (140, 100), atol=1e-3)
    assert not found.face_is_box
    assert found.body.shape == (33, 2) and found.body.dtype == np.float32
    # visibility is 0.5 for odd joints, 0.49 for even ones
    seen = np.isfinite(found.body).all(axis=1)
    assert seen.tolist() == [j % 2 == 1 for j in range(33)]
    np.testing.assert_allclose(found.body[1], (160, 100), atol=1e-3)
    np.testing.assert_allclose(found.body[11], (160, 140), atol=1e-3)


def test_the_points_are_picked_from_the_mesh_once_each():
    assert len(set(MESH_TO_68)) == 68 and max(MESH_TO_68) < 468
    # tip of the nose, corners of the mouth and of the eyes
    assert [MESH_TO_68[k] for k in (30, 48, 54, 36, 39, 42, 45)] == [4, 61, 291, 33, 133, 362, 263]


def test_larger_frames_give_pixels_of_their_own(monkeypatch):
    scale = 6  # 1440 x 1200
    world = World([MIDDLE]).install(monkeypatch)
    with LandmarkDetector() as detector:
        found = detector(frame(0, scale))
    assert {shape for kind, _, shape in world.log[-3:]} == {(1067, 1280, 3)}
    np.testing.assert_allclose(found.face[8], (960, 720), atol=5)
    np.testing.assert_allclose(found.body[11], (960, 840), atol=5)


@pytest.mark.parametrize(
    'people, expected',
    [
        ([OTHER, MIDDLE], MIDDLE),
        ([Person(160, 120, 40), Person(40, 40, 44)], Person(40, 40, 44)),
        ([Person(160, 120, 20), Person(60, 60, 60)], Person(60, 60, 60)),
    ],
)
def test_the_largest(monkeypatch, people, expected):
    for order in (people, people[::-1]):
        (found,) = find(monkeypatch, order)
        assert center(found) == pytest.approx(expected[:2], abs=1)
        assert found.body[1].tolist() == pytest.approx(expected[:2], abs=0.1)


def test_the_same_person_while_another_grows(monkeypatch):
    frames = [[Person(160 + 3 * k, 100), Person(60, 80, 30 + 2 * k)] for k in range(20)]
    for k, found in enumerate(find(monkeypatch, *frames)):
        assert center(found)[0] == pytest.approx(160 + 3 * k, abs=1)


def test_nobody_takes_over_before_15_frames(monkeypatch):
    frames = [[MIDDLE, OTHER]] * 2 + [[OTHER]] * 20
    found = find(monkeypatch, *frames)
    for k in range(2, 17):
        assert found_none(found[k]) and np.isnan(found[k].body).all()
    for k in range(17, 22):
        assert center(found[k]) == pytest.approx(OTHER[:2], abs=1)
        assert np.isfinite(found[k].body).any()


def test_the_person_comes_back(monkeypatch):
    frames = [[MIDDLE, OTHER], [OTHER], [OTHER], [OTHER, Person(175, 100)]]
    found = find(monkeypatch, *frames)
    assert [found_none(f) for f in found] == [False, True, True, False]
    assert center(found[3]) == pytest.approx((175, 100), abs=1)


def test_a_box_where_the_mesh_finds_nothing(monkeypatch):
    frames = [[MIDDLE], [MIDDLE._replace(mesh=False, x=165)], [MIDDLE]]
    found = find(monkeypatch, *frames)
    assert [f.face_is_box for f in found] == [False, True, False]
    box = found[1].face
    corners, counts = np.unique(box, axis=0, return_counts=True)
    # A detected face is somewhat larger than the extent of its points, and
    # reaches higher up.
    np.testing.assert_allclose(
        corners, [(146.6, 83.8), (146.6, 121.8), (183.4, 83.8), (183.4, 121.8)], atol=1e-2
    )
    assert counts.tolist() == [17] * 4 and box.dtype == np.float32


def test_no_box_of_another(monkeypatch):
    other = OTHER._replace(mesh=False)
    found = find(monkeypatch, [MIDDLE, other], [other])
    assert found_none(found[1])


def test_each_model_runs_once_a_frame_at_most(monkeypatch):
    world = World(*[[MIDDLE, OTHER]] * 5).install(monkeypatch)
    with LandmarkDetector() as detector:
        del world.log[:]
        for k in range(5):
            detector(frame(k))
    kinds = [kind for kind, *_ in world.log]
    assert kinds.count('bodies') == 1 and 'small_faces' not in kinds
    assert [kinds.count(k) for k in ('faces', 'mesh', 'pose')] == [5] * 3
    # From the second frame on, around the face: three times its size.
    shapes = [shape for kind, _, shape in world.log if kind == 'faces']
    assert shapes == [(HEIGHT, WIDTH, 3)] + [(120, 120, 3)] * 4


def test_a_face_that_is_not_detected_for_a_moment(monkeypatch):
    away = MIDDLE._replace(face=False, small=False, x=163)
    found = find(monkeypatch, [MIDDLE], [away], [away], [OTHER, away])
    for each in found[1:]:
        assert center(each)[0] == pytest.approx(163, abs=1)
    assert found_none(find(monkeypatch, [away])[0])


def test_small_faces_have_to_be_confirmed(monkeypatch):
    small = Person(160, 100, 20, face=False)
    found = find(monkeypatch, [small], [small._replace(mesh=False)])
    assert center(found[0]) == pytest.approx((160, 100), abs=1)
    assert found_none(found[1])


def test_no_face_and_its_body(monkeypatch):
    hidden = MIDDLE._replace(face=False, mesh=False, small=False)
    found = find(monkeypatch, [], [hidden], [MIDDLE], [hidden])
    assert [found_none(f) for f in found] == [True, True, False, True]
    bodies = [bool(np.isfinite(f.body).any()) for f in found]
    assert bodies == [False, True, True, True]


def test_a_body_that_is_another_persons(monkeypatch):
    me = MIDDLE._replace(body=False)
    found = find(monkeypatch, [me, OTHER], [me, OTHER])
    for each in found:
        assert center(each) == pytest.approx(MIDDLE[:2], abs=1)
        assert np.isnan(each.body).all()


def test_a_body_that_somebody_else_comes_into(monkeypatch):
    # Hips at the same place, but under a head that is not the person's.
    me = MIDDLE._replace(body=False)
    else_ = Person(155, 40, 60, face=False, mesh=False, small=False)
    found = find(monkeypatch, [MIDDLE], [me, else_], [MIDDLE])
    assert [bool(np.isfinite(f.body).any()) for f in found] == [True, False, True]


def test_reset_forgets_the_person(monkeypatch):
    World([MIDDLE], [OTHER]).install(monkeypatch)
    with LandmarkDetector() as detector:
        detector(frame(0))
        assert found_none(detector(frame(1)))
        detector.reset()
        assert center(detector(frame(1))) == pytest.approx(OTHER[:2], abs=1)


def test_without_a_body(monkeypatch):
    world = World([MIDDLE]).install(monkeypatch)
    with LandmarkDetector(body=False) as detector:
        found = detector(frame(0))
    assert np.isnan(found.body).all() and found.body.shape == (33, 2)
    assert {kind for kind, *_ in world.log} == {'faces', 'mesh'}


def test_models_are_closed(monkeypatch):
    world = World([MIDDLE]).install(monkeypatch)
    with LandmarkDetector() as detector:
        assert world.open == 1
    assert world.open == 0
    detector.close()  # once more does no harm
    with pytest.raises(InputError, match='was closed'):
        detector(frame(0))


@pytest.mark.parametrize(
    'image',
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)],
)
def test_frames_that_are_none(monkeypatch, image):
    World().install(monkeypatch)
    message = r'\(H, W, 3\) of uint8, found '
    with LandmarkDetector() as detector, pytest.raises(InputError, match=message):
        detector(image)


def test_everybody_is_seen_in_a_look(monkeypatch):
    small = Person(110, 30, 12, face=False)
    World([MIDDLE, OTHER, small, Person(30, 30, 12, face=False, mesh=False)]).install(monkeypatch)
    with LandmarkDetector() as detector:
        seen = sorted((box.x, box.y) for box in detector.look(frame(0, 6)))
    # in pixels of the frame, which is shrunk for the models; the last one is no face
    expected = sorted((6 * p.x, 6 * p.y) for p in (MIDDLE, OTHER, small))
    np.testing.assert_allclose(seen, expected, atol=20)


def guide_to(*people):
    """Return a guide to one person, who is seen in each frame for which there is a place."""
    seen = [(k, Box(p.x, p.y, p.size, p.size)) for k, p in enumerate(people) if p]
    return Guide((Person_(*map(list, zip(*seen, strict=True))),), (1,), 2, 'left')


def test_the_guide_leads_to_a_person(monkeypatch):
    """To the smaller one, from the first frame on, and back after others hide it."""
    frames = [[MIDDLE, OTHER], [MIDDLE], [MIDDLE, OTHER._replace(x=75)]]
    World(*frames).install(monkeypatch)
    with LandmarkDetector() as detector:
        detector.reset(guide_to(OTHER, None, OTHER._replace(x=75)))
        found = [detector(frame(k)) for k in range(3)]
    assert center(found[0]) == pytest.approx(OTHER[:2], abs=1)
    assert found_none(found[1])
    assert center(found[2]) == pytest.approx((75, 80), abs=1)
    assert found[2].body[1].tolist() == pytest.approx((75, 80), abs=0.1)


def test_nobody_else_is_taken_with_a_guide(monkeypatch):
    World(*[[OTHER]] * 2, *[[MIDDLE]] * 30).install(monkeypatch)
    with LandmarkDetector() as detector:
        detector.reset(guide_to(OTHER, OTHER))
        found = [detector(frame(k)) for k in range(32)]
    assert not found_none(found[1])
    assert all(map(found_none, found[2:]))
    assert all(np.isnan(each.body).all() for each in found[20:])


def test_a_box_where_nobody_is_expected_is_no_face(monkeypatch):
    box = MIDDLE._replace(mesh=False)
    World([MIDDLE], [box], [box]).install(monkeypatch)
    with LandmarkDetector() as detector:
        detector.reset(guide_to(MIDDLE, MIDDLE))
        found = [detector(frame(k)) for k in range(3)]
    assert found[1].face_is_box and found_none(found[2])


def needs_models():
    if not has_landmark_models():
        pytest.skip('needs the extra landmarks')


@pytest.mark.landmarks
def test_the_real_models_find_nothing_in_black():
    needs_models()
    with LandmarkDetector() as detector:
        found = detector(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert found_none(found) and np.isnan(found.body).all()


@pytest.mark.landmarks
def test_close_to_openface():
    needs_models()
    clip = REAL_DATA / 'openface' / 'subj01_timepoint01.mp4'
    if not clip.is_file():
        pytest.skip('needs a real clip with its OpenFace file')
    expected = read_openface_csv(clip.with_suffix('.csv'))[0]
    with LandmarkDetector() as detector:
        for k, image in zip(range(8), iterate_frames(clip), strict=False):
            eyes = np.linalg.norm(expected[k, 36] - expected[k, 45])
            off = detector(image).face - expected[k]
            assert np.linalg.norm(off, axis=1).mean() < 0.08 * eyes

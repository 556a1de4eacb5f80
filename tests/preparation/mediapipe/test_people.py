import pytest

from emoreact_plugin import InputError
from emoreact_plugin.preparation.mediapipe.people import People, said_of
from emoreact_plugin.preparation.mediapipe.regions import Box

SIZE = (1000, 500)


def face(x, size=50, y=250):
    return Box(x, y, size, size)


def people(*looks):
    """Return the people of looks at every fifth frame."""
    return People([(5 * k, boxes) for k, boxes in enumerate(looks)], SIZE)


THREE = people(*[[face(520, 40), face(100, 60), face(950, 80)]] * 10)


@pytest.mark.parametrize(
    'choice, number', [('largest', 3), ('central', 2), ('left', 1), ('right', 3)]
)
def test_whom_of_three(choice, number):
    guide = THREE.guide(choice)
    assert guide.to_dict() == dict(seen=3, taken=[number], choice=choice)
    assert guide.at(12).x == (100, 520, 950)[number - 1]
    with pytest.raises(InputError, match='expected one of largest, central, left, right, found'):
        THREE.guide('tall')


def test_each_of_three():
    assert [guide.at(0).x for guide in THREE.guides()] == [100, 520, 950]
    assert [guide.taken for guide in THREE.guides()] == [(1,), (2,), (3,)]
    assert people([], [], []).guides()[0].to_dict() == dict(seen=0, taken=[], choice='all')


def test_the_largest_over_the_clip():
    """Not the one who is near the camera for a moment."""
    looks = [[face(200, 60)] + [face(800, 90)] * (k < 3) for k in range(20)]
    assert people(*looks).guide('largest').at(50).x == 200


def test_a_face_between_looks():
    """It moves straight; in a long gap, before and after nobody is expected."""
    looks = [[], [face(100)], [face(120)], *[[]] * 6, [face(120)], [face(120)]]
    guide = people(*looks).guide('largest')
    assert guide.at(4) is None and guide.at(5).x == 100
    assert guide.at(7).x == pytest.approx(108)
    assert guide.at(11) is None and guide.at(44) is None and guide.at(45).x == 120
    assert guide.at(51) is None


def test_people_who_move_past_each_other():
    """Each is the nearer one in the next look."""
    looks = [[face(300 + 20 * k, y=200), face(500 - 20 * k, y=320)] for k in range(10)]
    found = people(*looks).persons
    assert len(found) == 2
    for person in found:
        assert len({box.y for box in person.boxes}) == 1


def test_a_face_of_a_moment_is_none():
    looks = [[face(200)] + [face(800, 200)] * (k in (4, 5)) for k in range(10)]
    assert people(*looks).guide('largest').to_dict() == dict(seen=1, taken=[1], choice='largest')
    # unless there is no other
    assert people([], [face(800)], [], [], [], []).guide('largest').seen == 1
    assert people([face(800)]).guide('left').at(0).x == 800


def test_others_take_over_afterwards():
    looks = [[face(800)]] * 10 + [[]] * 4 + [[face(200)]] * 6 + [[face(500, 30)]] * 6
    guide = people(*looks).guide('largest')
    # the third comes when the second has just gone
    assert guide.to_dict()['taken'] == [3, 1] and guide.seen == 3
    assert guide.at(0).x == 800 and guide.at(80).x == 200
    assert said_of(guide.to_dict()) == '3 people seen, person 3, then 1 taken'


@pytest.mark.parametrize(
    'seen, taken, said',
    [(0, [], 'nobody seen'), (1, [1], '1 person seen'), (3, [2], '3 people seen, person 2 taken')],
)
def test_what_is_said(seen, taken, said):
    assert said_of(dict(seen=seen, taken=taken, choice='largest')) == said

from dataclasses import astuple

import numpy as np
import pytest

from emoreact_plugin.preparation.mediapipe.regions import (
    Box,
    Region,
    body_region,
    cut_out,
    merit,
    mesh_region,
    shrunk,
    steadied,
)
from tests.preparation.mediapipe.fake_mediapipe import HEIGHT, WIDTH, Person, frame, mesh_of


def test_mesh_region_turns_with_the_head():
    points = mesh_of(Person(0, 0, 100))
    angle = np.pi / 6
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for given, expected in ((points, 0), (points @ turn.T, angle)):
        region = mesh_region(given + (50, 70))
        np.testing.assert_allclose(astuple(region), (50, 70, 150, expected), atol=1e-6)


def test_body_region_is_upright():
    # the point above the head lies above the hips, or to their right
    for above, angle in (([10.0, 50], 0), ([50.0, 90], np.pi / 2)):
        region = body_region(np.array([10.0, 90]), np.array(above))
        np.testing.assert_allclose(astuple(region), (10, 90, 100, angle), atol=1e-6)


@pytest.mark.parametrize(
    'choice, best', [('largest', 0), ('central', 1), ('left', 2), ('right', 0)]
)
def test_merit(choice, best):
    boxes = [Box(80, 50, 20, 20), Box(52, 50, 10, 10), Box(10, 50, 15, 15)]
    merits = [merit(box, 100, 100, choice) for box in boxes]
    assert np.argmax(merits) == best


def test_a_region_trembles_less():
    old = Region(100, 100, 50, 0)
    new = Region(102, 99, 51, 0.1)
    assert steadied(None, new) == new
    assert astuple(steadied(old, new)) == pytest.approx((100.8, 99.6, 50.4, 0.04))
    for moved in (Region(106, 100, 50, 0), Region(100, 100, 56, 0), Region(100, 100, 50, 0.3)):
        assert steadied(old, moved) == moved


def test_box():
    box = Box.around(np.array([(10, 20), (40, 60), (20, np.nan)]))
    assert box == Box(25, 40, 30, 40) and box.size == 40
    assert box.corners().tolist() == [[10, 20], [40, 20], [40, 60], [10, 60]]
    assert box.distance(25, 60) == 0.5


@pytest.mark.parametrize(
    'x, y, corner, shape',
    [
        (100, 100, (70, 70), (60, 60)),
        (10, 100, (0, 70), (60, 60)),
        (WIDTH - 5, HEIGHT - 5, (WIDTH - 60, HEIGHT - 60), (60, 60)),
    ],
)
def test_neighborhood_of_a_face(x, y, corner, shape):
    part, found = cut_out(frame(3), Box(x, y, 20, 16))
    assert found == corner and part.shape[:2] == shape
    assert part[0, 0].tolist() == [3, *corner]
    assert part.flags.c_contiguous


def test_neighborhood_larger_than_the_frame():
    part, corner = cut_out(frame(0), Box(100, 100, 150, 150))
    assert corner == (0, 0) and part.shape == (HEIGHT, WIDTH, 3)


def test_large_frames_are_shrunk():
    image, scale = shrunk(np.zeros((1080, 1920, 3), np.uint8))
    assert image.shape == (720, 1280, 3) and scale.tolist() == [1.5, 1.5]
    given = np.zeros((720, 1280, 3), np.uint8)
    image, scale = shrunk(given)
    assert image is given and scale.tolist() == [1, 1]

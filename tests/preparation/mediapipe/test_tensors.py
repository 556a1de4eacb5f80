import cv2
import numpy as np
import pytest

from emoreact_plugin.preparation.mediapipe import tensors
from emoreact_plugin.preparation.mediapipe.regions import Region


def test_anchors_of_the_short_range_model():
    # 16 x 16 places with 2 anchors, and 8 x 8 with 6
    anchors = tensors.make_anchors(128, (8, 16, 16, 16), 2)
    assert anchors.shape == (896, 2)
    np.testing.assert_allclose(anchors[:3], [(1 / 32, 1 / 32)] * 2 + [(3 / 32, 1 / 32)])
    np.testing.assert_allclose(anchors[512:518], [(1 / 16, 1 / 16)] * 6)
    np.testing.assert_allclose(anchors[-1], (15 / 16, 15 / 16))


@pytest.mark.parametrize('angle', [0.0, 0.4, -2.0])
def test_points_of_a_region_are_where_it_was_cut_out(angle):
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (70, 50), 3, (255, 255, 255), -1)
    region = Region(75.0, 55.0, 60.0, angle)
    part = tensors.cut_square(image, region, 90, -1.0, cv2.BORDER_CONSTANT)
    assert part.shape == (1, 90, 90, 3) and part.dtype == np.float32
    assert part.min() == -1 and part.max() == pytest.approx(1)
    y, x = np.argwhere(part[0, ..., 0] > 0).mean(axis=0)
    found = tensors.to_pixels(np.array([x, y]) / 90, region)
    np.testing.assert_allclose(found, (70, 50), atol=0.7)


def test_a_region_turns_upright():
    # The top of a region that is turned clockwise by 90 degrees lies to the right.
    found = tensors.to_pixels(np.array([(0.5, 0.0)]), Region(100.0, 50.0, 40.0, np.pi / 2))
    np.testing.assert_allclose(found, [(120, 50)], atol=1e-4)


def test_detections_that_overlap_are_averaged_by_their_scores():
    anchors = np.full((4, 2), 0.5)
    values = np.zeros((4, 6), np.float32)
    values[:, 2:4] = 20  # width and height
    values[1, 0] = 4
    values[2, 0] = 40
    values[:, 4:] = (5, -5)  # a key point
    logits = np.log(np.array([0.6 / 0.4, 0.9 / 0.1, 0.8 / 0.2, 0.4 / 0.6]))
    region = Region(50.0, 50.0, 100.0, 0.0)
    first, second = tensors.detections(values, logits, anchors, region, 100, 0.5)
    np.testing.assert_allclose(first.box, (50 + 4 * 0.6 - 10, 40, 50 + 4 * 0.6 + 10, 60), atol=1e-4)
    np.testing.assert_allclose(first.keypoints, [(55, 45)], atol=1e-4)
    np.testing.assert_allclose(second.box, (80, 40, 100, 60), atol=1e-4)
    assert not tensors.detections(values, logits - 9, anchors, region, 100, 0.5)


def test_joints_go_to_the_peak_of_their_heatmap():
    maps = np.full((64, 64, 4), -9.0)
    maps[20:23, 30:33, :3] = 3.0
    maps[21, 31, :3] = 9.0
    maps[..., 2] -= 10  # nowhere sure
    points = np.array([(33 / 64, 19 / 64), (50 / 64, 50 / 64), (33 / 64, 19 / 64), (1.2, 0.5)])
    found = tensors.refined(points, maps)
    np.testing.assert_allclose(found[0], (31 / 64, 21 / 64), atol=2e-3)
    np.testing.assert_array_equal(found[1:], points[1:])  # far from it, unsure, outside

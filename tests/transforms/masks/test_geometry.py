"""Where masks and their bands are on a face that is turned."""

import numpy as np
import pytest

from emoreact_plugin.transforms.masks.shapes import COLORS, FULL, KINDS, normals, surface, texture
from tests.transforms.masks.faces import face, place


def test_yaw_shows_more_of_the_near_side():
    def shares(yaw):
        x = place('kn95', face(yaw)).mesh[0][8, :, 0]
        return x[12] - x[0], x[-1] - x[12]

    left, right = shares(0)
    assert left == pytest.approx(right, rel=0.01)
    for yaw in (20, 40):
        left, right = shares(yaw)
        assert left > 1.5 * right
        assert shares(-yaw) == pytest.approx((right, left), rel=0.01)


@pytest.mark.parametrize('kind', KINDS)
def test_the_bulge_hides_the_far_cheek(kind):
    for yaw in (-70, -50, 50, 70):
        mesh = place(kind, face(yaw)).mesh[0]
        assert (np.diff(mesh[..., 0], axis=1) >= 0).all()
        far, near = np.ptp(mesh[8, 12:, 0]), np.ptp(mesh[8, :13, 0])
        if yaw < 0:
            far, near = near, far
        assert far < 0.35 * near


def test_a_band_behind_the_cheek_is_not_drawn():
    assert place('surgical', face()).strap_shares[0].min() > 0.9
    shares = place('surgical', face(35)).strap_shares[0]
    assert shares[0] == shares[2] == 0  # right
    assert min(shares[1], shares[3]) > 0.9
    shares = place('surgical', face(-35)).strap_shares[0]
    assert shares[1] == shares[3] == 0
    assert min(shares[0], shares[2]) > 0.9


@pytest.mark.parametrize('kind', KINDS)
def test_shapes(kind):
    mesh, normal = surface(kind), normals(kind)
    np.testing.assert_allclose(mesh, mesh[:, ::-1] * (-1, 1, 1), atol=1e-9)
    assert (np.diff(mesh[..., 0], axis=1) > 0).all()
    assert (np.diff(mesh[..., 1], axis=0) > 0).all()
    assert (normal[..., 2] > -0.7).all()  # out of the face
    # in front of nose and chin
    assert mesh[:, 12, 2].max() > 0
    for name, color in COLORS.items():
        cloth = np.atleast_3d(texture(kind, color))[..., 0]
        middle = np.median(cloth) / FULL * np.array(color)
        assert np.abs(middle - color).max() < 25, name
    assert np.atleast_3d(texture(kind, color, True)).shape[2] == 4  # a valve is not of cloth

"""The light on a face, in pictures of known light."""

import numpy as np
import pytest

from emoreact_plugin.transforms.masks.drawing import draw_mask
from emoreact_plugin.transforms.masks.light import measure_lights
from tests.transforms.masks.faces import SIZE, face, look, place, skin

pytestmark = pytest.mark.slow


def measure_light(frame, skin):
    return measure_lights([frame], skin[None], np.ones((1, len(skin)), bool), [None])[0]


def test_light_follows_the_face():
    points = face()
    even = skin()
    ramp = np.linspace(1.25, 0.55, SIZE[1])[None, :, None]
    from_left = np.rint(even * ramp).astype(np.uint8)
    dim = even // 3

    def halves(frame):
        cloth = draw_mask(frame, points, look('cloth', 'gray'))[170:200]
        return cloth[:, 110:150].mean(), cloth[:, 170:210].mean()

    left, right = halves(even)
    assert left == pytest.approx(right, rel=0.05)
    lit, dark = halves(from_left)
    assert lit > 1.25 * dark
    dark, lit = halves(from_left[:, ::-1])
    assert lit > 1.25 * dark
    assert sum(halves(dim)) < 0.6 * (left + right)


def test_light_of_warm_and_noisy_pictures():
    spots = place('surgical', face()).skin[0]
    plain = measure_light(skin(), spots)
    assert plain.noise == 0
    assert abs(plain.right) < 0.01 and abs(plain.down) < 0.01
    warm = skin()
    warm[..., 2] //= 2
    red, _, blue = measure_light(warm, spots).white
    assert red / blue > 1.1 * plain.white[0] / plain.white[2]
    rng = np.random.default_rng(0)
    noisy = np.clip(skin() + rng.normal(0, 3, (*SIZE, 3)), 0, 255)
    found = measure_light(np.rint(noisy).astype(np.uint8), spots).noise
    assert found == pytest.approx(3, rel=0.25)

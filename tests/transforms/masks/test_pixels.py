import numpy as np

from emoreact_plugin.transforms.masks.pixels import medians


def test_medians_are_those_of_numpy():
    rng = np.random.default_rng(0)
    values, there = rng.normal(size=(40, 12, 3)), rng.random((40, 12)) < 0.6
    there[0], there[1], there[2] = True, False, np.arange(12) == 5
    found = medians(values, there)
    assert np.isinf(found[1]).all()
    for k in set(range(40)) - {1}:
        np.testing.assert_allclose(found[k], np.median(values[k, there[k]], axis=0))

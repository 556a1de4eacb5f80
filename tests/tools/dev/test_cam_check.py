import numpy as np
import pytest
import torch
from cam_check import (
    Mass,
    box_in_crop,
    ideal_map,
    mass_in_box,
    randomized,
    refit_statistics,
    total,
)
from torch import nn

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from mmaction.registry import MODELS
from tests.factories import recognizer2d

pytestmark = pytest.mark.slow


def test_a_box_in_a_crop():
    # A crop of 40x20 at (10, 20), resized to 80x80: x doubles, y four times.
    crop, size = (10, 20, 50, 40), (80, 80)
    assert box_in_crop((20, 25, 30, 30), crop, size) == (20, 20, 40, 40)
    assert box_in_crop((0, 0, 20, 30), crop, size) == (0, 0, 20, 40)
    assert box_in_crop((0, 0, 10, 30), crop, size) is None
    assert box_in_crop((60, 25, 70, 30), crop, size) is None


def test_the_mass_in_a_box():
    size = (8, 4)
    even = mass_in_box(np.ones((2, 4)), (1, 0, 5, 2), size)
    assert even.inside == pytest.approx(8) and even.ratio == pytest.approx(1)
    # A pixel that is cut counts by its part.
    cut = mass_in_box(np.ones((4, 8)), (1.5, 0.25, 2.25, 1), size)
    assert cut.inside == pytest.approx(0.75 * 0.75)
    assert cut.ratio == pytest.approx(1)
    # All of it in an eighth of the area; x and y are not swapped.
    values = np.zeros((4, 8))
    values[3, 6] = 5
    found = mass_in_box(values, (4, 3, 8, 4), size)
    assert found.inside == pytest.approx(5)
    assert found.ratio == pytest.approx(8)
    assert mass_in_box(values, (0, 0, 4, 4), size).ratio == 0


def test_the_mass_of_an_empty_map():
    found = mass_in_box(np.zeros((2, 2)), (0, 0, 1, 1), (4, 4))
    assert found == Mass(0, 0) and np.isnan(found.ratio)


def test_masses_add_up():
    assert total([Mass(1, 2), Mass(3, 2)]) == Mass(4, 4)
    assert np.isnan(total([]).ratio)


def test_the_best_of_so_few_places():
    values = ideal_map((60, 10, 80, 30), (80, 80), (4, 4))
    assert values[1, 3] == 1 and values.sum() == 1
    assert ideal_map((70, 70, 80, 80), (80, 80), (4, 4))[3, 3] == 1


def test_all_parameters_are_drawn_anew():
    torch.manual_seed(0)
    model = MODELS.build(recognizer2d()).eval()
    before = {name: p.clone() for name, p in model.named_parameters()}
    one, same, other = (randomized(model, seed) for seed in (1, 1, 2))
    assert not one.training
    for name, parameter in one.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), before[name])
        torch.testing.assert_close(same.get_parameter(name), parameter)
        if parameter.ndim > 1:
            assert not torch.equal(before[name], parameter)
            assert not torch.equal(other.get_parameter(name), parameter)


def test_what_cannot_be_drawn_anew():
    model = nn.Sequential(nn.Linear(2, 2))
    model.own = nn.Parameter(torch.ones(1))
    with pytest.raises(InputError, match='can be drawn anew, found own'):
        randomized(model, 0)


def test_statistics_are_those_of_the_clips():
    torch.manual_seed(0)
    model = MODELS.build(recognizer2d()).eval()
    clips = list(torch.randn(3, 1, 2, 3, 32, 32) * 3 + 1)
    norm = model.backbone.conv1.bn
    momentum = norm.momentum
    refit_statistics(model, clips)
    features = [model.backbone.conv1.conv(clip[0]) for clip in clips]
    torch.testing.assert_close(
        norm.running_mean, torch.stack([each.mean((0, 2, 3)) for each in features]).mean(0)
    )
    torch.testing.assert_close(
        norm.running_var, torch.stack([each.var((0, 2, 3)) for each in features]).mean(0)
    )
    assert not norm.training and norm.momentum == momentum

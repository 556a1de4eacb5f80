"""Check whether maps lie where they should.

It measures the share of a map's mass in a box whose place is known, and makes networks of which
nothing can be expected.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from emoreact_plugin.explanation.cam_sheet import enlarge
from emoreact_plugin.models import score_stream
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.random_state import seeded

Box = tuple[float, float, float, float]


class Mass(NamedTuple):
    """Mass of the maps of some frames.

    Attributes:
        inside (float): Sum of what lies in the boxes.
        expected (float): What would lie there if each map's mass were spread evenly: sum of mass
            times the box's share of the area.
    """

    inside: float
    expected: float

    @property
    def ratio(self) -> float:
        """Return how many times more mass there is than expected; NaN if all is empty."""
        return self.inside / self.expected if self.expected > 0 else np.nan


def box_in_crop(box: Sequence[float], crop: Sequence[float], size: tuple[int, int]) -> Box | None:
    """Convert a box of the frame to the pixels of a resized crop.

    Args:
        box (Sequence[float]): x1, y1, x2, y2 in pixels of the frame, right and bottom exclusive.
        crop (Sequence[float]): The crop, likewise.
        size (tuple[int, int]): Width and height of the resized crop.

    Returns:
        tuple[float, ...] | None: x1, y1, x2, y2 within the crop; None if nothing of the box is in
        it.
    """
    left, top, right, bottom = crop
    scale = size[0] / (right - left), size[1] / (bottom - top)
    x1, x2 = (np.clip((x - left) * scale[0], 0, size[0]) for x in (box[0], box[2]))
    y1, y2 = (np.clip((y - top) * scale[1], 0, size[1]) for y in (box[1], box[3]))
    if x1 >= x2 or y1 >= y2:
        return None
    return float(x1), float(y1), float(x2), float(y2)


def mass_in_box(values: np.ndarray, box: Box, size: tuple[int, int]) -> Mass:
    """Measure the mass of a map that lies in a box.

    The map is enlarged to the size of its image, as it is shown. A pixel that the box cuts counts
    by the part of it that lies in the box.

    Args:
        values (np.ndarray): (h, w), 0 or more.
        box (tuple[float, ...]): x1, y1, x2, y2 in pixels of the image.
        size (tuple[int, int]): Width and height of the image.

    Returns:
        Mass: The mass inside, and the mass expected there.
    """
    large = enlarge(values, size).astype(np.float64)
    x1, y1, x2, y2 = box
    columns = _covered(x1, x2, size[0])
    rows = _covered(y1, y2, size[1])
    share = (x2 - x1) * (y2 - y1) / (size[0] * size[1])
    return Mass(float(rows @ large @ columns), float(large.sum() * share))


def _covered(low: float, high: float, count: int) -> np.ndarray:
    """Compute what part of each pixel lies between two places."""
    edges = np.clip(np.arange(count + 1), low, high)
    return np.diff(edges)


def ideal_map(box: Box, size: tuple[int, int], drawn: tuple[int, int]) -> np.ndarray:
    """Make the best map that is possible with so few places.

    It has one place only, the one in which the box's centre lies.

    Args:
        box (tuple[float, ...]): x1, y1, x2, y2 in pixels of the image.
        size (tuple[int, int]): Width and height of the image.
        drawn (tuple[int, int]): h, w of the map.

    Returns:
        np.ndarray: (h, w), 0 except for one 1.
    """
    values = np.zeros(drawn, np.float32)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    values[
        min(int(y * drawn[0] / size[1]), drawn[0] - 1),
        min(int(x * drawn[1] / size[0]), drawn[1] - 1),
    ] = 1
    return values


def total(masses: Sequence[Mass]) -> Mass:
    """Sum up masses."""
    return Mass(sum(each.inside for each in masses), sum(each.expected for each in masses))


def randomized(model: nn.Module, seed: int) -> nn.Module:
    """Copy a model, and draw all of its parameters anew.

    This is the sanity check of Adebayo et al. (2018): maps that stay the same do not come from what
    was learned. The statistics of batch norms are measured again with :func:`refit_statistics`.

    Args:
        model (nn.Module): The model. It is not changed.
        seed (int): Seed of the draws.

    Returns:
        nn.Module: The copy, in eval mode.

    Raises:
        InputError: For a parameter that PyTorch has no initial draw for.
    """
    model = deepcopy(model)
    drawn = set()
    with seeded((seed,)):
        for module in model.modules():
            if hasattr(module, 'reset_parameters'):
                module.reset_parameters()
                drawn |= {id(p) for p in module.parameters(recurse=False)}
    left = [name for name, parameter in model.named_parameters() if id(parameter) not in drawn]
    if left:
        raise InputError(
            f'expected layers of PyTorch, which can be drawn anew, found {", ".join(left[:3])}'
        )
    return model.eval()


@torch.no_grad()
def refit_statistics(recognizer: nn.Module, clips: list[Tensor]) -> None:
    """Measure the mean and variance of every batch norm on some clips.

    Args:
        recognizer (nn.Module): A stock recognizer, which is left in eval
            mode.
        clips (list[Tensor]): Normalised inputs (1, T, 3, H, W) or (1, V, 3,
            T, H, W).
    """
    norms = [m for m in recognizer.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all forwards
        norm.train()
    for clip in clips:
        score_stream(recognizer, clip)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()

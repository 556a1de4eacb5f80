"""Map what a recognizer's score of a class rests on, for every frame of a clip.

The methods are Grad-CAM and its relatives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from mmengine.model import BaseModel
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, XGradCAM
from torch import Tensor, nn

from emoreact_plugin.models import score_stream
from emoreact_plugin.utils.errors import InputError

from .cam_layers import hooked, layout

EIGENCAM = 'eigencam'
WEIGHTED = {'gradcam': GradCAM, 'gradcam++': GradCAMPlusPlus, 'xgradcam': XGradCAM}
METHODS = (*WEIGHTED, EIGENCAM)


class Component(NamedTuple):
    """First principal component of activations with C channels.

    Attributes:
        mean (np.ndarray): (C, ) mean of the activations.
        direction (np.ndarray): (C, ), of length 1; its sign is chosen, see :func:`first_component`.
    """

    mean: np.ndarray
    direction: np.ndarray


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps of the F images of a clip's stream.

    Attributes:
        maps (np.ndarray): (K, F, h, w) float32, 0 or more, of K classes; with Eigen-CAM K is 1.
        logits (np.ndarray): (C, ) float32, logits of the stream.
        negative (float): Share of the layer's activations below 0. The methods take activations as
            evidence that is present or absent.
        component (Component | None): The component of Eigen-CAM.
    """

    maps: np.ndarray
    logits: np.ndarray
    negative: float
    component: Component | None = None


def clip_maps(
    recognizer: BaseModel,
    inputs: Tensor,
    layer: str,
    classes: Sequence[int],
    method: str = 'gradcam',
    component: Component | None = None,
) -> Maps:
    """Compute the maps of all frames of a clip in one forward pass.

    Grad-CAM (Selvaraju et al., 2017) and X-Grad-CAM (Fu et al., 2020) weight the channels of a
    layer by the gradient of the class's logit, Grad-CAM++ (Chattopadhay et al., 2018) by higher
    powers of it. Eigen-CAM (Muhammad and Yeasin, 2020) uses no gradient. Each frame has weights of
    its own.

    The logit is a mean over the frames, so the gradient is multiplied by their number. It is then
    the gradient of one frame's share, whatever T is, and Grad-CAM++'s small constant (1e-6) stays
    small compared with the gradient's square.

    The weights and ``.grad`` of the network are not changed.

    Args:
        recognizer (BaseModel): A stock recognizer in eval mode.
        inputs (Tensor): (1, T, 3, H, W), or (1, V, 3, T, H, W) for 3D; normalised as in training.
        layer (str): Name of the layer, see :func:`~.cam_layers.choose_layer`.
        classes (Sequence[int]): K classes; not used by Eigen-CAM.
        method (str): One of :data:`METHODS`. Defaults to ``'gradcam'``.
        component (Component, optional): For Eigen-CAM, the component of the clip as it was sampled.
            Defaults to None: the component of these frames.

    Returns:
        Maps: F = T maps, or V * T in the order of views. If a 3D network has fewer maps in time,
        each of them stands for several frames.

    Raises:
        InputError: For an unknown method, or a layer that the logits do not depend on.
    """
    if method not in METHODS:
        raise InputError(f"method: expected one of {', '.join(METHODS)}, found '{method}'")
    activations, logits = _forward(recognizer, inputs, layer)
    values = _fold(activations.detach())
    negative = float((values < 0).mean())
    if method == EIGENCAM:
        if component is None:
            component = first_component(values)
        maps = project(values, component)[None]
    else:
        weigh = WEIGHTED[method].get_cam_weights
        weighted = []
        for gradient in _gradients(activations, logits, layer, classes):
            # The method needs nothing of its object, which would put hooks of
            # its own on the network.
            weights = weigh(None, None, None, None, values, _fold(gradient) * len(values))
            weighted.append((weights[..., None, None] * values).sum(1))
        maps = np.stack(weighted)
    maps = np.maximum(maps, 0).astype(np.float32)
    return Maps(
        _in_time(maps, *layout(inputs)), logits.detach().float().cpu().numpy(), negative, component
    )


def _forward(recognizer: BaseModel, inputs: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Return the layer's output, as a leaf of the graph, and the logits (C, )."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        # From here on only: neither memory nor time for what lies before.
        torch.set_grad_enabled(True)
        output = output.detach().requires_grad_(True)
        kept.append(output)
        # What follows may work in place.
        return output.clone()

    with hooked(recognizer, {layer: keep}), torch.no_grad():
        logits = score_stream(recognizer, inputs)[0]
    return kept[0], logits[0]


def _gradients(
    activations: Tensor, logits: Tensor, layer: str, classes: Sequence[int]
) -> Iterator[Tensor]:
    for k in classes:
        gradient = None
        if logits.requires_grad:
            (gradient,) = torch.autograd.grad(
                logits[k], activations, retain_graph=True, allow_unused=True
            )
        if gradient is None:
            raise InputError(
                f"layer '{layer}': the scores do not depend on "
                'it; expected a layer on the way to them'
            )
        yield gradient


def _fold(values: Tensor) -> np.ndarray:
    """Turn activations into (F, C, h, w) float32; the time of (V, C, T', h, w) becomes frames."""
    if values.ndim == 5:
        values = values.transpose(1, 2).flatten(0, 1)
    return values.float().cpu().numpy()


def _in_time(maps: np.ndarray, views: int, frames: int) -> np.ndarray:
    """Repeat maps for the frames that they stand for, giving (K, views * frames, h, w)."""
    steps = maps.shape[1] // views
    places = ((np.arange(frames) + 0.5) * steps / frames).astype(int)
    maps = maps.reshape(len(maps), views, steps, *maps.shape[2:])[:, :, places]
    return maps.reshape(len(maps), views * frames, *maps.shape[3:])


def first_component(values: np.ndarray) -> Component:
    """Compute the first principal component of a clip's activations.

    There is one for all frames, so that their maps can be compared. Its sign is arbitrary; it is
    chosen so that the projection farthest from 0 is positive.

    Args:
        values (np.ndarray): (F, C, h, w).
    """
    places = np.moveaxis(values, 1, -1).reshape(-1, values.shape[1])
    places = places.astype(np.float64)
    mean = places.mean(0)
    direction = np.linalg.svd(places - mean, full_matrices=False)[2][0]
    projected = (places - mean) @ direction
    if -projected.min() > projected.max():
        direction = -direction
    return Component(mean, direction)


def project(values: np.ndarray, component: Component) -> np.ndarray:
    """Project activations (F, C, h, w) on a component, giving (F, h, w)."""
    offset = component.mean @ component.direction
    return np.tensordot(values, component.direction, (1, 0)) - offset

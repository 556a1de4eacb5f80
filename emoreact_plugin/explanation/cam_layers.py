"""Find the layers of a recognizer whose output is a map of each frame."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import fill
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import modules

from emoreact_plugin.models import score_stream
from emoreact_plugin.utils.errors import InputError

# What comes after the last block belongs to no place in the frame.
HEAD = 'cls_head'
MOST_LINES = 8
CHANNELS_FIRST = (
    modules.conv._ConvNd,
    modules.batchnorm._BatchNorm,
    nn.GroupNorm,
    modules.pooling._AvgPoolNd,
    modules.pooling._MaxPoolNd,
    modules.pooling._AdaptiveAvgPoolNd,
    modules.pooling._AdaptiveMaxPoolNd,
)


@dataclass(frozen=True)
class MapLayers:
    """Layers with maps that were found in a forward pass, in the order in which they finish.

    Attributes:
        layers (dict[str, tuple[int, ...]]): Name -> shape of its output: (T, C, h, w), or for 3D
            (V, C, T', h, w). Empty if there are none.
        others (dict[str, tuple[int, ...]]): The same for layers whose channels may not come second.
        last (str | None): The last layer with a map; None if the backbone ends in several maps.
        tokens (bool): Whether tokens follow the last layer with a map.
    """

    layers: dict[str, tuple[int, ...]]
    others: dict[str, tuple[int, ...]]
    last: str | None
    tokens: bool


def find_map_layers(recognizer: BaseModel, inputs: Tensor) -> MapLayers:
    """Find the layers that give a map of every frame.

    They are found in a forward pass of the clip. Layers that are left out or called several times
    in it, that pool the places, or that belong to the head, do not count. Neither do layers of a
    transformer whose channels are not known to come second (Swin's come last): no convolution,
    batch norm or pooling takes or gives a tensor of that shape.

    Args:
        recognizer (BaseModel): A stock recognizer in eval mode.
        inputs (Tensor): (1, T, 3, H, W), or (1, V, 3, T, H, W) for 3D.
    """
    ended: list[_Ended] = []

    def watch(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            ended.append(_Ended(name, module, _shape(args and args[0]), _shape(output)))

        return hook

    hooks = {
        name: watch(name)
        for name, module in recognizer.named_modules()
        if name and name.split('.')[0] != 'data_preprocessor'
    }
    with hooked(recognizer, hooks), torch.no_grad():
        score_stream(recognizer, inputs)
    known = _with_channels_first(ended)
    ended = [each for each in ended if each.name.split('.')[0] != HEAD]
    counts = Counter(each.name for each in ended)
    layers: dict[str, tuple[int, ...]] = {}
    others: dict[str, tuple[int, ...]] = {}
    for each in ended:
        if counts[each.name] == 1 and each.shape is not None and _is_map(each.shape, inputs):
            (layers if each.name in known else others)[each.name] = each.shape
    last = next(reversed(layers), None)
    names = [each.name for each in ended]
    after = [] if last is None else ended[names.index(last) + 1 :]
    tokens = any(each.shape is not None and len(each.shape) == 3 for each in after)
    if any(each.name == 'backbone' and each.shape is None for each in ended):
        last = None
    return MapLayers(layers, others, last, tokens)


def choose_layer(
    recognizer: BaseModel, inputs: Tensor, name: str | None = None, where: str = 'layer'
) -> str:
    """Choose the layer to explain.

    Args:
        recognizer (BaseModel): A stock recognizer in eval mode.
        inputs (Tensor): See :func:`find_map_layers`.
        name (str, optional): Name of the layer that is asked for. Defaults to None: the last block,
            which is the whole backbone if its output is a map.
        where (str): What the layer is, for error messages.

    Returns:
        str: Its name in the recognizer.

    Raises:
        InputError: For a layer that does not exist or gives no map; the message names those that
            do. For a recognizer without such layers, or with the channels last. Without a name, for
            a backbone that gives several maps or works on tokens.
    """
    if getattr(recognizer, 'feature_shape', None) == 'NHWC':
        raise InputError(
            f'{where}: expected a backbone whose maps are (frames, channels, height, width), found '
            'one with the channels last'
        )
    found = find_map_layers(recognizer, inputs)
    layers = found.layers
    if name is not None and name in layers:
        return name
    if not layers:
        raise InputError(
            f'{where}: expected a recognizer with layers that are called once a clip and give maps '
            f'of its frames, found none in {type(recognizer.backbone).__name__}'
        )
    if name is not None:
        if name in found.others:
            what = (
                f'gives {found.others[name]}, with the channels last or none: no convolution, '
                'batch norm or pooling here has such'
            )
        elif name in dict(recognizer.named_modules()):
            what = 'gives no map of every frame, or is called more than once'
        else:
            what = 'does not exist'
        raise InputError(f"{where}: '{name}' {what}; expected one of {listed(layers, name)}")
    if found.last is None or found.tokens:
        what = 'works on tokens, which are no map' if found.tokens else 'gives several maps'
        raise InputError(
            f'{where}: {type(recognizer.backbone).__name__} {what}; name a '
            f'layer, one of {listed(layers)}'
        )
    return found.last


def listed(layers: Iterable[str], name: str = '') -> str:
    """List names of layers, in ten lines at most.

    Args:
        layers (Iterable[str]): All names, with dots between a layer and those within it.
        name (str): A name that is not among them. Names that are similar to it come first. If it
            would lie within some layer, only the names within that layer follow. Defaults to
            ``''``.

    Returns:
        str: The names, down to a depth at which they fit into 8 lines; then how many more there
        are.
    """
    layers = list(layers)
    near, of = get_close_matches(name, layers, 3, 0.5), 'of all'
    parent = name.rpartition('.')[0]
    inside = [each for each in layers if f'{each}.'.startswith(f'{parent}.')]
    if 0 < len(inside) < len(layers):
        layers, of = inside, f'of those within {parent}'
    depths = [each.count('.') for each in layers]
    for depth in range(max(depths), min(depths) - 1, -1):
        shown = [each for each in layers if each.count('.') <= depth]
        lines = fill(', '.join(shown), 79, break_on_hyphens=False).split('\n')
        if len(lines) <= MOST_LINES:
            break
    lines = lines[:MOST_LINES]
    more = len(layers) - len(' '.join(lines).strip(',').split(', '))
    return '\n'.join(
        [
            *([f'{", ".join(near)} or, {of},'] if near else []),
            *lines,
            *(
                [f'and {more} more: NAME.x in place of a name lists those within NAME']
                if more
                else []
            ),
        ]
    )


@dataclass(frozen=True, eq=False)
class _Ended:
    """A finished call of a layer, with the shapes of its first argument and of its output.

    The shape of what is no tensor is None.
    """

    name: str
    module: nn.Module
    given: tuple[int, ...] | None
    shape: tuple[int, ...] | None


def _with_channels_first(ended: Sequence[_Ended]) -> set[str]:
    """Name the layers whose output has its channels second, by what takes and gives such tensors.

    Convolutions, batch norms and pooling want the channels second, linear layers and layer norms
    last. In a network without layers that want them last, they are second everywhere.
    """
    first = {
        shape
        for each in ended
        if isinstance(each.module, CHANNELS_FIRST)
        for shape in (each.given, each.shape)
    }
    last = [each.shape for each in ended if _works_on_last(each.module)]
    # Such as after a layer that makes weights for channels are left out.
    has_last = any(shape and len(shape) > 2 for shape in last)
    return {
        each.name
        for each in ended
        if not has_last
        or isinstance(each.module, CHANNELS_FIRST)
        or (not _works_on_last(each.module) and each.shape in first)
    }


def _works_on_last(module: nn.Module) -> bool:
    # There are heirs of LayerNorm that want the channels second.
    return isinstance(module, nn.Linear) or type(module) is nn.LayerNorm


def _shape(output: Any) -> tuple[int, ...] | None:
    return tuple(output.shape) if isinstance(output, Tensor) else None


def _is_map(shape: tuple[int, ...], inputs: Tensor) -> bool:
    views, frames = layout(inputs)
    if len(shape) not in (4, inputs.ndim - 1):
        return False
    first = views * frames if len(shape) == 4 else views
    return shape[0] == first and shape[-1] * shape[-2] > 1


def layout(inputs: Tensor) -> tuple[int, int]:
    """Return the number of views of a clip, and the number of images per view.

    They are 1 and T for (1, T, 3, H, W), and V and T for (1, V, 3, T, H, W).
    """
    if inputs.ndim == 5:
        return 1, inputs.shape[1]
    return inputs.shape[1], inputs.shape[3]


@contextmanager
def hooked(recognizer: BaseModel, hooks: dict[str, Callable[..., Any]]) -> Iterator[None]:
    """Call hooks with the outputs of layers, for the duration of a block.

    Args:
        recognizer (BaseModel): The network.
        hooks (dict[str, Callable]): Name of a layer -> forward hook.
    """
    modules = dict(recognizer.named_modules())
    handles = [modules[name].register_forward_hook(hook) for name, hook in hooks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

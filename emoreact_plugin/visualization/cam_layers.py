"""The layers of a recognizer whose output is a map of each frame."""
from collections import Counter
from contextlib import contextmanager
from difflib import get_close_matches
from textwrap import fill
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import torch
from torch import Tensor, nn

from emoreact_plugin.models import score_stream

# What comes after the last block belongs to no place in the frame.
HEAD = 'cls_head'


def map_layers(recognizer: nn.Module, inputs: Tensor) -> Dict[str, tuple]:
    """The layers that give a map of every frame, in the order of their ends.

    Found by a forward of the clip: layers that are left out or called several
    times in it, that pool the places, or that belong to the head, are none.

    Args:
        recognizer (nn.Module): A stock recognizer in eval mode.
        inputs (Tensor): (1, T, 3, H, W), or (1, V, 3, T, H, W) for 3D.

    Returns:
        dict[str, tuple]: Name -> shape of its output: (T, C, h, w), or for 3D
        (V, C, T', h, w). Empty where there are none.
    """
    return _probe(recognizer, inputs)[0]


def choose_layer(recognizer: nn.Module,
                 inputs: Tensor,
                 name: Optional[str] = None,
                 where: str = 'layer') -> str:
    """The layer to explain.

    Args:
        recognizer (nn.Module): A stock recognizer in eval mode.
        inputs (Tensor): See :func:`map_layers`.
        name (str, optional): The one that is asked for. Defaults to None: the
            last block, which is the whole backbone where its output is a map.
        where (str): What it is, for errors.

    Returns:
        str: Its name in the recognizer.

    Raises:
        ValueError: For a layer that does not exist or gives no map, naming
            those that do; without a name, for a backbone that gives several
            maps or works on tokens.
    """
    if getattr(recognizer, 'feature_shape', None) == 'NHWC':
        raise ValueError(f'{where}: expected a backbone whose maps are '
                         '(frames, channels, height, width), found one with '
                         'the channels last')
    layers, last, tokens = _probe(recognizer, inputs)
    if name is not None and name in layers:
        return name
    if not layers:
        raise ValueError(
            f'{where}: expected a recognizer with layers that are called once '
            'a clip and give maps of its frames, found none in '
            f'{type(recognizer.backbone).__name__}')
    if name is not None:
        exists = name in dict(recognizer.named_modules())
        raise ValueError(
            f"{where}: '{name}' " +
            ('gives no map of every frame, or is called more than once'
             if exists else 'does not exist') +
            f'; expected one of {_listed(name, layers)}')
    if last is None or tokens:
        what = (
            'works on tokens, which are no map' if tokens else
            'gives several maps')
        raise ValueError(
            f'{where}: {type(recognizer.backbone).__name__} {what}; name a '
            f'layer, one of {", ".join(layers)}')
    return last


def _listed(name: str, layers: Dict[str, tuple]) -> str:
    """Those whose names are near first, then all, in lines."""
    near = get_close_matches(name, layers, 5, 0.5)
    return '\n'.join([
        *([', '.join(near), 'or, of all,'] if near else []),
        *fill(', '.join(layers), 79, break_on_hyphens=False).split('\n')
    ])


def _probe(recognizer: nn.Module, inputs: Tensor
           ) -> Tuple[Dict[str, tuple], Optional[str], bool]:
    """The layers with maps; the last of them, None where the backbone ends in
    several maps; and whether tokens follow it."""
    ended: List[Tuple[str, Any]] = []

    def watch(name):
        def hook(module, args, output):
            ended.append((name, _shape(output)))

        return hook

    hooks = {
        name: watch(name)
        for name, module in recognizer.named_modules()
        if name and name.split('.')[0] not in (HEAD, 'data_preprocessor')
    }
    with hooked(recognizer, hooks), torch.no_grad():
        score_stream(recognizer, inputs)
    counts = Counter(name for name, _ in ended)
    layers = {
        name: shape for name, shape in ended
        if counts[name] == 1 and _is_map(shape, inputs)
    }
    last = next(reversed(layers), None)
    names, shapes = zip(*ended)
    after = shapes[names.index(last) + 1:] if layers else ()
    tokens = any(shape is not None and len(shape) == 3 for shape in after)
    if ('backbone', None) in ended:
        last = None
    return layers, last, tokens


def _shape(output: Any) -> Optional[tuple]:
    return tuple(output.shape) if isinstance(output, Tensor) else None


def _is_map(shape: Optional[tuple], inputs: Tensor) -> bool:
    views, frames = layout(inputs)
    if shape is None or len(shape) not in (4, inputs.ndim - 1):
        return False
    first = views * frames if len(shape) == 4 else views
    return shape[0] == first and shape[-1] * shape[-2] > 1


def layout(inputs: Tensor) -> Tuple[int, int]:
    """Views, and images a view, of a clip: 1 and T of (1, T, 3, H, W), V and
    T of (1, V, 3, T, H, W)."""
    if inputs.ndim == 5:
        return 1, inputs.shape[1]
    return inputs.shape[1], inputs.shape[3]


@contextmanager
def hooked(recognizer: nn.Module,
           hooks: Dict[str, Callable]) -> Iterator[None]:
    """For the time of a block, call hooks with the outputs of layers.

    Args:
        recognizer (nn.Module): The network.
        hooks (dict[str, Callable]): Name of a layer -> forward hook.
    """
    modules = dict(recognizer.named_modules())
    handles = [
        modules[name].register_forward_hook(hook)
        for name, hook in hooks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

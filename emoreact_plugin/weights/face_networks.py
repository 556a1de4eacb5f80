"""Check that a network computes what public weights of face networks were trained in.

Their tensors have the names and shapes of any ResNet-50. In a ResNet-50 of another kind, or with
inputs that are normalised in another way, they would be loaded and mean little.
"""

from collections.abc import Iterable
from typing import Any

from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from emoreact_plugin.utils.errors import InputError

from .weight_files import KINDS, WeightFile

# Of the training images of VGGFace2, blue first. Both networks take them; they divide by nothing.
_INPUT = dict(channels='BGR', mean=(91.495, 103.883, 131.091), std=(1.0, 1.0, 1.0))


# What a kind of file needs: the config that has it, and its facts, see ``_facts_of``.
_NEEDS: dict[str, tuple[str, dict[str, Any]]] = dict(
    emo_affectnet=(
        'configs/emoreact/tsn_affectnet-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py',
        {
            'eps of the batch norms': [1e-3],
            'kernels with stride 2': [1, 7],
            'padding of the first convolution': 'same',
            'padding of the max pooling': 0,
            'ceil_mode of the max pooling': False,
        },
    ),
    vggface2=(
        'configs/emoreact/tsn_vggface2-pretrained-r50_1xb8-1x1x3-12e_emoreact-face.py',
        {
            'eps of the batch norms': [1e-5],
            'kernels with stride 2': [1, 7],
            'padding of the first convolution': 3,
            'padding of the max pooling': 0,
            'ceil_mode of the max pooling': True,
        },
    ),
)


def check_networks(
    file: WeightFile, backbones: Iterable[nn.Module], preprocessor: nn.Module | None
) -> None:
    """Refuse backbones, or a normalisation, in which the weights of a file would mean little.

    Args:
        file (WeightFile): Any file. Only some kinds need a special network.
        backbones (Iterable[nn.Module]): What it is to be loaded into.
        preprocessor (nn.Module, optional): What makes their inputs: an ``ActionDataPreprocessor``,
            or one that holds some. Others are not looked at.

    Raises:
        InputError: For another network or normalisation. It names the config that fits.
    """
    if file.origin not in _NEEDS:
        return
    config, facts = _NEEDS[file.origin]
    differ: dict[str, None] = {}
    for backbone in backbones:
        differ.update(_differences(_facts_of(backbone), facts))
    for each in preprocessor.modules() if preprocessor is not None else ():
        if hasattr(each, 'to_rgb'):
            differ.update(_differences(_facts_of_input(each), _INPUT))
    if differ:
        raise InputError(
            f'{file.path}: {KINDS[file.origin]} need another network. Use {config}, or its '
            f'backbone and data_preprocessor in a config of your own. {"; ".join(differ)}'
        )


def _differences(found: dict[str, Any], needed: dict[str, Any]) -> dict[str, None]:
    return {
        f'{name}: expected {needed[name]}, found {found[name]}': None
        for name in needed
        if found[name] != needed[name]
    }


def _facts_of(backbone: nn.Module) -> dict[str, Any]:
    """Return what a network does beside its tensors."""
    modules = list(backbone.modules())
    convs = [m for m in modules if isinstance(m, nn.Conv2d)]
    pools = [m for m in modules if isinstance(m, nn.MaxPool2d)]
    first = convs[0] if convs else None
    same = isinstance(first, Conv2dAdaptivePadding)
    return {
        'eps of the batch norms': sorted({m.eps for m in modules if isinstance(m, _BatchNorm)}),
        'kernels with stride 2': sorted({m.kernel_size[0] for m in convs if m.stride[0] == 2}),
        'padding of the first convolution': 'same' if same else first and first.padding[0],
        'padding of the max pooling': pools[0].padding if pools else None,
        'ceil_mode of the max pooling': pools[0].ceil_mode if pools else None,
    }


def _facts_of_input(preprocessor: nn.Module) -> dict[str, Any]:
    """Return how the input of a network is made. Frames are RGB; ``to_rgb`` swaps red and blue."""
    values = {
        name: tuple(round(x, 3) for x in getattr(preprocessor, name).flatten().tolist())
        for name in ('mean', 'std')
        if hasattr(preprocessor, name)
    }
    none = dict(mean=None, std=None)
    return {**none, **values, 'channels': 'BGR' if preprocessor.to_rgb else 'RGB'}

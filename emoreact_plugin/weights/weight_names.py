"""Convert the names of tensors from every system's to torchvision's."""

import re
from collections.abc import Iterable

# A torch.nn.Sequential of a ResNet's parts counts them through; 2 and 3 are
# the ReLU and the pooling, which have no tensors.
_RESNET_CHILDREN = ('conv1', 'bn1', None, None, 'layer1', 'layer2', 'layer3', 'layer4')
# The module that a temporal shift wraps is called so.
_SHIFTED = '.net.'


def is_shifted(names: Iterable[str]) -> bool:
    """Return whether tensors belong to a network with temporal shift (TSM)."""
    return any(_SHIFTED in name for name in names)


def torchvision_names(names: Iterable[str]) -> list[str]:
    """Convert the names of a backbone's tensors to torchvision's.

    Names that are torchvision's already, or of another backbone, are not changed.

    Args:
        names (Iterable[str]): All names of one backbone. All are needed because in MMAction2's
            MobileNetV2 only its position shows which convolution of a block is the last.

    Returns:
        list[str]: One name for each, in the same order.
    """
    names = [name.replace(_SHIFTED, '.') for name in names]
    if any(re.match(r'layer\d+\.\d+\.conv\.\d+\.', n) for n in names):
        return _mobilenet_names(names)
    return [_resnet_name(name) for name in names]


def recognizer_names(names: Iterable[str]) -> list[str]:
    """Convert the names of a whole recognizer's tensors.

    In names that begin with ``backbone.`` the rest is converted by :func:`torchvision_names`; other
    names are not changed.
    """
    names = list(names)
    backbone = [n for n in names if n.startswith('backbone.')]
    renamed = dict(
        zip(backbone, torchvision_names(n[len('backbone.') :] for n in backbone), strict=True)
    )
    return [f'backbone.{renamed[n]}' if n in renamed else n for n in names]


def from_sequential(names: Iterable[str]) -> list[str]:
    """Convert the names of a network that was put into a ``torch.nn.Sequential``.

    Args:
        names (Iterable[str]): Names of a ResNet's parts (``0.weight`` is the first convolution) or
            of torchvision's MobileNetV2 features (``0.0.weight``), all of one network.

    Returns:
        list[str]: torchvision's names, in the same order.

    Raises:
        KeyError: With the name of a tensor that such a ResNet does not have.
    """
    names = list(names)
    if '0.weight' not in names:
        return [f'features.{name}' for name in names]
    return [_resnet_child(name) for name in names]


def from_emo_affectnet(names: Iterable[str]) -> list[str]:
    """Convert the names of the ResNet-50 of EMO-AffectNet to torchvision's, in the same order."""
    names = [re.sub(r'^conv_layer_s2_same\.', 'conv1.', name) for name in names]
    names = [re.sub(r'\bbatch_norm(\d)\.', r'bn\1.', name) for name in names]
    return [name.replace('.i_downsample.', '.downsample.') for name in names]


def arch_of(names: Iterable[str]) -> str:
    """Infer the architecture from torchvision's names, as far as it is known.

    Args:
        names (Iterable[str]): All of one backbone, in torchvision's names.

    Returns:
        str: ``'resnet50'``, ``'mobilenet_v2'`` and so on, or ``''``.
    """
    names = set(names)
    if {'features.18.0.weight', 'features.1.conv.1.weight'} <= names:
        return 'mobilenet_v2'
    blocks = tuple(
        len({n.split('.')[1] for n in names if n.startswith(f'layer{i}.')}) for i in range(1, 5)
    )
    depths: dict[tuple[bool, tuple[int, ...]], int] = {
        (False, (2, 2, 2, 2)): 18,
        (False, (3, 4, 6, 3)): 34,
        (True, (3, 4, 6, 3)): 50,
        (True, (3, 4, 23, 3)): 101,
        (True, (3, 8, 36, 3)): 152,
    }
    depth = depths.get(('layer1.0.conv3.weight' in names, blocks))
    return f'resnet{depth}' if depth and 'conv1.weight' in names else ''


def _resnet_child(name: str) -> str:
    number, _, rest = name.partition('.')
    child = (
        _RESNET_CHILDREN[int(number)]
        if number.isdigit() and int(number) < len(_RESNET_CHILDREN)
        else None
    )
    if child is None:
        raise KeyError(name)
    return f'{child}.{rest}'


def _resnet_name(name: str) -> str:
    name = re.sub(r'\bconv(\d)\.conv\.', r'conv\1.', name)
    name = re.sub(r'\bconv(\d)\.bn\.', r'bn\1.', name)
    name = name.replace('downsample.conv.', 'downsample.0.')
    return name.replace('downsample.bn.', 'downsample.1.')


def _mobilenet_names(names: list[str]) -> list[str]:
    pattern = re.compile(r'layer(\d+)\.(\d+)\.conv\.(\d+)\.(conv|bn)\.(\w+)')
    last_conv: dict[tuple[int, int], int] = {}
    for name in names:
        match = pattern.match(name)
        if match:
            stage, block, conv = map(int, match.group(1, 2, 3))
            key = (stage, block)
            last_conv[key] = max(last_conv.get(key, 0), conv)
    # torchvision counts stem, blocks and the last 1x1 convolution through.
    feature = {key: i for i, key in enumerate(sorted(last_conv), start=1)}
    ends = {'conv1': 0, 'conv2': len(feature) + 1}

    def rename(name: str) -> str:
        end = re.match(r'(conv1|conv2)\.(conv|bn)\.(\w+)', name)
        if end:
            return f'features.{ends[end[1]]}.{int(end[2] == "bn")}.{end[3]}'
        match = pattern.match(name)
        if not match:
            return name
        stage, block, conv = map(int, match.group(1, 2, 3))
        bn, tail = int(match[4] == 'bn'), match[5]
        prefix = f'features.{feature[stage, block]}.conv'
        if conv == last_conv[stage, block]:
            # Not a group of its own in torchvision: it has no activation.
            return f'{prefix}.{conv + bn}.{tail}'
        return f'{prefix}.{conv}.{bn}.{tail}'

    return [rename(name) for name in names]

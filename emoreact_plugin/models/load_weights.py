"""The one way that weights come into a network."""
import os.path as osp
import re
from typing import Dict, Iterable, List
from urllib.error import URLError

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

HEADS = ('fc.', 'classifier.', 'cls_head.')
SWITCH = ('Give the path of a weight file with `--init PATH`, or train from '
          'random weights with `--init scratch`.')


def load_weights(model: nn.Module, path: str) -> int:
    """Load a weight file into a backbone, whole or not at all.

    Reads torchvision's ResNet and MobileNetV2 files, and MMAction2's and our
    own checkpoints, into MMAction2's backbones with and without temporal
    shift; into any other backbone, files with its own names. The names of
    both sides are brought to torchvision's before they are matched. Heads in
    the file are left out. The file is read with ``weights_only=True``.

    Args:
        model (nn.Module): The backbone.
        path (str): The weight file.

    Returns:
        int: How many tensors were loaded: all of the model's.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it holds no tensors, or when any tensor of the model
            is missing in it, has another shape, or is left over; the first
            few of each are listed. The model is not changed then.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path}: no such weight file. {SWITCH}')
    return _fill(model, _read(path), path)


def load_start_weights(backbone: nn.Module, source: str) -> int:
    """Load ``'imagenet'`` or a weight file into a backbone.

    Args:
        backbone (nn.Module): One of MMAction2's ResNet, ResNetTSM,
            MobileNetV2 or MobileNetV2TSM for ``'imagenet'``; any for a file.
        source (str): ``'imagenet'`` (torchvision's IMAGENET1K_V1, downloaded
            once) or the path of a weight file.

    Returns:
        int: How many tensors were loaded.

    Raises:
        FileNotFoundError: When the file cannot be had; the error names the
            switch for training from random weights.
        ValueError: See :func:`load_weights`, and for a backbone that has no
            known ImageNet weights.
    """
    if source != 'imagenet':
        return load_weights(backbone, source)
    name = _torchvision_arch(backbone)
    # Imported here: torchvision takes a second that most uses do not need.
    from torchvision.models import get_model_weights
    weights = get_model_weights(name).IMAGENET1K_V1
    try:
        state = weights.get_state_dict(
            progress=True, check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f'The ImageNet weights of {name} could not be had from '
            f'{weights.url} ({error}). {SWITCH}') from error
    return _fill(backbone, state, weights.url)


def _torchvision_arch(backbone: nn.Module) -> str:
    kind = type(backbone).__name__
    if kind in ('ResNet', 'ResNetTSM'):
        return f'resnet{backbone.depth}'
    if kind in ('MobileNetV2', 'MobileNetV2TSM'):
        return 'mobilenet_v2'
    raise ValueError(
        f"start weights 'imagenet' are known for ResNet, ResNetTSM, "
        f'MobileNetV2 and MobileNetV2TSM, not for {kind}. {SWITCH}')


def _read(path: str) -> Dict[str, Tensor]:
    try:
        file = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many kinds for a bad file
        raise ValueError(
            f'{path}: cannot be read as a PyTorch file of tensors only '
            f'({type(error).__name__})') from error
    state = file
    for key in ('state_dict', 'model'):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not state or not all(
            isinstance(x, Tensor) for x in state.values()):
        found = (', '.join(map(str, list(file)[:8]))
                 if isinstance(file, dict) else type(file).__name__)
        raise ValueError(f'{path}: expected a dict of tensors or one with '
                         f'`state_dict`, found {found}')
    return state


def _fill(model: nn.Module, state: Dict[str, Tensor], source: str) -> int:
    own = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    to_own = dict(zip(torchvision_names(own), own))
    backbone = _only_backbone(state)
    found, unknown = {}, []
    for name, tensor in zip(torchvision_names(backbone), backbone.values()):
        if name in to_own:
            found[to_own[name]] = tensor
        elif not name.endswith('num_batches_tracked'):
            unknown.append(name)
    missing = [name for name in own if name not in found]
    shapes = [
        f'{name} {tuple(tensor.shape)} instead of {tuple(own[name].shape)}'
        for name, tensor in found.items() if tensor.shape != own[name].shape
    ]
    problems = [
        f'{len(names)} {what}: {", ".join(names[:5])}'
        for what, names in (('missing', missing), ('left over', unknown),
                            ('of another shape', shapes)) if names
    ]
    if problems:
        raise ValueError(f'{source}: does not fit {type(model).__name__} '
                         f'({len(own)} tensors). ' + '; '.join(problems))
    model.load_state_dict(found, strict=False)
    print_log(f'{len(found)} of {len(own)} tensors of '
              f'{type(model).__name__} loaded from {source}', 'current')
    return len(found)


def _only_backbone(state: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Strip the wrappers' prefixes and drop the heads."""
    names = {re.sub(r'^module\.', '', n): x for n, x in state.items()}
    # Our own checkpoints: one network that all streams share.
    names = {re.sub(r'^recognizers\.shared\.', '', n): x
             for n, x in names.items()}
    if any(n.startswith('backbone.') for n in names):
        names = {
            n: x for n, x in names.items() if n.startswith('backbone.')
        }
        return {n[len('backbone.'):]: x for n, x in names.items()}
    return {n: x for n, x in names.items() if not n.startswith(HEADS)}


def torchvision_names(names: Iterable[str]) -> List[str]:
    """Bring the names of a backbone's tensors to torchvision's.

    Names that are torchvision's already, or of another backbone, stay.

    Args:
        names (Iterable[str]): All names of one backbone: MMAction2's
            MobileNetV2 tells a block's last convolution by its position only.

    Returns:
        list[str]: One name for each, in the same order.
    """
    # The module that a temporal shift wraps is called `net`.
    names = [name.replace('.net.', '.') for name in names]
    if any(re.match(r'layer\d+\.\d+\.conv\.\d+\.', n) for n in names):
        return _mobilenet_names(names)
    return [_resnet_name(name) for name in names]


def _resnet_name(name: str) -> str:
    name = re.sub(r'\bconv(\d)\.conv\.', r'conv\1.', name)
    name = re.sub(r'\bconv(\d)\.bn\.', r'bn\1.', name)
    name = name.replace('downsample.conv.', 'downsample.0.')
    return name.replace('downsample.bn.', 'downsample.1.')


def _mobilenet_names(names: List[str]) -> List[str]:
    pattern = re.compile(r'layer(\d+)\.(\d+)\.conv\.(\d+)\.(conv|bn)\.(\w+)')
    last_conv: Dict[tuple, int] = {}
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
            return (f'features.{ends[end[1]]}.{int(end[2] == "bn")}.{end[3]}')
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

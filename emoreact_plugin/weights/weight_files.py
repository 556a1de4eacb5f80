"""Read weight files of other systems and of this package into one common form."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from emoreact_plugin.utils.errors import InputError

from .checkpoints import Checkpoint, read_checkpoint
from .weight_names import (
    arch_of,
    from_emo_affectnet,
    from_sequential,
    is_shifted,
    recognizer_names,
    torchvision_names,
)

KINDS = dict(
    original='trained checkpoint of the original system',
    affectnet='AffectNet weights of the original system',
    emo_affectnet='EMO-AffectNet weights',
    vggface2='VGGFace2 weights',
    torchvision="torchvision's weights",
    mmaction="MMAction2's checkpoint",
    ours='checkpoint of this package',
    backbone='weights of a backbone',
)
_AFFECTNET_HEADS = ('classifier.0.', 'categorical_layer.', 'continuous_layer.')
_HEADS = ('fc.', 'classifier.', 'cls_head.', *_AFFECTNET_HEADS)
_EMO_AFFECTNET_HEADS = ('fc1.', 'fc2.')
_EMO_AFFECTNET_STEM = 'conv_layer_s2_same.weight'
# All that tells its ResNet-50 from torchvision's: how many people it was trained to tell apart.
_VGGFACE2_HEAD = (8631, 2048)
_HEAD = 'cls_head.fc_cls.'
_BACKBONE = 'backbone.'
_NamedTensor = tuple[str, Tensor]


class Network(NamedTuple):
    """Tensors of one recognizer.

    Attributes:
        tensors (dict[str, Tensor]): Tensors of the backbone are called ``backbone.`` and
            torchvision's name, as far as torchvision has such a backbone; those of a head, if there
            is one, ``cls_head.fc_cls.weight`` and ``.bias``; others keep their own names.
        shift (bool): Whether the file's names are those of a TSM.
    """

    tensors: dict[str, Tensor]
    shift: bool

    @property
    def arch(self) -> str:
        """Return the architecture, such as ``'resnet50'``; ``''`` if it is not known."""
        return arch_of(n for n, x in self.backbone().items() if x.ndim < 5)

    def backbone(self) -> dict[str, Tensor]:
        """Return the backbone's tensors, with their names without the prefix."""
        return {n[len(_BACKBONE) :]: x for n, x in self.tensors.items() if n.startswith(_BACKBONE)}

    def beside_backbone(self) -> list[str]:
        """Return the names of the tensors that are not the backbone's."""
        return [n for n in self.tensors if not n.startswith(_BACKBONE)]


@dataclass(frozen=True, eq=False)
class WeightFile:
    """Result of :func:`read_weight_file`.

    Attributes:
        checkpoint (Checkpoint): What was read.
        kind (str): A key of :data:`KINDS`.
        networks (dict[str, Network]): In a file of this package with one network for each stream,
            the keys are the streams; with a shared network, the key is ``'shared'``; otherwise it
            is ``''``.
        others (dict[str, Tensor]): Other tensors of a file of this package, such as the weights of
            a fusion.
        left_out (list[str]): Names of tensors that are of no use here: heads for other labels, the
            original's threshold.
    """

    checkpoint: Checkpoint
    kind: str
    networks: dict[str, Network]
    others: dict[str, Tensor]
    left_out: list[str]

    @property
    def path(self) -> str:
        """Return the path of the file, for errors."""
        return self.checkpoint.path

    @property
    def origin(self) -> str:
        """Return the kind that the file, or the one that it was converted from, is or was."""
        converted = self.checkpoint.meta.get('converted_from')
        kind = converted.get('kind') if isinstance(converted, dict) else None
        return kind if isinstance(kind, str) and kind in KINDS else self.kind

    @property
    def meta(self) -> dict:
        """Return ``arch``, ``epoch`` and ``dataset_meta``, those that are plain values.

        The original has the first two beside its tensors.
        """
        content = self.checkpoint.content
        values = {**(content if isinstance(content, dict) else {}), **self.checkpoint.meta}
        kinds = dict(arch=str, epoch=int, dataset_meta=dict)
        return {
            name: values[name]
            for name, kind in kinds.items()
            if type(values.get(name)) is kind and _is_plain(values[name])
        }


def read_weight_file(path: str) -> WeightFile:
    """Read a weight file without running anything in it, and find out its kind.

    Args:
        path (str): A ``.pth`` file of one of :data:`KINDS`.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it cannot be read safely, holds no tensors, is of two kinds at once, or has
            two tensors of one name.
    """
    return to_weight_file(read_checkpoint(path, foreign=True))


def to_weight_file(checkpoint: Checkpoint) -> WeightFile:
    """Bring the content of a file into the common form, and find out its kind."""
    state, path = checkpoint.state, checkpoint.path
    # DataParallel puts this in front.
    names = [name.removeprefix('module.') for name in state]
    pairs = list(zip(names, state.values(), strict=True))
    kind = _kind_of(pairs, path)
    networks, others, left_out = {}, {}, []
    if kind == 'ours':
        streams = [n.split('.')[1] for n in names if n.startswith('recognizers.')]
        for stream in dict.fromkeys(streams):
            prefix = f'recognizers.{stream}.'
            own = [(n[len(prefix) :], x) for n, x in pairs if n.startswith(prefix)]
            networks[stream] = _network(own, path)
        others = {n: x for n, x in pairs if not n.startswith('recognizers.')}
    else:
        if kind == 'original':
            pairs = _from_original(pairs, path)
            left_out = ['threshold'] * ('threshold' in names)
        elif kind != 'mmaction':
            heads = _HEADS + _EMO_AFFECTNET_HEADS * (kind == 'emo_affectnet')
            left_out = [n for n in names if n.startswith(heads)]
            pairs = _from_backbone([(n, x) for n, x in pairs if not n.startswith(heads)], path)
        networks[''] = _network(pairs, path)
    return WeightFile(checkpoint, kind, networks, others, left_out)


def _is_plain(value: object) -> bool:
    """Return whether a value is only numbers, texts and containers of them."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _kind_of(pairs: list[_NamedTensor], path: str) -> str:
    names = [n for n, _ in pairs]
    prefixes = dict(ours='recognizers.', original='base_model.', mmaction=_BACKBONE)
    found = [kind for kind, prefix in prefixes.items() if any(n.startswith(prefix) for n in names)]
    if len(found) > 1:
        raise InputError(
            f'{path}: ambiguous, has names that begin with '
            f'{" and ".join(prefixes[kind] for kind in found)}'
        )
    if found:
        return found[0]
    if _EMO_AFFECTNET_STEM in names:
        return 'emo_affectnet'
    # Some of torchvision's networks have a classifier.0 as well.
    if _is_sequential_resnet(names, 'features.') or (
        any(n.startswith(_AFFECTNET_HEADS) for n in names) and arch_of(names)
    ):
        return 'affectnet'
    if torchvision_names(names) != names or not arch_of(names):
        return 'backbone'
    faces = any(n == 'fc.weight' and x.shape == _VGGFACE2_HEAD for n, x in pairs)
    return 'vggface2' if faces else 'torchvision'


def _is_sequential_resnet(names: list[str], prefix: str) -> bool:
    # torchvision's MobileNetV2 has features.0.0.weight.
    return f'{prefix}0.weight' in names and any(n.startswith(f'{prefix}4.0.conv1.') for n in names)


def _from_original(pairs: list[_NamedTensor], path: str) -> list[_NamedTensor]:
    renamed = _from_sequential([n for n, _ in pairs], 'base_model.', path)
    return [
        (renamed.get(name) or re.sub(r'^new_fc\.', _HEAD, name), tensor)
        for name, tensor in pairs
        if name != 'threshold'
    ]


def _from_backbone(pairs: list[_NamedTensor], path: str) -> list[_NamedTensor]:
    """Rename the tensors of a backbone without a prefix of its own, and without its head."""
    names = [n for n, _ in pairs]
    renamed = {}
    if _EMO_AFFECTNET_STEM in names:
        new = [_BACKBONE + n for n in from_emo_affectnet(names)]
        renamed = dict(zip(names, new, strict=True))
    if _is_sequential_resnet(names, 'features.'):
        renamed = _from_sequential(names, 'features.', path)
    return [(renamed.get(n, _BACKBONE + n), x) for n, x in pairs]


def _from_sequential(names: list[str], prefix: str, path: str) -> dict[str, str]:
    """Map the names behind a prefix, of a ``torch.nn.Sequential``, to those of a backbone."""
    own = [n for n in names if n.startswith(prefix)]
    inner = [n[len(prefix) :] for n in own]
    if not _is_sequential_resnet(inner, ''):
        # The features of torchvision's MobileNetV2 are its only child.
        inner = [n.removeprefix('0.') for n in inner]
    try:
        inner = from_sequential(inner)
    except KeyError as error:
        raise InputError(
            f'{path}: {prefix}{error.args[0]}: expected the children 0, 1 and '
            '4 to 7 of a ResNet, or 0 of a MobileNetV2'
        ) from error
    return {name: _BACKBONE + new for name, new in zip(own, inner, strict=True)}


def _network(pairs: list[_NamedTensor], path: str) -> Network:
    names = [n for n, _ in pairs]
    tensors: dict[str, Tensor] = {}
    for name, (_, tensor) in zip(recognizer_names(names), pairs, strict=True):
        if name in tensors:
            raise InputError(f'{path}: ambiguous, two of its tensors are {name}')
        tensors[name] = tensor
    return Network(tensors, is_shifted(names))

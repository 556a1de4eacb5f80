"""Read weight files of other systems and of this package into one common form."""

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor

from emoreact_plugin.utils.errors import InputError

from .safe_reading import read_safely
from .weight_names import arch_of, from_sequential, is_shifted, recognizer_names, torchvision_names

KINDS = dict(
    original='trained checkpoint of the original system',
    affectnet='AffectNet weights of the original system',
    torchvision="torchvision's weights",
    mmaction="MMAction2's checkpoint",
    ours='checkpoint of this package',
    backbone='weights of a backbone',
)
_AFFECTNET_HEADS = ('classifier.0.', 'categorical_layer.', 'continuous_layer.')
_HEADS = ('fc.', 'classifier.', 'cls_head.', *_AFFECTNET_HEADS)
_HEAD = 'cls_head.fc_cls.'
_BACKBONE = 'backbone.'


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


class WeightFile(NamedTuple):
    """Result of :func:`read_weight_file`.

    Attributes:
        path (str): The file.
        kind (str): A key of :data:`KINDS`.
        networks (dict[str, Network]): In a file of this package with one network for each stream,
            the keys are the streams; with a shared network, the key is ``'shared'``; otherwise it
            is ``''``.
        others (dict[str, Tensor]): Other tensors of a file of this package, such as the weights of
            a fusion.
        left_out (list[str]): Names of tensors that are of no use here: heads for other labels, the
            original's threshold.
        meta (dict): ``arch`` and ``epoch`` of the original, ``epoch``, ``cfg`` and ``dataset_meta``
            of MMEngine's, if they are plain values.
        replaced (list[str]): See :class:`SafeFile`.
    """

    path: str
    kind: str
    networks: dict[str, Network]
    others: dict[str, Tensor]
    left_out: list[str]
    meta: dict
    replaced: list[str]


def read_weight_file(path: str) -> WeightFile:
    """Read a weight file without running anything in it, and find out its kind.

    Args:
        path (str): A ``.pth`` file of one of :data:`KINDS`.

    Returns:
        WeightFile: The content in the common form.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it cannot be read safely, holds no tensors, is of two kinds at once, or has
            two tensors of one name.
    """
    file = read_safely(path)
    state = tensors_of(file.content, path)
    return from_state(state, path, _meta_of(file.content), file.replaced)


def tensors_of(content, path: str) -> dict[str, Tensor]:
    """Find the dict of tensors in the content of a file.

    Raises:
        InputError: If there is none, or anything else is in it.
    """
    state = content
    for key in ('state_dict', 'model'):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(n, str) and isinstance(x, Tensor) for n, x in state.items())
    ):
        found = (
            ', '.join(map(str, list(content)[:8]))
            if isinstance(content, dict)
            else type(content).__name__
        )
        raise InputError(
            f'{path}: expected a dict of tensors or one with `state_dict`, found {found}'
        )
    return state


def _meta_of(content) -> dict:
    if not isinstance(content, dict):
        return {}
    meta = content.get('meta')
    values = {**content, **(meta if isinstance(meta, dict) else {})}
    kinds = dict(arch=str, epoch=int, cfg=str, dataset_meta=dict)
    return {
        name: values[name]
        for name, kind in kinds.items()
        if type(values.get(name)) is kind and _is_plain(values[name])
    }


def _is_plain(value) -> bool:
    """Return whether a value is only numbers, texts and containers of them."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, (bool, int, float, str))


def from_state(
    state: dict[str, Tensor], path: str, meta: dict, replaced: Iterable[str] = ()
) -> WeightFile:
    """Bring a dict of tensors that came from ``path`` into the common form."""
    # DataParallel puts this in front.
    names = [name[7:] if name.startswith('module.') else name for name in state]
    kind = _kind_of(names, path)
    pairs = list(zip(names, state.values(), strict=True))
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
            left_out = [n for n in names if n.startswith(_HEADS)]
            pairs = _from_backbone(pairs, path)
        networks[''] = _network(pairs, path)
    return WeightFile(path, kind, networks, others, left_out, meta, list(replaced))


def _kind_of(names: list[str], path: str) -> str:
    prefixes = dict(ours='recognizers.', original='base_model.', mmaction=_BACKBONE)
    found = [kind for kind, prefix in prefixes.items() if any(n.startswith(prefix) for n in names)]
    if len(found) > 1:
        raise InputError(
            f'{path}: ambiguous, has names that begin with '
            f'{" and ".join(prefixes[kind] for kind in found)}'
        )
    if found:
        return found[0]
    if _is_sequential_resnet(names, 'features.') or any(
        n.startswith(_AFFECTNET_HEADS) for n in names
    ):
        return 'affectnet'
    known = torchvision_names(names) == names and arch_of(names)
    return 'torchvision' if known else 'backbone'


def _is_sequential_resnet(names: list[str], prefix: str) -> bool:
    # torchvision's MobileNetV2 has features.0.0.weight.
    return f'{prefix}0.weight' in names and any(n.startswith(f'{prefix}4.0.conv1.') for n in names)


def _from_original(pairs: list, path: str) -> list:
    prefix = 'base_model.'
    names = [n[len(prefix) :] for n, _ in pairs if n.startswith(prefix)]
    if not _is_sequential_resnet(names, ''):
        # The features of torchvision's MobileNetV2 are its only child.
        inner = [n[2:] if n.startswith('0.') else n for n in names]
    else:
        inner = names
    try:
        renamed = dict(zip(names, from_sequential(inner), strict=True))
    except KeyError as error:
        raise InputError(
            f'{path}: {prefix}{error.args[0]}: expected the children 0, 1 and '
            '4 to 7 of a ResNet, or 0 of a MobileNetV2'
        ) from error
    changed = []
    for name, tensor in pairs:
        if name.startswith(prefix):
            name = _BACKBONE + renamed[name[len(prefix) :]]
        elif name.startswith('new_fc.'):
            name = _HEAD + name[len('new_fc.') :]
        elif name == 'threshold':
            continue
        changed.append((name, tensor))
    return changed


def _from_backbone(pairs: list, path: str) -> list:
    """Rename the tensors of a backbone without a prefix of its own, and drop its head."""
    pairs = [(n, x) for n, x in pairs if not n.startswith(_HEADS)]
    names = [n for n, _ in pairs]
    if _is_sequential_resnet(names, 'features.'):
        inner = [n[len('features.') :] for n in names if n.startswith('features.')]
        try:
            renamed = dict(zip(inner, from_sequential(inner), strict=True))
        except KeyError as error:
            raise InputError(
                f'{path}: features.{error.args[0]}: expected the '
                'children 0, 1 and 4 to 7 of a ResNet'
            ) from error
        pairs = [(renamed.get(n[len('features.') :], n), x) for n, x in pairs]
    return [(_BACKBONE + n, x) for n, x in pairs]


def _network(pairs: Iterable[tuple[str, Tensor]], path: str) -> Network:
    pairs = list(pairs)
    names = [n for n, _ in pairs]
    tensors: dict[str, Tensor] = {}
    for name, (_, tensor) in zip(recognizer_names(names), pairs, strict=True):
        if name in tensors:
            raise InputError(f'{path}: ambiguous, two of its tensors are {name}')
        tensors[name] = tensor
    return Network(tensors, is_shifted(names))

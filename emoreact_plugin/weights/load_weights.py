"""Load start weights and weights of other programs into a network, by their names.

A run's own checkpoint fits as it is: ``models.load_recognizer`` and the Runner load it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.error import URLError

from mmengine.logging import print_log
from torch import Tensor, nn

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import first_few

from .checkpoints import Checkpoint
from .face_networks import check_networks
from .weight_files import KINDS, Network, WeightFile, read_weight_file, to_weight_file
from .weight_names import is_shifted, recognizer_names, torchvision_names

SWITCH = (
    'Give the path of a weight file with `--init PATH`, or train from '
    'random weights with `--init scratch`.'
)
# What may be left as it is in the model when it is told so.
PARTS = dict(head='cls_head.', neck='neck.', fusion='fusion.')
_COUNTER = 'num_batches_tracked'
# Names of a file's only network that is of no one stream.
_ANY = ('', 'shared')


@dataclass(frozen=True)
class LoadedWeights:
    """Result of :func:`load_weights`.

    Attributes:
        count (int): How many tensors were loaded.
        kind (str): What the file is, a key of ``weight_files.KINDS``.
        missing (list[str]): The model's tensors that were left as they are; these are only tensors
            of the parts that may be missing.
        left_out (list[str]): The file's tensors that were not needed: heads of a file for a
            backbone, heads for other labels.
    """

    count: int
    kind: str
    missing: list[str]
    left_out: list[str]


def load_weights(
    model: nn.Module, path: str, may_miss: Iterable[str] = (), stream: str | None = None
) -> LoadedWeights:
    """Load a weight file into a network, completely or not at all.

    The file may be a checkpoint or AffectNet weights of the original system, torchvision's ResNet
    or MobileNetV2 file, EMO-AffectNet's or VGGFace2's ResNet-50, or a checkpoint of MMAction2 or of
    this package. These are loaded into MMAction2's backbones with and without temporal shift. Any
    other backbone takes files with its own names. The names of both sides are converted to
    torchvision's before they are matched. Nothing in the file is run.

    Args:
        model (nn.Module): A backbone, a recognizer with a head, or a ``LateFusionRecognizer``. A
            backbone takes the backbone in the file and ignores the rest; the other two take all
            that is in the file. Heads of torchvision's, VGGFace2's and the AffectNet weights are
            for other labels and never loaded.
        path (str): The weight file.
        may_miss (Iterable[str]): Parts of the model, out of ``'head'``, ``'neck'`` and
            ``'fusion'``, that are left as they are if the file lacks them or has them in other
            shapes.
        stream (str, optional): Which network to take from a file of this package that has one for
            each stream. A shared network, and one of another system, is used for every stream.
            Without it, a model must have the same streams.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file cannot be read safely or holds no tensors; if it is not clear which
            of its networks is meant; if any tensor of the model is missing in it, has another
            shape, or is left over, of which the first few are listed; if a trained network with
            temporal shift is to be loaded into a recognizer without, or the other way round; or if
            EMO-AffectNet's or VGGFace2's weights need another network or normalisation. The model
            is not changed then. The normalisation of a backbone alone is not known, and not
            checked.
    """
    may_miss = tuple(may_miss)
    unknown = [part for part in may_miss if part not in PARTS]
    if unknown:
        raise InputError(f'may_miss: expected some of {", ".join(PARTS)}, found {unknown[0]}')
    file = _read(path)
    return _logged(model, file, fill(model, file, may_miss, stream))


def _read(path: str) -> WeightFile:
    try:
        return read_weight_file(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{error}. {SWITCH}') from error


def load_start_weights(
    backbone: nn.Module,
    source: str,
    stream: str | None = None,
    preprocessor: nn.Module | None = None,
) -> int:
    """Load ``'imagenet'`` or a weight file into a backbone.

    Args:
        backbone (nn.Module): One of MMAction2's ResNet, ResNetTSM, MobileNetV2 or MobileNetV2TSM
            for ``'imagenet'``; any for a file.
        source (str): ``'imagenet'`` (torchvision's IMAGENET1K_V1, downloaded once) or the path of a
            weight file.
        stream (str, optional): Which network to take from a file that has several. A file with a
            single network can start any stream.
        preprocessor (nn.Module, optional): What normalises the backbone's inputs. Some kinds of
            files need a certain normalisation.

    Returns:
        int: How many tensors were loaded: all of the backbone's.

    Raises:
        FileNotFoundError: If the file is not available. The error names the flag for training from
            random weights.
        InputError: See :func:`load_weights`, and for a backbone that has no known ImageNet weights.
    """
    if source != 'imagenet':
        file = _read(source)
        chosen = stream if len(file.networks) > 1 else None
        loaded = fill(backbone, file, stream=chosen, preprocessor=preprocessor)
        return _logged(backbone, file, loaded).count
    name = _torchvision_arch(backbone)
    # Imported here: torchvision takes a second that most uses do not need.
    from torchvision.models import get_model_weights

    weights = get_model_weights(name).IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f'The ImageNet weights of {name} could not be had from '
            f'{weights.url} ({error}). {SWITCH}'
        ) from error
    file = to_weight_file(Checkpoint(weights.url, state))
    return _logged(backbone, file, fill(backbone, file)).count


def _torchvision_arch(backbone: nn.Module) -> str:
    kind = type(backbone).__name__
    if kind in ('ResNet', 'ResNetTSM'):
        return f'resnet{backbone.depth}'
    if kind in ('MobileNetV2', 'MobileNetV2TSM'):
        return 'mobilenet_v2'
    raise InputError(
        f"start weights 'imagenet' are known for ResNet, ResNetTSM, "
        f'MobileNetV2 and MobileNetV2TSM, not for {kind}. {SWITCH}'
    )


def fill(
    model: nn.Module,
    file: WeightFile,
    may_miss: Iterable[str] = (),
    stream: str | None = None,
    preprocessor: nn.Module | None = None,
) -> LoadedWeights:
    """Load a file that has been read already, as :func:`load_weights` does."""
    whole = hasattr(model, 'recognizers') or hasattr(model, 'cls_head')
    recognizers = getattr(model, 'recognizers', None)
    networks = list(recognizers.children()) if isinstance(recognizers, nn.Module) else [model]
    check_networks(
        file,
        [each.get_submodule('backbone') if whole else each for each in networks],
        model.get_submodule('data_preprocessor') if whole else preprocessor,
    )
    state = model.state_dict()
    match = _Match(tuple(may_miss))
    for prefix, network in _pair(model, file, stream):
        own = [n[len(prefix) :] for n in state if n.startswith(prefix)]
        slots = recognizer_names(own) if whole else torchvision_names(own)
        match.add(
            {s: prefix + n for s, n in zip(slots, own, strict=True)},
            state,
            network.tensors if whole else match.backbone_of(network),
        )
        if whole:
            _check_shift(file.path, network, is_shifted(own), match)
    if hasattr(model, 'recognizers'):
        match.add({n: n for n in state if not n.startswith('recognizers.')}, state, file.others)
    else:
        match.left_out += file.others
    own = [n for n in state if not n.endswith(_COUNTER)]
    problems = match.problems(own)
    if problems:
        raise InputError(
            f'{file.path}: does not fit {type(model).__name__} ({len(own)} tensors). {problems}'
        )
    model.load_state_dict(match.found, strict=False)
    return LoadedWeights(
        sum(not n.endswith(_COUNTER) for n in match.found),
        file.kind,
        match.left_as_is,
        file.left_out + match.left_out,
    )


def _logged(model: nn.Module, file: WeightFile, loaded: LoadedWeights) -> LoadedWeights:
    left = f', {len(loaded.missing)} left as they are' * bool(loaded.missing)
    unused = first_few(loaded.left_out)
    print_log(
        f'{loaded.count} tensors of {type(model).__name__} loaded{left} '
        f'from {file.path}: {KINDS[file.kind]}' + f'; not used: {unused}' * bool(unused),
        'current',
    )
    return loaded


class _Match:
    """Match the tensors of a file to those of a model, over all its networks."""

    def __init__(self, may_miss: tuple[str, ...]) -> None:
        self.may_miss = may_miss
        self.found: dict[str, Tensor] = {}
        self.left_over: list[str] = []
        self.shapes: list[str] = []
        self.left_as_is: list[str] = []
        self.left_out: list[str] = []

    def backbone_of(self, network: Network) -> dict[str, Tensor]:
        """Return the backbone's tensors of a network, and note the others as left out."""
        self.left_out += network.beside_backbone()
        return network.backbone()

    def add(
        self, slots: dict[str, str], state: dict[str, Tensor], tensors: dict[str, Tensor]
    ) -> None:
        """Match tensors by their names in the file's form.

        ``slots`` maps each such name to the model's own name.
        """
        slots, tensors = dict(slots), dict(tensors)
        for part in self.may_miss:
            self._leave(PARTS[part], slots, state, tensors)
        for name, tensor in tensors.items():
            own = slots.get(name)
            if own is None:
                self.left_over += [name] * (not name.endswith(_COUNTER))
                continue
            self.found[own] = tensor
            if tensor.shape != state[own].shape:
                self.shapes.append(
                    f'{own} {tuple(tensor.shape)} instead of {tuple(state[own].shape)}'
                )

    def _leave(
        self,
        prefix: str,
        slots: dict[str, str],
        state: dict[str, Tensor],
        tensors: dict[str, Tensor],
    ) -> None:
        """Remove a part that does not fit as a whole from both sides."""
        own = {n: state[slots[n]].shape for n in slots if n.startswith(prefix)}
        given = {n: tensors[n].shape for n in tensors if n.startswith(prefix)}
        if own != given:
            self.left_as_is += [slots.pop(n) for n in own]
            self.left_out += list(given)
            for name in given:
                del tensors[name]

    def problems(self, own: list[str]) -> str:
        """Describe what does not fit, the first few of each kind; '' if all fits."""
        missing = [n for n in own if n not in self.found and n not in self.left_as_is]
        return '; '.join(
            f'{len(names)} {what}: {first_few(names)}'
            for what, names in (
                ('missing', missing),
                ('left over', self.left_over),
                ('of another shape', self.shapes),
            )
            if names
        )


def choose_network(file: WeightFile, stream: str | None = None) -> Network:
    """Return the only network of a file, or that of a stream.

    Args:
        file (WeightFile): See ``read_weight_file``.
        stream (str, optional): A shared network, and one of another system, is used for every
            stream. Defaults to None: the only one there is.

    Raises:
        InputError: If it is not clear which one is meant, or the file has no network for the
            stream.
    """
    given = file.networks
    if len(given) == 1 and (stream is None or set(given) & set(_ANY)):
        return next(iter(given.values()))
    if stream is None:
        raise InputError(
            f'{file.path}: ambiguous, holds networks of the streams {", ".join(given)}, expected '
            'one network; choose a stream (tools/convert_checkpoint.py --stream)'
        )
    if stream not in given:
        raise InputError(
            f'{file.path}: holds networks of the streams {", ".join(given)}, and one for {stream} '
            'is asked for; tools/convert_checkpoint.py --stream makes a file of one of them'
        )
    return given[stream]


def _pair(model: nn.Module, file: WeightFile, stream: str | None) -> list[tuple[str, Network]]:
    """Pair the networks of a model with those of the file.

    Each network of the model is given by the prefix of its names in it.
    """
    networks = getattr(model, 'recognizers', None)
    own = list(networks) if isinstance(networks, nn.ModuleDict) else ['']
    prefixes = [f'recognizers.{n}.' if n else '' for n in own]
    if len(own) == 1:
        return [(prefixes[0], choose_network(file, stream))]
    if set(own) != set(file.networks):
        found = ', '.join(file.networks) if len(file.networks) > 1 else 'one network'
        raise InputError(
            f'{file.path}: ambiguous, expected networks of the streams {", ".join(own)}, found '
            f'{found}. Load into one network of the model at a time, or convert a run that shares '
            'its network with a config that does'
        )
    return [(prefix, file.networks[name]) for prefix, name in zip(prefixes, own, strict=True)]


def _check_shift(path: str, network: Network, shift: bool, match: _Match) -> None:
    """Refuse a trained network with shift for a model without, or the other way round.

    Both have the same tensors, but they are different functions.
    """
    trained = any(n.startswith(PARTS['head']) and n not in match.left_out for n in network.tensors)
    if trained and network.shift != shift:
        kinds = 'without temporal shift', 'with temporal shift (TSM)'
        raise InputError(
            f'{path}: was trained {kinds[network.shift]}, the model is one {kinds[shift]}; its '
            'scores would mean nothing. Change the model (`--shift`)'
        )

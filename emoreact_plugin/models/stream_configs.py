"""Read the configs of the streams of a :class:`LateFusionRecognizer`."""

from collections.abc import Iterable, Sequence
from copy import deepcopy

from mmengine.model import ModuleDict

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a
from mmaction.registry import MODELS
from mmaction.utils import ConfigType

from .stream_preprocessor import StreamDataPreprocessor


def stream_configs(
    streams: dict[str, ConfigType] | Sequence[str], recognizer: ConfigType | None
) -> dict[str, ConfigType]:
    """Map each stream to the config of the recognizer that scores it.

    Args:
        streams (dict[str, dict] | Sequence[str]): Stream -> config, or names.
        recognizer (dict, optional): Config of the network that streams given
            by their names share.

    Raises:
        InputError: If there is no stream, one is named twice, or it is not
            clear which network scores it.
    """
    if isinstance(streams, str):
        streams = (streams,)
    if not len(streams):
        raise InputError('LateFusionRecognizer: expected at least one stream, found none')
    if isinstance(streams, dict):
        if recognizer is not None:
            raise InputError(
                'LateFusionRecognizer: give either a recognizer a stream (streams=dict(...)) '
                'or one that all share (recognizer=..., streams=(names)), not both'
            )
        return dict(streams)
    if recognizer is None:
        raise InputError(
            'LateFusionRecognizer: streams are names only, expected '
            '`recognizer`, the config of the network they share'
        )
    if len(set(streams)) != len(streams):
        raise InputError(f'LateFusionRecognizer: a stream is named twice in {tuple(streams)}')
    return dict.fromkeys(streams, recognizer)


def assemble_preprocessor(configs: dict[str, ConfigType]) -> dict:
    """Put the config of a preprocessor together from those of the streams' recognizers."""
    default = dict(type='ActionDataPreprocessor')
    return dict(
        type=StreamDataPreprocessor,
        preprocessors={
            f'{name}_imgs': deepcopy(config.get('data_preprocessor') or default)
            for name, config in configs.items()
        },
    )


def check_stream_names(names: Iterable[str]) -> None:
    """Refuse names that cannot be attributes of a module.

    Args:
        names (Iterable[str]): Names of streams.

    Raises:
        InputError: For a name with characters other than letters, digits and
            _, or one that is an attribute of ``ModuleDict``.
    """
    for name in names:
        if not name.isidentifier() or hasattr(ModuleDict, name):
            raise InputError(
                f"LateFusionRecognizer: '{name}' cannot be the name of a stream; expected letters, "
                "digits and _, and none of Python's or torch's own names such as 'type' or 'keys'"
            )


def has_plain_start(recognizer: ConfigType) -> bool:
    """Tell if the classifier of TSN or TSM starts as torch's ``Linear`` does, as published.

    MMAction2's heads start with a standard deviation of 0.01 (TSN) or 0.001 (TSM). A config that
    gives ``init_std``, as stock configs do, keeps it.
    """
    head = recognizer.get('cls_head') or {}
    return is_a(head, 'TSNHead', 'TSMHead', registry=MODELS) and 'init_std' not in head

"""Define the options: which there are, what values they may have, and what they mean."""

import warnings

from emoreact_plugin.clips.regions import REGIONS
from emoreact_plugin.utils.errors import InputError

# What an input is made of; regions joined by '+' are an input as well.
INPUTS = dict(face=('face',), body=('body',), fullbody=('fullbody',), fusion=('face', 'body'))

# What each option of the command line may be, and what it is by default.
CHOICES = dict(
    mask=(False, True),
    num_segments=(1, 3, 5, 10),
    arch=('resnet50', 'mobilenet_v2', 'resnet18'),
    shift=(False, True),
    shift_div=(4, 8),
)
DEFAULTS = dict(
    input='fusion',
    mask=False,
    num_segments=3,
    arch='resnet50',
    shift=False,
    shift_div=8,
    init='imagenet',
    crops='',
)
MASK_KIND = 'surgical'


def streams_of(input: str) -> tuple[str, ...]:
    """Return the regions of an input.

    Args:
        input (str): One of :data:`INPUTS`, or registered regions joined by ``+``, such as
            ``'face+body+fullbody'``.

    Returns:
        tuple[str, ...]: At least one, each once.

    Raises:
        InputError: For another input. The message names the possible inputs and regions.
    """
    if input in INPUTS:
        return INPUTS[input]
    streams = tuple(str(input).split('+'))
    if not set(streams) <= set(REGIONS.module_dict) or len(set(streams)) < len(streams):
        raise InputError(
            f'input: expected one of {", ".join(INPUTS)}, or different regions joined by + (of '
            f'{", ".join(sorted(REGIONS.module_dict))}), such as face+body+fullbody, found {input}'
        )
    return streams


def check_options(options: dict) -> None:
    """Refuse an option or value that does not exist.

    Raises:
        InputError: With the possible options or values.
    """
    for name, value in options.items():
        if name == 'input':
            streams_of(value)
            continue
        if name not in DEFAULTS:
            raise InputError(f"unknown option '{name}', expected one of {', '.join(DEFAULTS)}")
        choices = CHOICES.get(name)
        if choices and (value not in choices or isinstance(value, bool) != (choices[0] is False)):
            raise InputError(
                f'{name}: expected one of {", ".join(map(str, choices))}, found {value}'
            )
    for name, expected in (('init', "'imagenet', 'scratch' or a path"), ('crops', 'a folder')):
        if not isinstance(options.get(name, ''), str):
            raise InputError(f'{name}: expected {expected}, found {options[name]}')


def check_together(options: dict) -> None:
    """Check the options, and warn about combinations that make no sense."""
    check_options(options)
    if options['shift'] and options['num_segments'] == 1:
        warnings.warn(
            'shift with num_segments=1: there is no other frame to shift from, so '
            f'2/{options["shift_div"]} of the channels are zero in every block',
            stacklevel=4,
        )
    if not options['shift'] and options['shift_div'] != DEFAULTS['shift_div']:
        warnings.warn(f'shift_div={options["shift_div"]} has no effect without shift', stacklevel=4)

"""Report errors of the tools in plain text."""

import difflib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmengine.logging import MMLogger
from mmengine.registry import build_from_cfg

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.text import number, printable

from .console import say, use_plain_style


@contextmanager
def clear_errors(resumable: bool = False) -> Iterator[None]:
    """Print what is wrong with a file or a flag as one line, and exit with code 1.

    It also decorates a function. A config that gives a part an argument which it does not take, or
    names no part, is reported in the same way. The variable ``EMOREACT_TRACEBACK`` shows
    the traceback. Other errors are bugs, and show theirs. Ctrl-C exits with 130.

    Args:
        resumable (bool): On Ctrl-C, say that the same command goes on. Defaults to False.
    """
    use_plain_style(MMLogger.get_current_instance())
    try:
        yield
    except (InputError, OSError, TypeError, KeyError) as error:
        usual = isinstance(error, InputError | OSError)
        text = _message_of(error) if usual else _mistake_in_config(error)
        if os.environ.get('EMOREACT_TRACEBACK') or not text:
            raise
        sys.exit(printable(f'error: {text}\n(EMOREACT_TRACEBACK=1 shows where.)'))
    except (KeyboardInterrupt, SyntaxError) as error:
        # MMEngine's Config.pretty_text makes a SyntaxError of Ctrl-C.
        if not {type(error), type(error.__context__)} & {KeyboardInterrupt}:
            raise
        say('stopped; the same command goes on' if resumable else 'stopped')
        sys.exit(130)


def _message_of(error: Exception) -> str:
    """Return the message of an error, also of one that a worker of a data loader has raised.

    PyTorch puts the worker's traceback into the message; the error itself comes last in it.
    """
    text = str(error)
    if not text.startswith('Caught ') or 'Original Traceback' not in text:
        return text
    # At the start of a line only: the message itself may name such an error.
    pattern = rf'^(?:[\w.]+\.)?{type(error).__name__}: '
    return re.split(pattern, text, flags=re.MULTILINE)[-1].strip() or text


def _mistake_in_config(error: Exception) -> str:
    """Say which argument or part of a config is unknown; '' if the error has another reason."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    builds = [frame for frame in frames if frame.f_code is build_from_cfg.__code__]
    if not builds:
        return ''
    if isinstance(error, KeyError):
        return str(error.args[0]).split('. ')[0] if frames[-1] is builds[-1] else ''
    found = re.search(r"got an unexpected keyword argument '(\w+)'", str(error))
    values = builds[-1].f_locals
    if not found or found[1] not in values['args'] or not inspect.isclass(values['obj_cls']):
        return ''
    part = values['obj_cls']
    inits = [vars(each).get('__init__') for each in inspect.getmro(part)]
    own = filter(inspect.isfunction, inits)
    known = [name for init in own for name in inspect.signature(init).parameters]
    near = difflib.get_close_matches(found[1], known, 1)
    hint = f'; did you mean {near[0]}?' if near else ''
    return f"{part.__name__}: unknown argument '{found[1]}' in the config{hint}"


def check_display() -> None:
    """Refuse ``--show`` if no window can be opened.

    Raises:
        InputError: On Linux without a display.
    """
    displays = ('DISPLAY', 'WAYLAND_DISPLAY')
    if sys.platform.startswith('linux') and not any(map(os.environ.get, displays)):
        raise InputError(
            f'--show: expected a display, found none (neither {" nor ".join(displays)} is set); '
            'leave it out, and a file is written'
        )


def list_errors(errors: Sequence[tuple[str, Exception]], stop: bool = True) -> None:
    """Print the errors of single clips, one line each, and exit with code 1.

    If there are no errors, nothing happens.

    Args:
        errors (Sequence[tuple[str, Exception]]): Path of each video that failed, and why.
        stop (bool): If False, only print them. Defaults to True.
    """
    for video, error in errors:
        message = str(error) or type(error).__name__
        if video not in message:
            message = f'{video}: {message}'
        print(printable(f'error: {message}'), file=sys.stderr)
    if errors and stop:
        sys.exit(f'{number(len(errors), "clip")} failed')

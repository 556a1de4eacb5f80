"""Parse stored configurations, as data.

Those whose numbers would fill the memory or divide by zero are refused.
"""

import ast
import math
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from emoreact_plugin.utils.errors import InputError

# What scoring a clip builds of a configuration.
PARTS = ('model', 'test_dataloader')
# Far above any real network, number of classes or frames: 400 labels, 2048 channels, 240 frames.
MAX_NUMBER = 100_000
# Frames of one clip as the network sees them, in bytes.
MAX_FRAME_BYTES = 2_000_000_000
# These may be any number, and ask for no memory.
FREE = ('seed', 'max_norm')
FRAME_COUNTS = ('num_clips', 'clip_len', 'num_segments')
SIDES = ('scale', 'size', 'crop_size', 'out_size', 'input_size', 'image_size', 'img_scale')
# What a text that is no such configuration raises.
UNPARSED = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)


def parse_config(text: str, source: str) -> Config:
    """Parse a configuration, as data, from the text that MMEngine writes of it.

    Args:
        text (str): ``Config.pretty_text``. None of it is run.
        source (str): The file that it is from, for the error.

    Raises:
        InputError: For anything but assignments of plain values, and for absurd sizes.
    """
    try:
        config = Config(assignments(text))
    except (*UNPARSED, KeyError) as error:
        raise InputError(
            f'{source}: expected a configuration of plain values, as MMEngine writes it, found '
            f'{str(error)[:200]}; if you trust it, give the config file as well'
        ) from error
    check_sizes(config, source)
    return config


def assignments(text: str, names: tuple[str, ...] | None = None) -> dict:
    """Map the names in a text of MMEngine's to their values, without running it.

    Args:
        text (str): The text.
        names (tuple[str, ...], optional): Collect only these. Defaults to None: all.

    Raises:
        InputError: For anything but assignments.
        Exception: One of ``UNPARSED`` for values that are not plain.
    """
    values = {}
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or len(node.targets) > 1:
            raise InputError(f'line {node.lineno}: no assignment')
        target = node.targets[0]
        if not isinstance(target, ast.Name):
            raise InputError(f'line {node.lineno}: no assignment')
        if names is None or target.id in names:
            values[target.id] = _literal(node.value)
    return values


def _literal(node: ast.AST) -> Any:
    """Evaluate literals and ``dict(...)``."""
    if isinstance(node, ast.Call):
        if getattr(node.func, 'id', None) != 'dict' or len(node.args) > 1:
            raise InputError(f'line {node.lineno}: a call')
        # dict({'a b': 1}) is what MMEngine makes of names that are no words.
        values = _literal(node.args[0]) if node.args else {}
        if any(keyword.arg is None for keyword in node.keywords):
            raise InputError(f'line {node.lineno}: **')
        return {**values, **{k.arg: _literal(k.value) for k in node.keywords}}
    if isinstance(node, ast.Dict):
        if any(key is None for key in node.keys):
            raise InputError(f'line {node.lineno}: **')
        return {
            ast.literal_eval(key): _literal(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.List):
        return [_literal(each) for each in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(each) for each in node.elts)
    if isinstance(node, ast.Name) and node.id in ('inf', 'nan'):
        return float(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_literal(node.operand)
    return ast.literal_eval(node)


def check_sizes(config: dict, source: str) -> None:
    """Refuse numbers in a configuration's model and test data that ask for absurd sizes.

    Args:
        config (dict): The values of a stored configuration.
        source (str): The file that it is from, for the error.

    Raises:
        InputError: For the first number above 100,000, numbers of frames that are not whole, frames
            of more than 2 GB, or deviations ``std`` by which frames cannot be divided.
    """
    _check_deviations(config.get('model'), source)
    for part in PARTS:
        counts: dict[str, float] = {}
        side: float = 1
        for key, value in _numbers_in(config.get(part), part):
            name = key.rpartition('.')[2]
            if name in FRAME_COUNTS and not isinstance(value, int):
                raise InputError(
                    f'{source}: its configuration has {key}={value!r}, expected a whole number'
                )
            if name in FREE or not math.isfinite(value):
                continue
            if abs(value) > MAX_NUMBER:
                raise InputError(
                    f'{source}: its configuration has {key}={value}, expected at most {MAX_NUMBER}'
                )
            if (name in FRAME_COUNTS and value < 1) or (name in SIDES and value == 0):
                raise InputError(f'{source}: its configuration has {key}={value}, expected more')
            if name in FRAME_COUNTS:
                counts[name] = max(value, counts.get(name, 1))
            if name in SIDES:
                side = max(value, side)
        num_bytes = math.prod(counts.values()) * side**2 * 3
        if num_bytes > MAX_FRAME_BYTES:
            raise InputError(
                f'{source}: its configuration asks for {num_bytes / 1e9:.3g} GB of frames a clip '
                f'({", ".join(f"{k}={v}" for k, v in counts.items())}, sides of {side} pixels), '
                f'expected at most {MAX_FRAME_BYTES / 1e9:g} GB'
            )


def _check_deviations(value: Any, source: str) -> None:
    """Refuse lists ``std`` of other than positive numbers, or of another length than ``mean``."""
    if isinstance(value, dict):
        mean, std = value.get('mean'), value.get('std')
        if isinstance(mean, list | tuple) and isinstance(std, list | tuple):
            good = all(isinstance(each, int | float) and 0 < each < math.inf for each in std)
            if not good or len(std) != len(mean):
                raise InputError(
                    f'{source}: its configuration has std={std}, expected {len(mean)} numbers '
                    'above 0, by which the frames are divided'
                )
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            _check_deviations(each, source)


def _numbers_in(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of a configuration, and what should be one, with the keys to it."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _numbers_in(each, f'{key}.{name}')
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _numbers_in(each, key)
    elif isinstance(value, int | float) or key.rpartition('.')[2] in FRAME_COUNTS:
        yield key, value

"""Write the measured rows as Markdown and JSON."""

import json
import platform
from collections.abc import Sequence
from typing import NamedTuple

import av
import cv2
import mmcv
import mmengine
import numpy as np
import sklearn
import torch
import torchvision

import mmaction
from emoreact_plugin.utils.progress import count_cores
from emoreact_plugin.utils.tables import markdown_table
from emoreact_plugin.version import __version__

from .timing import Row

PACKAGES = (torch, torchvision, mmaction, mmengine, mmcv, cv2, av, np, sklearn)


class Report(NamedTuple):
    """All that is written.

    Attributes:
        parts (dict[str, list[Row]]): Name of the part -> its rows.
        machine (dict): The machine, as :func:`machine_facts` describes it.
        data (str): What the data are; empty if none were read.
        complete (bool): False if it was stopped before its end.
    """

    parts: dict[str, list[Row]]
    machine: dict
    data: str
    complete: bool


def machine_facts(threads: int, device: str, processor_time: bool = False) -> dict:
    """Describe the machine on which speed is measured.

    Args:
        threads (int): Threads of torch and OpenCV each.
        device (str): Device of the training part.
        processor_time (bool): Whether the time of the process is measured, without its waiting.

    Returns:
        dict: ``python``, ``system``, ``cpus`` (that this process may use), ``threads``, ``device``,
        ``clock`` (``'wall'`` or ``'processor'``), and ``packages``: name -> version.
    """
    name = 'CPU'
    if device != 'cpu':
        name = torch.cuda.get_device_name(device)
    packages = {each.__name__: each.__version__ for each in PACKAGES}
    return dict(
        python=platform.python_version(),
        system=f'{platform.system()} {platform.machine()}',
        cpus=count_cores(),
        threads=threads,
        device=name,
        clock='processor' if processor_time else 'wall',
        packages=dict(packages, emoreact_plugin=__version__),
    )


def to_markdown(report: Report) -> str:
    """Format a table for each part, and what it was measured on."""
    machine = report.machine
    lines = [
        f'{machine["cpus"]} CPUs, {machine["threads"]} thread{"s" * (machine["threads"] > 1)}, '
        f'training on: {machine["device"]}; {machine["system"]}, Python {machine["python"]}, '
        + ', '.join(f'{k} {v}' for k, v in machine['packages'].items())
        + '.',
        '',
    ]
    if report.data:
        lines += [f'Data: {report.data}.', '']
    if not report.complete:
        lines += ['Stopped before its end.', '']
    lines += [
        'A ratio is the median over the repetitions (smallest to largest). Milliseconds are those '
        f'of this machine, by the {machine["clock"]} clock.',
        '',
    ]
    for part, rows in report.parts.items():
        published = any(row.published for row in rows)
        lines += [f'**{part}**', '', _table(rows, published), '']
    return '\n'.join(lines)


def _table(rows: Sequence[Row], published: bool) -> str:
    head = ['What', '', 'Against', 'Ratio', 'ms', 'ms of the other']
    head += ['Published system, elsewhere'] * published
    lines, before = [], None
    for row in rows:
        ratio = _summary(row.ratios)
        cells = [
            '' if row.group == before else row.group,
            row.name,
            row.yardstick,
            f'{_digits(ratio["median"])} ({_digits(ratio["min"])} to {_digits(ratio["max"])})',
            _digits(float(np.median(row.ms))),
            _digits(float(np.median(row.yardstick_ms))),
        ]
        if published:
            cells.append('' if row.published is None else _digits(row.published))
        lines.append(cells)
        before = row.group
    return markdown_table(head, lines)


def _digits(value: float) -> str:
    """Format a number with three digits, a small one with two, a large one with all."""
    if value < 0.1:
        return f'{value:.2g}'
    return f'{value:.{2 if value < 10 else 1 if value < 100 else 0}f}'


def _summary(values: np.ndarray) -> dict:
    return dict(median=float(np.median(values)), min=float(values.min()), max=float(values.max()))


def to_json(report: Report) -> str:
    """Format the report as JSON, with every repetition.

    Returns:
        str: An object with ``machine``, ``data``, ``complete`` and ``parts``: name -> list of rows,
        each with ``group``, ``name``, ``against``, ``ratio`` (``median``, ``min``, ``max``), ``ms``
        and ``against_ms`` (a list, one per repetition) and ``published`` (number or null).
    """
    parts = {
        part: [
            dict(
                group=row.group,
                name=row.name,
                against=row.yardstick,
                ratio=_summary(row.ratios),
                ms=row.ms.tolist(),
                against_ms=row.yardstick_ms.tolist(),
                published=row.published,
            )
            for row in rows
        ]
        for part, rows in report.parts.items()
    }
    return (
        json.dumps(
            dict(machine=report.machine, data=report.data, complete=report.complete, parts=parts),
            indent=1,
        )
        + '\n'
    )

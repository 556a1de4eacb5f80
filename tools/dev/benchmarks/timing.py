"""Time calls beside each other."""

import gc
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import progress_bar

Call = Callable[[int], object]


class Comparison(NamedTuple):
    """One line of the table: a call against a yardstick.

    Attributes:
        name (str): Name of the call.
        yardstick (str): Name of the call that it is divided by.
        published (float, optional): The ratio of the published system, a constant of the literature
            that was measured on another machine.
    """

    name: str
    yardstick: str
    published: float | None = None


class Group(NamedTuple):
    """Calls that are measured beside each other.

    Attributes:
        title (str): Name of the group in the table.
        calls (dict[str, Callable[[int], object]]): Name -> call. It gets the number of the
            repetition, so that all calls of one repetition can do the same work.
        units (dict[str, int]): Name -> number of samples, frames or clips that a call does, for the
            milliseconds; 1 for a call that is not in it.
        comparisons (list[Comparison]): The calls that are compared.
    """

    title: str
    calls: dict[str, Call]
    units: dict[str, int]
    comparisons: list[Comparison]


class Row(NamedTuple):
    """Measurements of one comparison, with R repetitions.

    Attributes:
        group (str): Title of the group.
        name, yardstick (str): The calls that were compared.
        ms, yardstick_ms (np.ndarray): (R, ) float64, milliseconds per unit.
        published (float, optional): See :class:`Comparison`.
    """

    group: str
    name: str
    yardstick: str
    ms: np.ndarray
    yardstick_ms: np.ndarray
    published: float | None = None

    @property
    def ratios(self) -> np.ndarray:
        """Return the ratio of each repetition, (R, ).

        What slows the machine for a while slows both calls of a repetition.
        """
        return self.ms / self.yardstick_ms


def measure(
    calls: dict[str, Call],
    repetitions: int,
    clock: Callable[[], float] = time.perf_counter,
    title: str = '',
) -> tuple[dict[str, np.ndarray], bool]:
    """Time calls in turns: A, B, A, B, and so on.

    One round before them is not counted. Python's garbage collection waits until the end.

    Args:
        calls (dict[str, Callable[[int], object]]): Name -> call, which gets the number of the
            repetition, from 0 (in the uncounted round, too).
        repetitions (int): R, at least 1.
        clock (Callable[[], float]): Function that returns the time, seconds.
        title (str): Name of the calls beside the progress bar.

    Returns:
        tuple[dict[str, np.ndarray], bool]: Name -> seconds (R, ), and whether it was stopped by
        Ctrl-C. If it was, there are fewer: those of the rounds that were finished.

    Raises:
        InputError: For less than one repetition.
    """
    if repetitions < 1:
        raise InputError(f'repetitions: expected 1 or more, found {repetitions}')
    seconds, stopped = {name: [] for name in calls}, False
    collects = gc.isenabled()
    bar = progress_bar(total=(repetitions + 1) * len(calls), desc=title, unit='call', leave=False)
    try:
        for call in calls.values():
            call(0)
            bar.update()
        gc.disable()
        for k in range(repetitions):
            for name, call in calls.items():
                start = clock()
                call(k)
                seconds[name].append(clock() - start)
                bar.update()
    except KeyboardInterrupt:
        stopped = True
    finally:
        bar.close()
        if collects:
            gc.enable()
    whole = min(map(len, seconds.values()))
    return {name: np.array(each[:whole], float) for name, each in seconds.items()}, stopped


def rows_of(group: Group, seconds: dict[str, np.ndarray]) -> list[Row]:
    """Make the rows of a group.

    Args:
        group (Group): What was measured.
        seconds (dict[str, np.ndarray]): The times from :func:`measure`.

    Returns:
        list[Row]: One row per comparison; empty if no repetition was finished.
    """

    def milliseconds(name):
        return 1000 * seconds[name] / group.units.get(name, 1)

    return [
        Row(
            group.title,
            each.name,
            each.yardstick,
            milliseconds(each.name),
            milliseconds(each.yardstick),
            each.published,
        )
        for each in group.comparisons
        if len(seconds[each.name])
    ]


def run(
    parts: dict[str, Iterable[Group]],
    repetitions: int,
    save: Callable[[dict[str, list[Row]]], object] = lambda rows: None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[dict[str, list[Row]], bool]:
    """Measure parts, one after the other.

    Args:
        parts (dict[str, Iterable[Group]]): Name -> groups, which may be made along the way.
        repetitions (int): Number of repetitions of each group.
        save (Callable): Function that gets all rows so far after each group.
        clock (Callable[[], float]): Function that returns the time, seconds.

    Returns:
        tuple[dict[str, list[Row]], bool]: Name -> rows, and whether it was stopped by Ctrl-C. If it
        was, the rows are those that were finished.
    """
    rows, stopped = {}, False
    try:
        for part, groups in parts.items():
            for group in groups:
                seconds, stopped = measure(group.calls, repetitions, clock, group.title)
                new = rows_of(group, seconds)
                if new:
                    rows.setdefault(part, []).extend(new)
                    save(rows)
                if stopped:
                    return rows, True
    except KeyboardInterrupt:
        stopped = True
    return rows, stopped

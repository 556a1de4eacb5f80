"""Let an iterator work ahead of whoever uses it."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar('T')
_END: Any = object()


def work_ahead(items: Iterable[T], ahead: int = 2) -> Generator[T, None, None]:
    """Yield items that are made in a thread of their own, a few of them ahead.

    Worth it where making an item and using it both take milliseconds in C code, such as decoding a
    frame and encoding it.

    Args:
        items (Iterable[T]): The items.
        ahead (int): How many are made before they are asked for. Defaults to 2.

    Yields:
        T: The items, in their order. An error in making one is raised where it is asked for.
    """
    rest = iter(items)
    with ThreadPoolExecutor(1) as pool:
        made = deque(pool.submit(next, rest, _END) for _ in range(ahead))
        while (item := made.popleft().result()) is not _END:
            made.append(pool.submit(next, rest, _END))
            yield item

"""Keep values in memory, up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar('Value')


class BoundedCache(Generic[Value]):
    """Keep the values that were used last, as many as fit into a number of bytes.

    Args:
        max_bytes (int): The most that the values may take up together.
        size_of (Callable): Tells the bytes of a value.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[Value], int]) -> None:
        self.max_bytes, self.num_bytes = max_bytes, 0
        self._size_of = size_of
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, which is made if it is not there.

        Args:
            key (Hashable): All that the value depends on.
            make (Callable): Makes the value. Nobody may change it later.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        size = self._size_of(value)
        with self._lock:
            if key not in self._values and size <= self.max_bytes:
                self._values[key] = value
                self.num_bytes += size
            while self.num_bytes > self.max_bytes:
                _, oldest = self._values.popitem(last=False)
                self.num_bytes -= self._size_of(oldest)
        return value

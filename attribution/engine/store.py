"""A store of evaluated points, so that no gradient is computed twice. Its size in bytes is bounded."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from torch import Tensor


class Store:
    """Maps a key (model, image, target, point) to f_c and its gradient at that point. Threads can share it.

    Above `max_bytes` it drops the least recently used points.
    """

    def __init__(self, max_bytes: int = 1 << 30) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._points: OrderedDict[Hashable, tuple[Tensor, Tensor]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._points)

    def get(self, key: Hashable) -> tuple[Tensor, Tensor] | None:
        with self._lock:
            found = self._points.get(key)
            if found is not None:
                self._points.move_to_end(key)
            return found

    def put(self, key: Hashable, value: Tensor, gradient: Tensor) -> None:
        # Clones: a slice would keep its whole batch in memory, and `bytes` would not count that.
        point = (value.clone(), gradient.clone())
        if _bytes(point) > self.max_bytes:
            return
        with self._lock:
            self._drop(self._points.pop(key, None))
            self._points[key] = point
            self.bytes += _bytes(point)
            while self.bytes > self.max_bytes:
                self._drop(self._points.popitem(last=False)[1])

    def _drop(self, point: tuple[Tensor, Tensor] | None) -> None:
        if point is not None:
            self.bytes -= _bytes(point)


def _bytes(point: tuple[Tensor, Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in point)

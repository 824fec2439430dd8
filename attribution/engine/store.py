"""A store of evaluated points and of noise, so that neither is computed twice. Its size in bytes is bounded."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from torch import Tensor


class Store:
    """Maps a key (model, image, target, point) to f_c and its gradient at that point, and other keys to noise.

    Threads can share it. Above `max_bytes` it drops the least recently used entries.
    """

    def __init__(self, max_bytes: int = 1 << 30) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Tensor, ...]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> tuple[Tensor, ...] | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Hashable, *tensors: Tensor) -> None:
        # Clones: a slice would keep its whole batch in memory, and `bytes` would not count that.
        entry = tuple(tensor.clone() for tensor in tensors)
        if _bytes(entry) > self.max_bytes:
            return
        with self._lock:
            self._drop(self._entries.pop(key, None))
            self._entries[key] = entry
            self.bytes += _bytes(entry)
            while self.bytes > self.max_bytes:
                self._drop(self._entries.popitem(last=False)[1])

    def _drop(self, entry: tuple[Tensor, ...] | None) -> None:
        if entry is not None:
            self.bytes -= _bytes(entry)


def _bytes(entry: tuple[Tensor, ...]) -> int:
    return sum(t.numel() * t.element_size() for t in entry)

"""Keeps for a while: what a reload would lose (the user's photo, the pins), and the latest cells of sweeps."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any

SECONDS = 3600.0
MOST_BYTES = 256 * 1024 * 1024
CELLS = 256
"""The maximum number of sweep cells; with their maps about 50 MB."""


@dataclass(frozen=True)
class Visit:
    """The state of a tab, and its size in bytes."""

    held: Any
    size: int
    at: float = 0.0


class Kept:
    """Visits by the token of a browser's tab, limited in bytes and time: the oldest are dropped. Thread-safe."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, seconds: float = SECONDS, most_bytes: int = MOST_BYTES
    ) -> None:
        self.clock, self.seconds, self.most_bytes = clock, seconds, most_bytes
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = RLock()

    def put(self, token: str, held: Any, size: int) -> None:
        """Replaces the state of a tab. A state larger than the limit is not kept."""
        with self._lock:
            self._visits.pop(token, None)
            if size <= self.most_bytes:
                self._visits[token] = Visit(held, size, self.clock())
            self.tidy()

    def get(self, token: str) -> Any:
        """The state of a tab, or None."""
        with self._lock:
            self.tidy()
            found = self._visits.get(token)
            return None if found is None else found.held

    def tidy(self) -> None:
        """Drops the oldest. A worker calls it too: there may be no other visitor."""
        with self._lock:
            old = self.clock() - self.seconds
            while self._visits:
                first = next(iter(self._visits.values()))
                if first.at > old and sum(visit.size for visit in self._visits.values()) <= self.most_bytes:
                    return
                self._visits.popitem(last=False)


class Latest(OrderedDict[Any, Any]):
    """A dictionary that is limited in size and time: the oldest are dropped. Threads can share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.clock = clock
        self._at: dict[Any, float] = {}
        self._lock = RLock()

    def __setitem__(self, key: Any, value: Any) -> None:
        with self._lock:
            super().__setitem__(key, value)
            self.move_to_end(key)
            self._at[key] = self.clock()
            self.tidy()

    def tidy(self) -> None:
        """Drops the oldest. A worker calls it too: there may be no other visitor."""
        with self._lock:
            old = self.clock() - SECONDS
            while self and (len(self) > CELLS or self._at[next(iter(self))] <= old):
                key, _ = self.popitem(last=False)
                del self._at[key]

"""Batch sizes that fit the device, and the handling of its memory running out."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock

import torch
from torch import Tensor

from attribution.engine.devices import synchronize

FIRST, BEGIN = 4, 0.06
"""The points of the first batch of a run while their time is not known, and its seconds when it is."""
SECONDS, LONGEST = 2.0, 1.0
"""The time of a batch, and of one of at most `FIRST` points where the time of a batch is shorter."""
REMEMBERED, ENOUGH = 3, 2
"""Batches of a size whose times count, and how many it takes. The quickest counts: others waited for something else."""
LOOK_AGAIN = 200
"""Batches after which other sizes are tried again."""
CLEARLY = 0.95
"""Another size must take at most this share of the time."""
_LEARNING = Lock()
"""One for all sizes: a model that holds a lock could not be copied."""


def out_of_memory(error: RuntimeError) -> bool:
    """Whether the error says that the memory of a device ran out. Not every backend has its own type for it."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in str(error)
        for sign in (
            "out of memory",
            "can't allocate memory",
            "not enough memory",
            "ALLOC_FAILED",
            "Invalid buffer size",
        )
    )


@dataclass
class BatchSize:
    """How many points go through the network at once: the size that takes the least time per point, found by measuring.

    It is doubled and halved as long as that is quicker, and tried again from time to time, because the machine may
    be shared. A batch takes at most about `seconds`, so progress and cancelling are prompt on every machine. The
    first one of a run takes about `BEGIN`, and so does each one in a `hurry`. Later ones may have `FIRST` points
    even where these take up to `LONGEST`.
    When memory runs out, the size halves and never grows beyond that again. A `fixed` size is not measured, and the
    last batch is padded to it. The device chooses its kernels by the size of a batch, so with a fixed size each result
    depends only on its point, bit for bit.

    `limit` says the largest size that fits, where memory that runs out is no error. It is asked once, before the size
    grows.
    """

    size: int = 4
    most: int = 256
    seconds: float = SECONDS
    seconds_per_point: float | None = None
    fixed: bool = False
    limit: Callable[[], int] | None = field(default=None, repr=False, compare=False)
    _measured: dict[int, deque[float]] = field(default_factory=dict, repr=False, compare=False)
    """Seconds per point of the last batches of each size, without the first: it includes the preparation of kernels."""
    _batches: int = field(default=0, repr=False, compare=False)
    _hurried: float = field(default=0.0, repr=False, compare=False)  # until when, on the clock of time.monotonic

    def next(self, remaining: int) -> int:
        """The size of the next batch for this many remaining points: batches of nearly equal sizes.

        They are even where they can be: threads share the points of a batch.
        """
        if self.fixed:
            return min(self.size, remaining)
        equal = math.ceil(remaining / math.ceil(remaining / self.size))
        size = min(equal + equal % 2, self.size, remaining)
        return self._soon(size) if time.monotonic() < self._hurried else size

    def first(self, remaining: int) -> int:
        """The size of the first batch of a run: soon done, so that there is something to see.

        A quick device needs no small batch for that.
        """
        size = self.next(remaining)
        return size if self.fixed else self._soon(size)

    def hurry(self, seconds: float) -> None:
        """Somebody waits for results: for so long, no batch takes longer than a first one. The longest wait counts.

        A fixed size stays.
        """
        self._hurried = max(self._hurried, time.monotonic() + seconds)

    def _soon(self, size: int) -> int:
        each = self.seconds_per_point
        return min(size, FIRST if not each else max(1, int(BEGIN / each)))

    def _room(self, size: int) -> float:
        """Seconds that a batch of this size may take."""
        return max(self.seconds, LONGEST) if size <= FIRST else self.seconds

    def run(self, evaluate: Callable[[Tensor], tuple[Tensor, ...]], points: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yields `evaluate(batch)` for batches of `points`, in order.

        Raises MemoryError if a single point, or a batch of a fixed size, does not fit.
        """
        start = 0
        while start < len(points):
            batch = points[start : start + self.next(len(points) - start)]
            began = time.perf_counter()
            result = None
            try:
                result = self._evaluate(evaluate, batch)
                synchronize(points.device)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
            if result is None:  # after the `except` block: inside it, the error still holds the memory
                self._shrink(len(batch), points.device)
                continue
            self._pace(len(batch), time.perf_counter() - began)
            start += len(batch)
            yield result

    def _evaluate(self, evaluate: Callable[[Tensor], tuple[Tensor, ...]], batch: Tensor) -> tuple[Tensor, ...]:
        missing = self.size - len(batch)
        if not (self.fixed and missing):
            return evaluate(batch)
        filled = torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])])
        return tuple(found[: len(batch)] for found in evaluate(filled))

    def _shrink(self, tried: int, device: torch.device) -> None:
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if self.fixed:
            raise MemoryError(
                f"a batch of {self.size} does not fit into the memory of {device}: give a smaller --batch"
            )
        if tried == 1:
            raise MemoryError(f"one image does not fit into the memory of {device}: choose a smaller model")
        self.size = self.most = tried // 2

    def _pace(self, count: int, seconds: float) -> None:
        """Takes the time of a batch into account. Threads can share a model."""
        with _LEARNING:
            self._learn(count, seconds)

    def _learn(self, count: int, seconds: float) -> None:
        each = seconds / count
        self.seconds_per_point = each if self.seconds_per_point is None else 0.7 * self.seconds_per_point + 0.3 * each
        if self.fixed or 2 * count <= self.size:  # a small rest says nothing about the size
            return
        times = self._measured.get(self.size)
        if times is None:
            self._measured[self.size] = deque(maxlen=REMEMBERED)
            if seconds > 4 * self._room(count):
                self.size = max(1, self.size // 2)
            return
        times.append(each)
        self._batches += 1
        if self._batches % LOOK_AGAIN == 0:
            self._measured = {self.size: times}
        slow = self.size * each > 2 * self._room(self.size)
        self.size = max(1, self.size // 2) if slow else self._best()

    def _best(self) -> int:
        """This size, its half or its double: the quickest if it was tried, else one that was not tried yet."""
        now, each = self.size, self._each(self.size)
        if not self._known(now):
            return now
        if self.limit is not None:
            limit, self.limit = self.limit, None
            self.most = min(self.most, limit())
        near = [size for size in (min(2 * now, self.most), now // 2) if size not in (0, now)]
        known = [size for size in near if self._known(size) and size * self._each(size) <= self._room(size)]
        best = min(known, key=self._each, default=now)
        if self._each(best) < CLEARLY * each:
            return best
        unknown = [s for s in near if not self._known(s) and (s < now or s * each <= self._room(s))]
        return next(iter(unknown), now)

    def _known(self, size: int) -> bool:
        """Whether the size can be judged: a single batch can have waited for something else."""
        return len(self._measured.get(size, ())) >= ENOUGH

    def _each(self, size: int) -> float:
        return min(self._measured[size])

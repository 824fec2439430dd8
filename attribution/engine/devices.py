"""The choice of the device, batch sizes that fit it, and the handling of its memory running out."""

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

KEPT_BYTES = 1 << 30
"""The most freed memory that the process keeps."""


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def sum_dtype(device: torch.device) -> torch.dtype:
    """The type of long sums: float64, but float32 on MPS, which has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


@contextmanager
def full_precision() -> Iterator[None]:
    """Inside it, CUDA convolutions use float32 and deterministic algorithms. Afterwards the old settings return.

    torch's default is TF32, whose mantissa has only ten bits.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic
    cudnn.allow_tf32, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.allow_tf32, cudnn.deterministic = before


def keep_freed_memory() -> bool:
    """Tells the C library to keep freed memory for the next batch. True if it can; only glibc on Linux can.

    By default glibc returns large blocks to the system, and each batch asks for them again, page by page. At most
    `KEPT_BYTES` of freed memory are kept in the process. An environment variable of glibc (MALLOC_..., GLIBC_TUNABLES)
    takes precedence.
    """
    if not sys.platform.startswith("linux") or any(name.startswith(("MALLOC_", "GLIBC_TUN")) for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # Constants of malloc.h. One arena: those of other threads are made of small heaps, into which no large block fits.
    arena_max, mmap_threshold, top_pad, trim_threshold = -8, -3, -2, -1
    settings = {arena_max: 1, mmap_threshold: 32 << 20, top_pad: 128 << 20, trim_threshold: KEPT_BYTES}
    return all(mallopt(name, value) == 1 for name, value in settings.items())


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _out_of_memory(error: RuntimeError) -> bool:
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
    """How many points go through the network at once.

    It doubles after a batch that takes less than half of `seconds`, and halves after one that takes more than twice
    `seconds`. So progress and cancelling are prompt on every machine. It also halves when memory runs out, and then it
    never grows beyond that size. A `fixed` size ignores the time, and the last batch is padded to it. The device
    chooses its kernels by the size of a batch, so with a fixed size each result depends only on its point, bit for bit.
    """

    size: int = 4
    most: int = 256
    seconds: float = 0.2
    seconds_per_point: float | None = None
    fixed: bool = False

    def run(self, evaluate: Callable[[Tensor], tuple[Tensor, ...]], points: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yields `evaluate(batch)` for batches of `points`, in order.

        Raises MemoryError if a single point, or a batch of a fixed size, does not fit.
        """
        start = 0
        while start < len(points):
            batch = points[start : start + self.size]
            began = time.perf_counter()
            result = None
            try:
                result = self._evaluate(evaluate, batch)
                synchronize(points.device)
            except RuntimeError as error:
                if not _out_of_memory(error):
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
        each = seconds / count
        self.seconds_per_point = each if self.seconds_per_point is None else 0.7 * self.seconds_per_point + 0.3 * each
        if self.fixed:
            return
        if seconds < self.seconds / 2 and count == self.size:
            self.size = min(2 * self.size, self.most)
        elif seconds > 2 * self.seconds:
            self.size = max(1, self.size // 2)

"""The best device, a batch that fits it, and what to do when its memory runs out."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def sum_dtype(device: torch.device) -> torch.dtype:
    """What long sums are kept in: float64, except on MPS, which has none."""
    return torch.float32 if device.type == "mps" else torch.float64


@contextmanager
def full_precision() -> Iterator[None]:
    """CUDA's convolutions in float32, not in TF32 with its ten bits, torch's default, and the same every time; as it
    was, afterwards.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic
    cudnn.allow_tf32, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.allow_tf32, cudnn.deterministic = before


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

    Doubles while a batch takes less than half of `seconds`, halves when one takes more than twice that: progress is
    seen, and cancelling is prompt, on every machine. Halves too when memory runs out, and then never grows back.
    A `fixed` size does not follow the clock, and the last batch is filled up to it: kernels are chosen by the size of
    a batch, so that what comes out for a point depends on the point alone, bit for bit.
    """

    size: int = 4
    most: int = 256
    seconds: float = 0.2
    seconds_per_point: float | None = None
    fixed: bool = False

    def run(self, evaluate: Callable[[Tensor], tuple[Tensor, ...]], points: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """`evaluate` over `points` in batches, in order. Raises MemoryError when one point alone does not fit."""
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
            if result is None:  # not within `except`: there the error still holds the memory
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

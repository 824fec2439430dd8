"""The choice of the device, the precision of its products, and how the process keeps freed memory."""

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import torch

KEPT_BYTES = 1 << 30
"""The most freed memory that the process keeps."""


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def chosen_device(name: str | torch.device | None) -> torch.device:
    """The device of this name; without one, the best. Raises ValueError for one that this machine does not have."""
    try:
        torch.empty(0, device=name)
        return best_device() if name is None else torch.device(name)
    except (RuntimeError, AssertionError) as error:  # the second from a torch that was built without CUDA
        known = ", ".join(dict.fromkeys(map(str, (*all_devices(), "cpu"))))
        raise ValueError(f"device {str(name)!r} cannot be used on this machine; use one of {known}") from error


def all_devices() -> tuple[torch.device, ...]:
    """Every CUDA device; without CUDA, the best device."""
    if torch.cuda.is_available():
        return tuple(torch.device("cuda", index) for index in range(torch.cuda.device_count()))
    return (best_device(),)


def sum_dtype(device: torch.device) -> torch.dtype:
    """The type of long sums: float64, but float32 on MPS, which has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


PRECISIONS = ("float32", "tf32")
"""Of products on CUDA. TF32 is quicker; its mantissa has only ten bits, so maps change."""


def precision_on(device: torch.device, name: str) -> str:
    """The precision that the device uses: only CUDA has a choice. Raises ValueError for an unknown one."""
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r} is unknown; use one of {', '.join(PRECISIONS)}")
    return name if device.type == "cuda" else PRECISIONS[0]


@contextmanager
def precision(name: str, device: torch.device) -> Iterator[None]:
    """Inside it, CUDA uses this precision and deterministic convolutions. Afterwards the old settings return.

    torch's default is TF32 for convolutions, and float32 for products of matrices. A CPU uses float32, also where the
    caller allows less. The settings are those of the whole process: while several threads are inside, TF32 is used if
    all of them ask for it, and the last one puts them back. `torch.autocast`, a setting of the thread, is off for
    `device`.
    """
    _SETTINGS.enter(name)
    try:
        with uncast(device):
            yield
    finally:
        _SETTINGS.leave(name)


def uncast(device: torch.device) -> torch.autocast:
    """Inside it, layers compute in the type of their input, also where the caller is inside `torch.autocast`.

    A result is the same wherever it is computed, and the store gives it to callers outside too.
    """
    return torch.autocast(device.type, enabled=False)


@contextmanager
def building(random: bool) -> Iterator[None]:
    """Inside it, networks are built in float32 on the CPU, whatever the caller has set.

    Unless their `random` weights are wanted, those that are drawn before the ones of a file replace them take no random
    numbers of the caller.
    """
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"), torch.random.fork_rng(devices=[], enabled=not random):
            yield
    finally:
        torch.set_default_dtype(usual)


_cudnn, _mkldnn = cast(Any, torch.backends.cudnn), cast(Any, torch.backends.mkldnn)
_KINDS: tuple[Any, ...] = (
    *(torch.backends.cuda.matmul, _cudnn.conv, _cudnn.rnn),
    *(_mkldnn.matmul, _mkldnn.conv, _mkldnn.rnn),  # of a CPU
)


@dataclass(frozen=True)
class _Products:
    """torch's settings of the precision of products: that of each kind, and the two older ones.

    torch refuses to read an older one that does not fit its kinds. Networks read them too, as within
    `torch.backends.cudnn.flags` and `torch.compile`, so they always fit.
    """

    kinds: Sequence[str]
    matmul: str
    cudnn: bool

    @classmethod
    def now(cls) -> "_Products":
        """What is set. Afterwards each kind is set to float32, so that the older settings can be read."""
        kinds = [kind.fp32_precision for kind in _KINDS]
        for kind in _KINDS:
            kind.fp32_precision = "ieee"
        try:
            cudnn = torch.backends.cudnn.allow_tf32
        except RuntimeError:  # it does not fit: it allows TF32
            cudnn = True
        return cls(kinds, torch.get_float32_matmul_precision(), cudnn)

    def set(self) -> None:
        torch.set_float32_matmul_precision(self.matmul)  # this and the next one change the kinds
        torch.backends.cudnn.allow_tf32 = self.cudnn
        for kind, wanted in zip(_KINDS, self.kinds, strict=True):
            kind.fp32_precision = "none"  # what the settings of all kinds say
            if kind.fp32_precision != wanted:
                kind.fp32_precision = wanted


_FLOAT32 = _Products(["ieee"] * 6, "highest", False)
_TF32 = _Products(["tf32"] * 3 + ["ieee"] * 3, "high", True)


class _Settings:
    """torch's settings of precision, and who is inside `precision` now."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside: list[str] = []
        self._before = (_FLOAT32, False)
        self._now: _Products | None = None

    def enter(self, name: str) -> None:
        with self._lock:
            if not self._inside:
                self._before = _Products.now(), torch.backends.cudnn.deterministic
            self._inside.append(name)
            self._set()

    def leave(self, name: str) -> None:
        with self._lock:
            self._inside.remove(name)
            self._set()

    def _set(self) -> None:
        inside = (_TF32 if all(name == "tf32" for name in self._inside) else _FLOAT32), True
        products, torch.backends.cudnn.deterministic = inside if self._inside else self._before
        if products is not self._now:  # other threads are in the middle of a batch
            products.set()
        self._now = products


_SETTINGS = _Settings()


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
    # Blocks from this size on are never kept. Older versions of glibc refuse more than 32 MiB.
    largest = any(mallopt(mmap_threshold, size) == 1 for size in (KEPT_BYTES, 32 << 20))
    settings = {arena_max: 1, top_pad: 128 << 20, trim_threshold: KEPT_BYTES}
    return largest and all(mallopt(name, value) == 1 for name, value in settings.items())


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()

"""Reproducible random numbers: (purpose, seed, k) gives the same numbers on every device and in any order of draws."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from enum import IntEnum
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


class Purpose(IntEnum):
    """Separates the random numbers that use the same seed."""

    ROOTS = 1
    BASELINE = 2
    PATCHES = 3
    ORDER = 4
    PLACES = 5
    NEARBY = 6
    SHARP = 7
    NULL = 8
    BLOBS = 9
    WEIGHTS = 10


def normal(purpose: Purpose, seed: int, k: int, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """The k-th draw from N(0, 1), float32 on the CPU."""
    return torch.from_numpy(np.random.default_rng((purpose, seed, k)).standard_normal(shape, dtype=np.float32))


def normal_soon(purpose: Purpose, seed: int, k: int, shape: tuple[int, ...]) -> "Future[Float[Tensor, '...']]":
    """`normal`, made by another thread: a draw takes about a tenth of the time of a gradient."""
    try:
        return _threads().submit(normal, purpose, seed, k, shape)
    except RuntimeError:  # the process ends, and its threads take no work any more
        found: Future[Tensor] = Future()
        found.set_result(normal(purpose, seed, k, shape))
        return found


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(torch.get_num_threads(), "noise")


if hasattr(os, "register_at_fork"):  # a forked process has none of the threads
    os.register_at_fork(after_in_child=_threads.cache_clear)


def uniform(purpose: Purpose, seed: int, k: int, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """The k-th draw from Uniform[0, 1), float32 on the CPU."""
    return torch.from_numpy(np.random.default_rng((purpose, seed, k)).random(shape, dtype=np.float32))

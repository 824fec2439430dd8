"""Reproducible random numbers: (purpose, seed, k) gives the same numbers on every device and in any order of draws."""

from enum import IntEnum

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


def normal(purpose: Purpose, seed: int, k: int, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """The k-th draw from N(0, 1), float32 on the CPU."""
    return torch.from_numpy(np.random.default_rng((purpose, seed, k)).standard_normal(shape, dtype=np.float32))


def uniform(purpose: Purpose, seed: int, k: int, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """The k-th draw from Uniform[0, 1), float32 on the CPU."""
    return torch.from_numpy(np.random.default_rng((purpose, seed, k)).random(shape, dtype=np.float32))

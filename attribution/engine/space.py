"""Reads how a network is described: the sides and channels of its input, and the names of its classes.

Every refusal is one line that says what to do.
"""

import math
from collections.abc import Sequence
from typing import Any

from attribution.knobs import whole


def channels(name: str, given: Any) -> tuple[float, ...]:
    """The values as numbers, also those of an array or a tensor. Raises ValueError for others."""
    try:
        return tuple(map(float, given))
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name}={given!r} must be numbers, one for each input channel, as (0.5, 0.5, 0.5)") from None


def check_colours(mean: Sequence[float], std: Sequence[float]) -> None:
    """Raises ValueError unless both have a usable value for each input channel."""
    if not mean or len(mean) != len(std):
        raise ValueError(f"mean has {len(mean)} values and std {len(std)}; give both one for each input channel")
    if not all(math.isfinite(value) for value in (*mean, *std)) or min(std) <= 0:
        raise ValueError(
            f"mean={tuple(mean)} and std={tuple(std)} must be finite, and std above 0; pixels are in [0, 1]"
        )


def sides(size: Any, resize: Any) -> tuple[int, int]:
    """The side of the square input, and that of the resized photo (None: the same). Raises ValueError for no sides."""
    side = whole(size)
    if side is None or side < 1:
        raise ValueError(f"size={size!r} must be the side of its square input in pixels, a whole number from 1")
    short = side if resize is None else whole(resize)
    if short is None or short < 1:
        raise ValueError(f"resize={resize!r} must be the short side of a photo in pixels, a whole number from 1")
    return side, short


def class_names(given: Sequence[str] | None, count: int, single: bool) -> tuple[str, ...]:
    """The names of the classes: those given, or "class 0" and so on. Raises ValueError for another number of names."""
    if given is None:
        return tuple(f"class {index}" for index in range(count))
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise ValueError("categories must be a list of names; give one text for each class")
    if len(given) != count:
        why = "its single logit is two classes" if single else f"it has {count} logits"
        raise ValueError(f"{len(given)} categories are given, but {why}; give {count}, in the order of the logits")
    return tuple(given)

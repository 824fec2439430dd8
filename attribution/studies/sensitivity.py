"""Max-sensitivity: how much a map changes when the image changes a little. Yeh et al. 2019, arXiv:1901.09392.

A stable map is not always right: a map that ignores the image does not change at all.
"""

from collections.abc import Callable, Iterator

from jaxtyping import Float
from torch import Tensor

from attribution.engine.random_numbers import Purpose, uniform
from attribution.types import Image


def max_sensitivity(
    make: Callable[[Image], Float[Tensor, "..."]], x: Image, *, radius: float = 0.02, repeats: int = 10, seed: int = 0
) -> Iterator[float]:
    r"""$\max_k \|A(x + u_k) - A(x)\| / \|A(x)\|$ over k = 1..`repeats`, each value of $u_k$ uniform in ±`radius`, in
    model space. Lower is more stable. Yields the maximum so far.

    `make` computes the map A of an image. It must use the same class and the same noise in every call; it is called
    `repeats` + 1 times. If A(x) is zero, the divisor is 1. Raises ValueError for a radius below 0 or `repeats` below 1.
    """
    if not radius >= 0 or repeats < 1:
        raise ValueError(f"radius={radius} and repeats={repeats}: use a radius of at least 0, and at least one repeat")
    first = make(x).cpu().double()
    size = first.norm().item() or 1.0
    largest = 0.0
    for k in range(repeats):
        change = radius * (2 * uniform(Purpose.NEARBY, seed, k, tuple(x.shape)) - 1)
        largest = max(largest, (make(x + change.to(x)).cpu().double() - first).norm().item() / size)
        yield largest

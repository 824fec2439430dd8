"""How well two halves of the draws of a mean over noise agree: whether a map is settled, or luck.

The halves are compared with their signs. Without signs, maps of nothing but noise seem to agree by 0.2 to 0.3: each is
large where the gradients are large. With signs, they agree by 0.
"""

import math
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from attribution.types import clear_of

ENOUGH = 0.95
"""The correlation at which a map counts as settled."""
SIDES = (56, 28)
"""The sides, pixels, to which maps are pooled: regions settle before pixels."""

TOLD = 5.0
"""How many times 1 / sqrt(values) an agreement must be, to be told from that of unrelated maps.

Over independent values of one size, 1 / sqrt(values) is the standard error of a correlation of 0. The values of a map
differ in size. Halves of `smooth_taylor_null` agree by 0 with a standard error of 1.3 to 1.6 times that, at each side
(EfficientNet-Lite0, two photos, sigma 0.1 and 0.5).
"""

Halves = Float[Tensor, "two h w"]


def agreement(halves: Halves) -> float:
    """Pearson's correlation of two signed maps, over all pixels, at most 1. NaN if one of them is constant."""
    values = halves.flatten(1).double()
    centred = values - values.mean(1, keepdim=True)
    norms = centred.norm(dim=1)
    # A constant map has rounding errors around its mean.
    if bool((norms <= 1e-12 * values.norm(dim=1)).any()):
        return math.nan
    return min(float(centred[0] @ centred[1] / norms.prod()), 1.0)  # rounded, equal maps can be above it


def agreements(halves: Halves) -> Mapping[int, float]:
    """The agreement by the side of the map, pixels: at its full height, and pooled to each smaller one of `SIDES`."""
    height = halves.shape[-2]
    pooled = {side: adaptive_avg_pool2d(halves, side) for side in SIDES if side < min(halves.shape[-2:])}
    return {side: agreement(one) for side, one in {height: halves, **pooled}.items()}


def place(side: int) -> str:
    """Where halves are compared, in words: averaged over cells, or (side 0) pixel by pixel."""
    return f"averaged over {side} cells a side" if side else "pixel by pixel"


def spoken(agreement: float, enough: float = ENOUGH) -> str:
    """An agreement with two decimals, beside what is enough; a dash where it is not defined."""
    return "–" if math.isnan(agreement) else clear_of(enough, agreement)


def needed(halves: float, draws: int, values: int) -> int | None:
    """The draws after which halves agree by `ENOUGH`, estimated from their agreement after `draws`.

    `values` is the number of values of a half. Means of n independent draws with the same signal correlate n / (n + v),
    v the variance of a draw over that of the signal. None unless the agreement is told from that of unrelated maps
    (`TOLD`): nothing follows from it. At least 2, one for each half.
    """
    if not halves > TOLD / math.sqrt(values):
        return None
    v = draws / 2 * (1 - halves) / halves
    return max(2, math.ceil(2 * v * ENOUGH / (1 - ENOUGH)))

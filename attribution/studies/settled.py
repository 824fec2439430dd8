"""How many draws does a mean over noise need? They go on until the maps of two halves of them agree: `agreement`."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from attribution.agreement import ENOUGH, SIDES, agreements
from attribution.engine.clouds import SUMS
from attribution.engine.plans import REMEMBERED
from attribution.engine.store import Store
from attribution.explain import stream
from attribution.heatmaps import blank, check_finite
from attribution.models import Model
from attribution.registry import METHODS, entry
from attribution.types import Partial

FIRST, GROWTH = 10, 1.5
"""The first number of draws that is looked at, and how it grows."""
BLANK = "the map is blank: nothing can settle"


@dataclass(frozen=True, eq=False)
class Settling:
    """How far it is. `samples` is the R of `partial`, the map so far, complete or not.

    `tried` holds the agreement after each complete R, at the side that was asked for. `evaluations` gradients were
    computed for all of them. `blank`: the map is, so that no further draws are made.
    """

    samples: int
    partial: Partial
    tried: Mapping[int, float] = field(default_factory=dict)
    evaluations: int = 0
    settled: bool = False
    blank: bool = False


def milestones(most: int, summed: bool = True) -> list[int]:
    """The numbers of draws that are looked at: growing by half, and even; from 500 on, each 500. `most` is the last.

    `summed`: sums of the method are remembered above 500. Without them, nothing is looked at between 500 and `most`.
    """
    found, count = [], float(FIRST)
    while (even := 2 * round(count / 2)) < min(most, REMEMBERED):
        found.append(even)
        count *= GROWTH
    # A run goes on from the sums at these points only: after another R it would compute gradients again.
    looked = range(REMEMBERED, most, REMEMBERED)
    return [*found, *(looked if summed else looked[:1]), most]


def until_settled(
    model: Model,
    x: Tensor,
    method: str,
    target: int | None = None,
    *,
    agreement: float = ENOUGH,
    side: int = SIDES[0],
    most: int = 1000,
    output: str = "logit",
    store: Store | None = None,
    **knobs: Any,
) -> Iterator[Settling]:
    """Draws until the signed halves of the map correlate by `agreement`, the map is blank, or R is `most`; yields the
    map so far.

    The halves are compared pixel by pixel (`side` 0) or averaged over `side` cells a side, 56 or 28. No gradient is
    computed twice if all fit into `store` (by default a new one of 1 GB: 500 samples of 384 x 384 pixels fit). The last
    map is that of `explain` with R = its `samples`, bit for bit from the same gradients.
    Raises ValueError for a method that is not a mean over noise, for an agreement, a side or a budget that cannot be,
    for a map that is not finite, and as `stream` does.
    """
    budget = _check(method, knobs, agreement, side, most)
    store = Store() if store is None else store  # an empty store is false
    tried: dict[int, float] = {}
    spent = 0
    for samples in milestones(budget, METHODS[method].term in SUMS.values()):
        run = stream(model, x, method, target, output=output, store=store, samples=samples, **knobs)
        for partial in run:
            yield Settling(samples, partial, dict(tried), spent + partial.evaluations)
        check_finite(partial.attribution)  # more draws make no number of what is not
        spent += partial.evaluations
        tried[samples] = _agreement(partial, side)
        enough, empty = tried[samples] >= agreement, bool(blank(partial.attribution.sum(0)))
        yield Settling(samples, partial, dict(tried), spent, enough, empty)
        if enough or empty:
            return


def _check(method: str, knobs: Mapping[str, Any], agreement: float, side: int, most: float) -> int:
    """The budget as a whole number."""
    chosen = entry(METHODS, method)
    if chosen.term is None:
        names = ", ".join(name for name, other in METHODS.items() if other.term is not None)
        raise ValueError(f"{method!r} is not a mean over noise, so it does not settle; use one of {names}")
    if "samples" in knobs:
        raise ValueError(f"samples={knobs['samples']} cannot be given: they are what is looked for; limit them by most")
    if not 0 < agreement < 1:
        raise ValueError(f"agreement={agreement} must be between 0 and 1; halves never agree perfectly")
    if side not in (0, *SIDES):
        raise ValueError(f"side={side} must be 0 (pixels), {' or '.join(map(str, SIDES))}")
    if most < FIRST:
        raise ValueError(f"most={most} must be at least {FIRST}")
    found: int = chosen.check({"samples": most})["samples"]
    return found


def _agreement(partial: Partial, side: int) -> float:
    """The agreement of the halves at a side. A map that is not larger is not pooled."""
    if partial.halves is None:
        return math.nan
    found = agreements(partial.halves.cpu())
    return found.get(side, next(iter(found.values())))

"""The convergence of a mean over noise: the map after r draws, its standard error, and the agreement of two halves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from attribution.agreement import ENOUGH, agreements, needed
from attribution.engine.accumulate import visit
from attribution.engine.clouds import both, gradient, spread, square
from attribution.engine.plans import NoiseCloud
from attribution.engine.score import ClassScore
from attribution.registry import METHODS
from attribution.types import Heatmap, Image


@dataclass(frozen=True, eq=False)
class Convergence:
    """A map while draws are added. `maps` are signed sums over channels.

    After `counts[i]` draws, the map is `maps[i]`, and `agreement[i]` holds Pearson's correlation of the mean of the
    even draws with that of the odd draws (of the pairs, if antithetic), by the side that both are pooled to, pixels;
    NaN if there are too few draws. `error` is the standard error per pixel after `done` draws; NaN if it is not known.
    """

    counts: tuple[int, ...]
    maps: Float[Tensor, "r h w"]
    agreement: tuple[Mapping[int, float], ...]
    error: Heatmap
    done: int
    total: int

    def at(self, side: int = 0) -> tuple[float, ...]:
        """The agreement after each of `counts`, of maps pooled to this side, pixels; 0: not pooled."""
        return tuple(found[side or self.maps.shape[-2]] for found in self.agreement)

    def settled(self, side: int = 0) -> int | None:
        """The first of `counts` from which the halves always agree; None if they do not agree yet."""
        found = None
        for count, agreement in zip(self.counts, self.at(side), strict=True):
            if not agreement >= ENOUGH:
                found = None
            elif found is None:
                found = count
        return found

    def needed(self, side: int = 0) -> int | None:
        """The estimated number of draws after which the halves agree. None if nothing can be said."""
        values = side**2 or self.maps[0].numel()
        return needed(self.at(side)[-1], self.counts[-1], values)


def noisy_methods() -> tuple[str, ...]:
    """The names of the methods that are a mean over a noise cloud."""
    return tuple(name for name, method in METHODS.items() if method.term is not None)


def checkpoints(samples: int) -> list[int]:
    """Numbers of draws to record: 1, then even numbers at growing distances, and `samples` as the last one."""
    found = {1, samples}
    count = 2.0
    while count < samples:
        found.add(2 * round(count / 2))
        count *= 1.3
    return sorted(found)


def _parted(observed: int) -> tuple[int, int]:
    """How many of the observations are in each half."""
    return observed - observed // 2, observed // 2


def _variance(moments: Float[Tensor, "twice h w"]) -> Image:
    return spread(*moments.chunk(2))


def convergence(
    score: ClassScore, x: Image, method: str, plan: NoiseCloud, form: str = "mean"
) -> Iterator[Convergence]:
    """Yields the map of `method` after 1, 2, 4, ... draws of `plan`, as they are evaluated or read from the store.

    `form` is that of SmoothGrad. The standard error of its variance is not known: NaN. Two antithetic draws are not
    independent, so a pair of them counts as one observation. Raises ValueError for a method that is not a mean over a
    noise cloud.
    """
    term = METHODS[method].term if method in METHODS else None
    if term is None:
        raise ValueError(f"{method!r} is not a mean over noise; use one of {', '.join(noisy_methods())}")
    if term is gradient:
        term = {"mean": gradient, "squared": square, "variance": both}[form]
    linear = term is not both  # only the variance needs each channel by itself
    finish = (lambda mean: mean) if linear else _variance
    wanted, group = set(checkpoints(len(plan))), plan.group
    channels, *sides = x.shape
    sums = torch.zeros((2, 1 if linear else 2 * channels, *sides), dtype=torch.float64, device="cpu")
    pending, squares = torch.zeros_like(sums[0]), torch.zeros_like(sums[0, 0])
    counts: list[int] = []
    maps: list[Heatmap] = []
    agreement: list[Mapping[int, float]] = []
    for batch, _ in visit(score, x, plan):
        terms = term(x, batch, plan)
        terms = (terms.sum(1, keepdim=True) if linear else terms).cpu().double()
        for k, one in zip(batch.indices, terms, strict=True):
            pending = pending + one
            observed = (k + 1) // group
            if (k + 1) % group == 0:
                sums[(observed - 1) % 2] += pending
                squares += (pending.sum(0) / group).square()
                pending = torch.zeros_like(pending)
            if k + 1 in wanted:
                counts.append(k + 1)
                maps.append(finish((sums.sum(0) + pending) / (k + 1)).sum(0).float())
                even, odd = (finish(half / max(n * group, 1)) for half, n in zip(sums, _parted(observed), strict=True))
                agreement.append(agreements(torch.stack([even.sum(0), odd.sum(0)])))  # an empty half is constant: NaN
        if counts:
            done = batch.indices.stop
            error = _standard_error(sums.sum((0, 1)) / group, squares, done // group if linear else 0)
            yield Convergence(tuple(counts), torch.stack(maps), tuple(agreement), error, done, len(plan))


def _standard_error(total: Tensor, squares: Tensor, observed: int) -> Heatmap:
    """The standard error of the mean of n = `observed` observations: their standard deviation / sqrt(n)."""
    if observed < 2:
        return torch.full_like(total, float("nan")).float()
    variance = (squares - total.square() / observed).clamp(min=0) / (observed - 1)
    return (variance / observed).sqrt().float()

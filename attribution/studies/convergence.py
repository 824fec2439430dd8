"""How sure is a map that is a mean over noise? The map after r draws, its standard error, and how well halves agree."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor

from attribution.engine.accumulate import visit
from attribution.engine.plans import NoiseCloud
from attribution.engine.score import ClassScore
from attribution.registry import METHODS
from attribution.types import Heatmap, Image

ENOUGH = 0.95
"""The rank correlation from which on a map counts as settled."""


@dataclass(frozen=True, eq=False)
class Convergence:
    """A map while draws are added. Maps are signed sums over channels, in units of f_c.

    `agreement` is Spearman's rank correlation between |the mean of every second draw| and |that of the others|, after
    as many draws as `counts` says; NaN where there are too few. `error` is the standard error of the last map.
    """

    counts: tuple[int, ...]
    maps: Float[Tensor, "r h w"]
    agreement: tuple[float, ...]
    error: Heatmap
    done: int
    total: int

    @property
    def settled(self) -> int | None:
        """The number of draws from which on the halves agree; None when they do not yet."""
        found = None
        for count, agreement in zip(self.counts, self.agreement, strict=True):
            if not agreement >= ENOUGH:
                found = None
            elif found is None:
                found = count
        return found

    @property
    def needed(self) -> int | None:
        """How many draws it would take, from the agreement so far by Spearman and Brown; None while nothing agrees."""
        halves, agreement = self.counts[-1] / 2, self.agreement[-1]
        if not 0 < agreement < 1:
            return None
        one = agreement / (halves - (halves - 1) * agreement)
        return int(np.ceil(2 * ENOUGH * (1 - one) / (one * (1 - ENOUGH))))


def noisy_methods() -> tuple[str, ...]:
    """The methods whose maps are means over a cloud of noise."""
    return tuple(name for name, method in METHODS.items() if method.term is not None)


def checkpoints(samples: int) -> list[int]:
    """Even numbers of draws, close at first and then ever further apart, the last one included; and the first draw."""
    found = {1, samples}
    count = 2.0
    while count < samples:
        found.add(2 * round(count / 2))
        count *= 1.3
    return sorted(found)


def convergence(score: ClassScore, x: Image, method: str, plan: NoiseCloud) -> Iterator[Convergence]:
    """The map of `method` after 1, 2, 4, ... draws of `plan`, while they are computed or remembered.

    With antithetic draws a pair of them counts as one observation: its halves are not independent. Raises ValueError
    for a method that is no mean over a cloud of noise.
    """
    term = METHODS[method].term if method in METHODS else None
    if term is None:
        raise ValueError(f"{method!r} is no mean over noise; use one of {', '.join(noisy_methods())}")
    wanted = set(checkpoints(len(plan)))
    group = 2 if plan.antithetic else 1
    sums = torch.zeros((2, *x.shape[-2:]), dtype=torch.float64)
    squares = torch.zeros(x.shape[-2:], dtype=torch.float64)
    pending = torch.zeros(x.shape[-2:], dtype=torch.float64)
    counts: list[int] = []
    maps: list[Heatmap] = []
    agreement: list[float] = []
    for batch, _ in visit(score, x, plan):
        terms = term(x, batch).sum(1).cpu().double()
        for k, one in zip(batch.indices, terms, strict=True):
            pending = pending + one
            observed = (k + 1) // group
            if (k + 1) % group == 0:
                sums[(observed - 1) % 2] += pending
                squares += (pending / group).square()
                pending = torch.zeros_like(pending)
            if k + 1 in wanted:
                counts.append(k + 1)
                maps.append(((sums.sum(0) + pending) / (k + 1)).float())
                agreement.append(_agreement(sums) if observed > 1 else float("nan"))
        if counts:
            error = _standard_error(sums.sum(0) / group, squares, (batch.indices.stop) // group)
            yield Convergence(tuple(counts), torch.stack(maps), tuple(agreement), error, batch.indices.stop, len(plan))


def _agreement(halves: Float[Tensor, "two h w"]) -> float:
    first, second = halves.abs().flatten(1).numpy()
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def _standard_error(total: Tensor, squares: Tensor, observed: int) -> Heatmap:
    """Of the mean of independent observations: their standard deviation over the root of their number."""
    if observed < 2:
        return torch.full_like(total, float("nan")).float()
    variance = (squares - total.square() / observed).clamp(min=0) / (observed - 1)
    return (variance / observed).sqrt().float()

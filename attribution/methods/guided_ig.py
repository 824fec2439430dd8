"""Guided IG: the path changes the features with the smallest gradients first. Kapishnikov et al. 2021,
arXiv:2106.09788.

The path is built step by step, within `max_dist` of the straight path. With `max_dist` = 0 it is the straight path, and
the method equals Integrated Gradients by the left rule.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from attribution.engine.baselines import BASELINES, make_baselines
from attribution.engine.devices import sum_dtype
from attribution.engine.score import ClassScore
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Image, Partial, Run


@method(
    "Guided IG",
    gloss="path with small gradients first",
    paper="Kapishnikov et al. 2021, arXiv:2106.09788",
    cost=lambda knobs: Cost(knobs["steps"]),
    origin=lambda knobs: knobs["baseline"],
)
def guided_ig(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "T, the steps of the path, computed one after another"] = 200,
    fraction: Annotated[
        float, Range(0.01, 1.0), "the share of features that move together: those with the smallest gradients"
    ] = 0.25,
    max_dist: Annotated[
        float, Range(0.0, 1.0), "the maximum distance from the straight path, as a share of its length"
    ] = 0.02,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "black",
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of a noise baseline"] = 0,
) -> Run:
    r"""$A = \sum_t (x_{t+1} - x_t) \odot \nabla f_c(x_t)$ along a path from b to x. Each step covers 1/T of
    $\|x - b\|_1$ and moves the features with the smallest $|\nabla f_c(x_t)|$.

    Each gradient depends on the one before it; none is stored. A partial result is the sum of the steps so far. Raises
    ValueError for a gradient that is not finite.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    total = torch.zeros_like(x, dtype=sum_dtype(x.device))
    for t, step in enumerate(walk(score, x, start.image, steps, fraction, max_dist), 1):
        total = total + (step.after - step.before) * step.gradient
        yield Partial(total.to(x.dtype), t, steps, t, score.target)


class Step(NamedTuple):
    """One step of the path, in the type of `sum_dtype`. `score` and `gradient` are those at `before`."""

    before: Image
    after: Image
    score: float
    gradient: Image


def walk(score: ClassScore, x: Image, baseline: Image, steps: int, fraction: float, max_dist: float) -> Iterator[Step]:
    """Yields the steps of the path from the baseline to x; one gradient per step.

    Raises ValueError for a gradient that is not finite, because it cannot rank the features.
    """
    exact = sum_dtype(x.device)
    start, end = baseline.to(exact), x.to(exact)
    present = start
    for t in range(steps):
        (value,), (gradient,) = score.gradients(present.to(x.dtype)[None])
        if not gradient.isfinite().all():
            raise ValueError(f"the gradient holds NaN or infinity at step {t}: the path ends here; use another model")
        gradient = gradient.to(exact)
        moved = _step(present, start, end, gradient, (t + 1) / steps, fraction, max_dist)
        yield Step(present, moved, value.item(), gradient)
        present = moved


def _step(
    present: Image, start: Image, end: Image, gradient: Image, alpha: float, fraction: float, max_dist: float
) -> Image:
    """The next point. Its L1 distance to the end equals that of the straight path at alpha."""
    low = torch.lerp(start, end, max(alpha - max_dist, 0.0))
    high = torch.lerp(start, end, min(alpha + max_dist, 1.0))
    whole = (end - start).abs().sum()
    target = whole * (1 - alpha)
    # Features behind the lower bound move to it.
    lags = (present - start).abs() < (low - start).abs()
    present = torch.where(lags, low, present)
    sizes = gradient.abs()
    while True:
        missing = (present - end).abs().sum() - target
        arrived = present == high
        if missing <= 0 or arrived.all():
            return present
        sizes = sizes.masked_fill(arrived, torch.inf)
        rank = int(fraction * (sizes.numel() - 1))
        chosen = (sizes <= sizes.flatten().kthvalue(rank + 1).values) & ~arrived
        room = (present - high).abs()[chosen].sum()
        if missing < room:
            return torch.where(chosen, present + missing / room * (high - present), present)
        # A full move sets the bound exactly: after a rounding error, `arrived` would be False.
        present = torch.where(chosen, high, present)

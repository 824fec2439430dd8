"""Means over a noise cloud of any size. Of a large cloud, sums are remembered instead of points."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from attribution.engine.accumulate import accumulate, halves, is_odd, visit
from attribution.engine.devices import sum_dtype
from attribution.engine.plans import REMEMBERED, NoiseCloud
from attribution.engine.random_numbers import Purpose
from attribution.engine.score import ClassScore
from attribution.types import Batch, Image, Images, Partial, Run


def gradient(x: Image, at: Batch, cloud: NoiseCloud) -> Images:
    """The gradient at each noisy copy of a batch, (n, c, h, w)."""
    return at.gradients


def square(x: Image, at: Batch, cloud: NoiseCloud) -> Images:
    """The squared gradients, in the most precise type: a variance is the difference of two nearly equal moments."""
    return at.gradients.to(sum_dtype(x.device)).square()


def taylor(x: Image, at: Batch, cloud: NoiseCloud) -> Images:
    """The first-order Taylor term of x at each noisy copy of a batch, (n, c, h, w)."""
    return (x - at.points) * at.gradients


def null(x: Image, at: Batch, cloud: NoiseCloud) -> Images:
    """`taylor` with other noise of the same size in place of x - z: it knows nothing of the gradient beside it."""
    # A cloud that ends with this batch: it begins no draws for a next one.
    other = replace(cloud, purpose=Purpose.NULL, samples=at.indices.stop)
    return (x - other.points(x, at.indices)) * at.gradients


def both(x: Image, at: Batch, cloud: NoiseCloud) -> Tensor:
    """The gradients and their squares, (n, 2c, h, w), in the type of the squares."""
    return torch.cat([gradient(x, at, cloud), square(x, at, cloud)], dim=1)


def spread(mean: Image, squares: Image) -> Image:
    """The variance by the first two moments."""
    return (squares - mean.square()).clamp(min=0)


Term = Callable[[Image, Batch, NoiseCloud], Images]
SUMS: dict[str, Term] = {"gradient": gradient, "square": square, "taylor": taylor}
"""What noise methods sum up. A milestone holds all of them, so that one method's points serve the others."""


def cloud_means(
    score: ClassScore, x: Image, cloud: NoiseCloud, names: Sequence[str], finish: Callable[..., Image]
) -> Run:
    """finish(mean of `SUMS[name]` over the cloud, for each name), as (c, h, w).

    With a store, all sums are remembered after each `REMEMBERED` points, and a later run continues from there: R from
    1,000 to 2,000 costs 1,000 gradients. They are remembered at the end too: the same R again costs none, for all noise
    methods. Points after the first `REMEMBERED` are not remembered, so the memory does not grow with R.
    """
    kept = list(SUMS) if score.store is not None else names
    (sums, odd), start = _begin(score, x, cloud)
    evaluations, second = 0, sum(is_odd(k, cloud.group) for k in range(start))

    def partial(done: int) -> Partial:
        whole, part = ([of[name] for name in names] for of in (sums, odd))
        mean, pair = finish(*(one / done for one in whole)), halves(finish, whole, done, part, second)
        return Partial(mean.to(x.dtype), done, len(cloud), evaluations, score.target, pair)

    if start == len(cloud):
        yield partial(start)
    for batch, cost in visit(score, x, cloud, start):
        terms = {name: SUMS[name](x, batch, cloud) for name in kept}
        for place, k in enumerate(batch.indices):
            for name in kept:
                sums[name].add_(terms[name][place])
                if is_odd(k, cloud.group):
                    odd[name].add_(terms[name][place])
            second += is_odd(k, cloud.group)
            if score.store is not None and ((k + 1) % REMEMBERED == 0 or k + 1 == len(cloud)):
                score.store.put(_key(score, x, cloud, k + 1), *sums.values(), *odd.values())
        evaluations += cost
        yield partial(batch.indices.stop)


def mean_square(score: ClassScore, x: Image, cloud: NoiseCloud) -> Run:
    """The mean of the squared gradients over a cloud of any size, as (c, h, w)."""
    if len(cloud) > REMEMBERED:
        yield from cloud_means(score, x, cloud, ["square"], lambda mean: mean)
    else:
        yield from accumulate(score, x, cloud, lambda at: at.gradients.square(), group=cloud.group)


def _begin(score: ClassScore, x: Image, cloud: NoiseCloud) -> tuple[tuple[dict[str, Tensor], dict[str, Tensor]], int]:
    """The sums over all draws and over the odd ones, of as many points as are remembered together; their number."""
    for count in (len(cloud), *range(len(cloud) // REMEMBERED * REMEMBERED, 0, -REMEMBERED)):
        held = None if score.store is None else score.store.get(_key(score, x, cloud, count))
        if held is not None:
            return (_named(held[: len(SUMS)]), _named(held[len(SUMS) :])), count
    nothing = [torch.zeros(x.shape, dtype=sum_dtype(x.device), device=x.device)] * len(SUMS)
    return (_named(nothing), _named(nothing)), 0


def _named(sums: Sequence[Tensor]) -> dict[str, Tensor]:
    """Sums of one's own, by the names of `SUMS`."""
    return {name: one.clone() for name, one in zip(SUMS, sums, strict=True)}


def _key(score: ClassScore, x: Image, cloud: NoiseCloud, count: int) -> Hashable:
    return (score.key(x), "sums", cloud.sigma, cloud.seed, cloud.antithetic, count)

"""The main loop: points of a plan, from the store or computed -> weighted running sum -> partial attributions."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from attribution.engine.devices import sum_dtype
from attribution.engine.plans import Plan
from attribution.engine.score import ClassScore
from attribution.types import Batch, Image, Images, Partial, Run, Scores

MOST_REMEMBERED = 16
"""The most points of one batch that are read from the store: few, so that the batch needs little memory."""


def visit(score: ClassScore, x: Image, plan: Plan, start: int = 0) -> Iterator[tuple[Batch, int]]:
    """Yields f_c and its gradient at the points of the plan, in order, and how many gradients each batch computed.

    The store receives them, but not those of a point without a key. If the run begins with points that the store has,
    its first batch is of these alone: then there is something to see at once.
    """
    store, owner = score.store, None if score.store is None else score.key(x)
    sizes, begun = score.model.gradient_batch, start
    while start < len(plan):
        found: dict[int, tuple[Tensor, ...]] = {}
        missing: list[int] = []
        room = (sizes.first if start == begun else sizes.next)(len(plan) - start)
        k = start
        while k < len(plan) and len(missing) < room and len(found) < MOST_REMEMBERED:
            name = plan.key(k)
            point = store.get((owner, name)) if store is not None and name is not None else None
            if point is not None:
                found[k] = point
            elif found and start == begun:
                break
            else:
                missing.append(k)
            k += 1
        indices = range(start, k)
        known = plan.points(x, missing) if len(missing) == len(indices) else None
        if known is not None:
            values, gradients = _compute(score, plan, known, missing, owner)
        else:
            if missing:
                computed = _compute(score, plan, plan.points(x, missing), missing, owner)
                found.update(zip(missing, zip(*computed, strict=True), strict=True))
            values, gradients = (torch.stack([found[j][part] for j in indices]) for part in (0, 1))
        yield Batch(indices, values, gradients, partial(_points, plan, x, indices, known)), len(missing)
        start = k


def _compute(
    score: ClassScore, plan: Plan, points: Images, indices: Sequence[int], owner: Hashable
) -> tuple[Scores, Images]:
    """f_c and its gradient at the points of the plan with these indices. The store receives them."""
    values, gradients = score.gradients(points)
    if score.store is not None:
        for k, value, gradient in zip(indices, values, gradients, strict=True):
            name = plan.key(k)
            if name is not None:
                score.store.put((owner, name), value, gradient)
    return values, gradients


def _points(plan: Plan, x: Image, indices: range, known: Images | None) -> Images:
    return plan.points(x, indices) if known is None else known


def is_odd(k: int, group: int) -> bool:
    """Whether point k belongs to the second half: to every other draw, of `group` points each. Without draws: never."""
    return group > 0 and k // group % 2 == 1


def halves(
    finish: Callable[..., Image], totals: Sequence[Tensor], weighed: float, odd: Sequence[Tensor], odd_weighed: float
) -> Float[Tensor, "two h w"] | None:
    """The maps of the even and of the odd draws, signed and summed over channels. None if one half is empty.

    `totals` are weighted sums over all draws, `odd` those over the odd draws, with the sums of their weights.
    """
    if odd_weighed == 0:
        return None
    even = finish(*((one - part) / (weighed - odd_weighed) for one, part in zip(totals, odd, strict=True)))
    return torch.stack([even.sum(0), finish(*(part / odd_weighed for part in odd)).sum(0)])


def accumulate(
    score: ClassScore,
    x: Image,
    plan: Plan,
    term: Callable[[Batch], Float[Tensor, "n d h w"]],
    finish: Callable[[Float[Tensor, "d h w"]], Image] = lambda mean: mean,
    group: int = 0,
) -> Run:
    """finish(sum_k w_k term(z_k)) over the points z_k of the plan, as (c, h, w).

    A partial result scales the sum so far by (sum of all weights) / (sum of the weights so far). `group`
    consecutive points are one independent draw, and the result has the two `halves`; 0: the points are no draws.
    """
    total = odd = torch.zeros((), device=x.device)  # until the shape of a term is known
    weighed, odd_weighed, evaluations = 0.0, 0.0, 0
    whole = sum(plan.weight(k) for k in range(len(plan)))
    for batch, cost in visit(score, x, plan):
        # Point by point, in order: the sum does not depend on the batches, not even in the last bit.
        terms = term(batch)
        if not weighed:
            total = torch.zeros_like(terms[0], dtype=sum_dtype(x.device))
            odd = torch.zeros_like(total)
        for k, one in zip(batch.indices, terms, strict=True):
            total.add_(one, alpha=plan.weight(k))
            weighed += plan.weight(k)
            if is_odd(k, group):
                odd.add_(one, alpha=plan.weight(k))
                odd_weighed += plan.weight(k)
        evaluations += cost
        yield Partial(
            finish(total * (whole / weighed)).to(x.dtype),
            batch.indices.stop,
            len(plan),
            evaluations,
            score.target,
            halves(finish, [total], weighed, [odd], odd_weighed),
        )

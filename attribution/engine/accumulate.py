"""The one loop: a plan's points, remembered or computed -> a weighted running sum -> partial maps."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from attribution.engine.devices import sum_dtype
from attribution.engine.plans import Plan
from attribution.engine.score import ClassScore
from attribution.types import Batch, Image, Images, Partial, Run

MOST_REMEMBERED = 16
"""Remembered points of one batch: enough to be quick, few enough to be small beside the network."""


def visit(score: ClassScore, x: Image, plan: Plan) -> Iterator[tuple[Batch, int]]:
    """f_c and its gradient at every point of the plan, in its order, and how many gradients each batch cost."""
    store, owner = score.store, None if score.store is None else score.key(x)
    start = 0
    while start < len(plan):
        found: dict[int, tuple[Tensor, Tensor]] = {}
        missing: list[int] = []
        k = start
        while k < len(plan) and len(missing) < score.model.gradient_batch.size and len(found) < MOST_REMEMBERED:
            point = store.get((owner, plan.key(k))) if store is not None else None
            if point is None:
                missing.append(k)
            else:
                found[k] = point
            k += 1
        indices = range(start, k)
        points = plan.points(x, missing) if missing else None
        if points is not None:
            for j, value, gradient in zip(missing, *score.gradients(points), strict=True):
                found[j] = (value, gradient)
                if store is not None:
                    store.put((owner, plan.key(j)), value, gradient)
        values, gradients = (torch.stack([found[j][part] for j in indices]) for part in (0, 1))
        known = points if len(missing) == len(indices) else None
        yield Batch(indices, values, gradients, partial(_points, plan, x, indices, known)), len(missing)
        start = k


def _points(plan: Plan, x: Image, indices: range, known: Images | None) -> Images:
    return plan.points(x, indices) if known is None else known


def accumulate(
    score: ClassScore,
    x: Image,
    plan: Plan,
    term: Callable[[Batch], Float[Tensor, "n d h w"]],
    finish: Callable[[Float[Tensor, "d h w"]], Image] = lambda mean: mean,
) -> Run:
    """Finish(sum_k w_k term(z_k)): a partial stands for the whole by the weighted mean of the points visited so far."""
    total = x.new_zeros((), dtype=sum_dtype(x.device))
    weighed, evaluations = 0.0, 0
    whole = sum(plan.weight(k) for k in range(len(plan)))
    for batch, cost in visit(score, x, plan):
        # One after another: the sum does not depend on which points happened to share a batch, to the last bit.
        for k, one in zip(batch.indices, term(batch).to(total.dtype), strict=True):
            total = total + plan.weight(k) * one
            weighed += plan.weight(k)
        evaluations += cost
        yield Partial(
            finish(total * (whole / weighed)).to(x.dtype), batch.indices.stop, len(plan), evaluations, score.target
        )

"""Geometrically guided IG: the maximum gradient over gradient ascents from all points of a path. Rahman et al. 2022,
arXiv:2206.05903.

It is a maximum, not an integral, and it is not multiplied by x - b, so completeness does not hold. With K = 1 there is
no ascent, and it is the maximum over the path. The paper's K = 100 costs as much as 100 paths. The released notebooks
also average the maxima over the path (`reduce="trapezoid"`). Two options are ours: the maximum by absolute value
(`"absmax"`), which keeps evidence against the class, and the product with x - b.
"""

from functools import reduce as fold
from typing import Annotated

import torch
from torch import Tensor

from attribution.engine.accumulate import visit
from attribution.engine.baselines import BASELINES, make_baselines
from attribution.engine.plans import StraightPath
from attribution.engine.score import ClassScore
from attribution.quadrature import trapezoid
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Image, Partial, Run

Reduce = Annotated[
    str,
    Choice(("max", "absmax", "trapezoid")),
    "the maximum, the maximum by absolute value, or the mean over the path of each ascent's maximum",
]


@method(
    "GGIG",
    gloss="maximum gradient near the path",
    paper="Rahman et al. 2022, arXiv:2206.05903",
    cost=lambda knobs: Cost(knobs["iterations"] * (knobs["steps"] + 1)),
    unit=lambda knobs: "f" if knobs["multiply_by_delta"] else "f/x",
    origin=lambda knobs: knobs["baseline"] if knobs["multiply_by_delta"] else None,
)
def ggig(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "M, the steps on the path: M + 1 points, both ends included"] = 50,
    iterations: Annotated[int, Range(1, 200), "K, the gradients of the ascent from each point"] = 10,
    rate: Annotated[float, Range(0.0, 1.0), "η, the ascent's step size: a point moves by η times its gradient"] = 1e-4,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "mean",
    reduce: Reduce = "max",
    multiply_by_delta: Annotated[bool, "multiply by x - b, as in Integrated Gradients"] = False,
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of a noise baseline"] = 0,
) -> Run:
    r"""$A = \max_{j < K,\, k \le M} \nabla f_c(p_k^j)$, the signed maximum of each value, where
    $p_k^0 = b + \frac kM (x - b)$ and $p_k^{j+1} = p_k^j + \eta \nabla f_c(p_k^j)$.

    `reduce="trapezoid"` is the mean of $\max_j$ over k by the trapezoid rule. K (M + 1) gradients; the first one of
    each ascent is stored, because a path with the trapezoid rule has the same points.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    path = StraightPath((start,), (trapezoid(steps),))
    larger = _larger if reduce == "absmax" else torch.maximum
    total, done, evaluations, weighed = len(path) * iterations, 0, 0, 0.0
    before: Tensor | None = None
    for batch, cost in visit(score, x, path):
        points, gradients = batch.points, batch.gradients
        shares = [path.weight(k) for k in batch.indices]
        weights = gradients.new_tensor(shares)[:, None, None, None]
        weighed, maxima = weighed + sum(shares), gradients
        for j in range(iterations):
            if j:
                points = points + rate * gradients
                _, gradients = score.gradients(points)
                cost += len(points)
                maxima = larger(maxima, gradients)
            batch_result = (weights * maxima).sum(0) if reduce == "trapezoid" else fold(larger, maxima)
            if before is None:
                so_far = batch_result
            else:
                so_far = before + batch_result if reduce == "trapezoid" else larger(before, batch_result)
            done, evaluations, cost = done + len(points), evaluations + cost, 0
            map_ = so_far / weighed if reduce == "trapezoid" else so_far  # the mean over the points evaluated so far
            if multiply_by_delta:
                map_ = map_ * (x - start.image)
            yield Partial(map_, done, total, evaluations, score.target)
        before = so_far


def _larger(one: Tensor, other: Tensor) -> Tensor:
    """For each value, the one with the larger absolute value, signed."""
    return torch.where(other.abs() > one.abs(), other, one)

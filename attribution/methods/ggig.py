"""Geometrically guided IG: the greatest gradient met while climbing from every point of a path. Rahman et al. 2022,
arXiv:2206.05903.

It is a maximum, not an integral, and it is not multiplied by x - b: there is no completeness. With K = 1 nothing is
climbed, and it is the maximum over the path. The paper's K = 100 costs a hundred paths. The released notebooks also
average what was met over the path (`reduce="trapezoid"`); a maximum by size (`"absmax"`), which keeps what speaks
against the class, and the product with x - b are ours.
"""

from functools import reduce as fold
from typing import Annotated

import torch
from torch import Tensor

from attribution.engine.accumulate import visit
from attribution.engine.baselines import BASELINES, make_baselines
from attribution.engine.plans import StraightPath
from attribution.engine.score import ClassScore
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Image, Partial, Run


@method(
    "GGIG",
    gloss="the greatest gradient met",
    paper="Rahman et al. 2022, arXiv:2206.05903",
    cost=lambda knobs: Cost(knobs["iterations"] * (knobs["steps"] + 1)),
)
def ggig(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "M, the steps on the path: M + 1 points, both ends included"] = 50,
    iterations: Annotated[int, Range(1, 200), "K, gradients taken in the ascent from each point"] = 10,
    rate: Annotated[float, Range(0.0, 1.0), "η, how far along its gradient a point moves each time"] = 1e-4,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "mean",
    reduce: Annotated[
        str,
        Choice(("max", "absmax", "trapezoid")),
        "of all gradients met: the greatest, the largest, or the mean climb",
    ] = "max",
    multiply_by_delta: Annotated[bool, "times x - b, as Integrated Gradients is"] = False,
    seed: Annotated[int, Range(0, 2**31 - 1), "of a noise baseline"] = 0,
) -> Run:
    r"""$A = \max_{j < K,\, k \le M} \nabla f_c(p_k^j)$, each value for itself and with its sign, where
    $p_k^0 = b + \frac kM (x - b)$ and $p_k^{j+1} = p_k^j + \eta \nabla f_c(p_k^j)$.

    `reduce` "trapezoid" is the mean over k of $\max_j$. Costs K (M + 1) gradients, of which the first of each point are
    those of a path by the trapezoid rule.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    path = StraightPath((start,), steps, "trapezoid")
    larger = _larger if reduce == "absmax" else torch.maximum
    total, done, evaluations, weighed = len(path) * iterations, 0, 0, 0.0
    before: Tensor | None = None
    for batch, cost in visit(score, x, path):
        points, gradients = batch.points, batch.gradients
        shares = [path.weight(k) for k in batch.indices]
        weights = gradients.new_tensor(shares)[:, None, None, None]
        weighed, met = weighed + sum(shares), gradients
        for j in range(iterations):
            if j:
                points = points + rate * gradients
                _, gradients = score.gradients(points)
                cost += len(points)
                met = larger(met, gradients)
            here = (weights * met).sum(0) if reduce == "trapezoid" else fold(larger, met)
            known = here if before is None else before + here if reduce == "trapezoid" else larger(before, here)
            done, evaluations, cost = done + len(points), evaluations + cost, 0
            drawn = known / weighed if reduce == "trapezoid" else known  # the mean over the points visited so far
            map_ = drawn * (x - start.image) if multiply_by_delta else drawn
            yield Partial(map_, done, total, evaluations, score.target)
        before = known


def _larger(one: Tensor, other: Tensor) -> Tensor:
    """Each value of larger size, with its sign."""
    return torch.where(other.abs() > one.abs(), other, one)

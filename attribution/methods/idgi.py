"""IDGI: Integrated Gradients without the parts of the gradients that do not change the score. Yang et al. 2023,
arXiv:2303.14242.

A step of the path changes the score by d. Of all changes of the image that would do that, it takes the one along the
gradient, and gives d to the pixels in proportion to its squares. So each step keeps its exact share of the score.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from attribution.engine.accumulate import visit
from attribution.engine.baselines import BASELINES, make_baselines
from attribution.engine.devices import sum_dtype
from attribution.engine.plans import Walk, path_points
from attribution.engine.profile import scores_along
from attribution.engine.score import ClassScore
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Image, Partial, Run


@method(
    "IDGI",
    gloss="steps of the score, along the gradient",
    paper="Yang et al. 2023, arXiv:2303.14242",
    cost=lambda knobs: Cost(knobs["steps"], 1, path_points(knobs, "left")),
    sums_up=True,
)
def idgi(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "M, the steps on the path from the baseline to the image"] = 50,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "black",
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of a noise baseline"] = 0,
) -> Run:
    r"""$A = \sum_k \frac{g_k \odot g_k}{\langle g_k, g_k \rangle} (f_c(z_{k+1}) - f_c(z_k))$ with the gradient
    $g_k = \nabla f_c(z_k)$ at $z_k = b + \frac{k}{M} (x - b)$, k = 0..M - 1. Unit: that of the score.

    It sums to $f_c(x) - f_c(b)$ for any M; a step whose gradient is zero adds nothing. Negative values come from steps
    at which the score falls. Nearly free beside `integrated_gradients` with the same M and baseline.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    walk = Walk(start, tuple((k / steps, 1.0) for k in range(steps)), in_order=True)
    (end,) = scores_along(score, x, start, [1.0])
    total = torch.zeros(x.shape, dtype=sum_dtype(x.device), device=x.device)
    before: tuple[float, Tensor] | None = None
    evaluations = 0
    for batch, cost in visit(score, x, walk):
        for value, gradient in zip(batch.values.tolist(), batch.gradients, strict=True):
            if before is not None:
                _add(total, before[1], value - before[0])
            before = (value, gradient)
        if batch.indices.stop == steps and before is not None:
            _add(total, before[1], end - before[0])
        evaluations += cost
        yield Partial(total.to(x.dtype, copy=True), batch.indices.stop, steps, evaluations, score.target)


def _add(total: Tensor, gradient: Tensor, change: float) -> None:
    squares = gradient.to(total.dtype).square()
    size = squares.sum()
    if size != 0 or not math.isfinite(change):  # what is not finite is to be seen in the map
        total.add_(squares * (change / size))

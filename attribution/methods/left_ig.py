"""Left-IG: Integrated Gradients on the part of the path before the score saturates. Miglani et al. 2020,
arXiv:2010.12697.

Right-IG is the rest: the two sum to Integrated Gradients by the right rule. As in the released code, the cut is where
the score first exceeds F(0) + phi (F(1) - F(0)). If it never does, Left-IG is the whole path and Right-IG is zero; in
the released code both are the whole path.
"""

import math
from collections.abc import Generator, Iterable, Mapping
from itertools import takewhile
from typing import Annotated, Any

import torch
from torch import Tensor

from attribution.engine.accumulate import accumulate
from attribution.engine.baselines import BASELINES, Baseline, make_baselines
from attribution.engine.plans import Walk, path_points
from attribution.engine.profile import step_by_step
from attribution.engine.score import ClassScore
from attribution.quadrature import right
from attribution.registry import Choice, Cost, Range, method
from attribution.types import Image, Partial, Run, Stepwise

ROUNDING = 1e-5
"""Relative tolerance of a score between batches of different sizes."""

Steps = Annotated[int, Range(1, 500), "M, the steps on the path from the baseline to the image"]
Start = Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"]
Saturation = Annotated[float, Range(0.0, 1.0), "φ, the share of the score's climb at which the path is cut"]
Seed = Annotated[int, Range(0, 2**31 - 1), "the random seed of a noise baseline"]


def _cost(knobs: Mapping[str, Any]) -> Cost:
    """Forward passes find the cut: two at the ends, and at most one per step."""
    steps = knobs["steps"]
    return Cost(steps, steps + 2, path_points(knobs, "right"))


@method(
    "Left-IG",
    gloss="path until the score saturates",
    paper="Miglani et al. 2020, arXiv:2010.12697",
    cost=_cost,
    fewer="it takes only its part of the path",
    origin=lambda knobs: knobs["baseline"],
)
def left_ig(
    score: ClassScore, x: Image, *, steps: Steps = 200, baseline: Start = "mean", phi: Saturation = 0.9, seed: Seed = 0
) -> Stepwise:
    r"""$A = (x - b) \odot \frac1M \sum_{\alpha_k < \alpha^*} \nabla f_c(b + \alpha_k (x - b))$, where $\alpha^*$ is the
    first $\alpha_k = k/M$ at which the score exceeds $F(0) + \varphi (F(1) - F(0))$.

    Gradients after the cut are not computed. Raises ValueError if the score falls from the baseline to the image, or is
    not finite at one of them.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    nodes = right(steps)
    place = yield from cut(score, x, start, nodes[0], phi)
    yield from _part(score, x, start, nodes[0][:place], 1 / steps)


@method(
    "Right-IG",
    gloss="path after the score saturates",
    paper="Miglani et al. 2020, arXiv:2010.12697",
    cost=_cost,
    fewer="it takes only its part of the path",
    origin=lambda knobs: knobs["baseline"],
)
def right_ig(
    score: ClassScore, x: Image, *, steps: Steps = 200, baseline: Start = "mean", phi: Saturation = 0.9, seed: Seed = 0
) -> Stepwise:
    r"""$A = (x - b) \odot \frac1M \sum_{\alpha_k \ge \alpha^*} \nabla f_c(b + \alpha_k (x - b))$: the part that
    Left-IG leaves out. Raises ValueError as `left_ig` does.
    """
    (start,) = make_baselines(score.model, x, baseline, 1, seed)
    nodes = right(steps)
    place = yield from cut(score, x, start, nodes[0], phi)
    yield from _part(score, x, start, nodes[0][place:], 1 / steps)


def cut(
    score: ClassScore, x: Image, baseline: Baseline, alphas: tuple[float, ...], phi: float
) -> Generator[None, None, int]:
    """Returns the number of alphas before the cut. 2 forward passes at the ends, and those up to the cut, in batches.
    Yields after each full batch.
    """
    # Both ends in one batch, never from the store: so equal images have exactly equal scores.
    low, high = score.values(torch.stack([baseline.image, x])).cpu().double().tolist()
    return len((yield from step_by_step(score, x, baseline, alphas, _threshold(low, high, phi))))


def before(scores: Iterable[float], low: float, high: float, phi: float) -> int:
    """The number of scores before the cut. Raises ValueError if there is none."""
    threshold = _threshold(low, high, phi)
    return len(list(takewhile(lambda score: score <= threshold, scores)))


def _threshold(low: float, high: float, phi: float) -> float:
    """The cut is at the first score above it: `low` + phi (`high` - `low`), with a tolerance for rounding.

    Raises ValueError if `high` is below `low`, or one of them is not finite: then there is no climb to take a share of.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(
            f"the score of this class is {low:.3g} at the baseline and {high:.3g} at the image: there is no saturation "
            "point; explain another class, or choose another baseline"
        )
    rounding = ROUNDING * max(abs(low), abs(high))
    if high < low - rounding:
        raise ValueError(
            f"the score of this class falls along the path, from {low:.3g} to {high:.3g}: there is no saturation "
            "point; explain another class, or choose another baseline"
        )
    return low + phi * (high - low) + rounding


def _part(score: ClassScore, x: Image, baseline: Baseline, alphas: tuple[float, ...], weight: float) -> Run:
    if not alphas:
        yield Partial(x.new_zeros(x.shape), 0, 0, 0, score.target)
        return
    walk = Walk(baseline, tuple((alpha, weight) for alpha in alphas))
    yield from accumulate(score, x, walk, lambda at: (x - baseline.image) * at.gradients)

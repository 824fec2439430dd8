"""Integrated Gradients: gradients along a straight path from a baseline. Sundararajan et al. 2017, arXiv:1703.01365."""

from typing import Annotated

from torch import Tensor

from attribution.accumulate import accumulate
from attribution.baselines import BASELINES, make_baselines
from attribution.plans import StraightPath
from attribution.quadrature import RULES
from attribution.registry import Choice, Range, method
from attribution.score import ClassScore
from attribution.types import Image, Run


@method("Integrated Gradients", paper="Sundararajan et al. 2017, arXiv:1703.01365")
def integrated_gradients(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "M, the steps on the path from the baseline to the image"] = 50,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, where the path starts"] = "black",
    draws: Annotated[int, Range(1, 20), "N, how many noise baselines are averaged"] = 1,
    rule: Annotated[str, Choice(RULES), "where on each step the gradient is taken"] = "right",
    seed: Annotated[int, Range(0, 2**31 - 1), "of the noise baselines"] = 0,
) -> Run:
    r"""Mean over baselines of $A = (x - b) \odot \sum_k w_k \nabla f_c(b + \alpha_k (x - b))$; N gradients a node.

    `draws` and `seed` matter for the baseline "uniform" alone.
    """
    path = StraightPath(make_baselines(score.model, x, baseline, draws, seed), steps, rule)
    yield from accumulate(score, x, path, lambda at: path.displacements(x, at.indices) * at.gradients)

"""Input x gradient. Shrikumar et al. 2016, arXiv:1605.01713."""

from attribution.engine.accumulate import accumulate
from attribution.engine.plans import Here
from attribution.engine.score import ClassScore
from attribution.registry import Cost, method
from attribution.types import Image, Run


@method(
    "Input x Gradient",
    gloss="the gradient times the pixel",
    paper="Shrikumar et al. 2016, arXiv:1605.01713",
    cost=lambda knobs: Cost(1, points="here"),
    origin=lambda knobs: "mean",  # x itself: the mean colour is 0 in model space
)
def input_x_gradient(score: ClassScore, x: Image) -> Run:
    r"""The first-order effect of each pixel of x, in model space: $A = x \odot \nabla f_c(x)$."""
    yield from accumulate(score, x, Here(), lambda at: x * at.gradients)

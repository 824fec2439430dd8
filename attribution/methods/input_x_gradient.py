"""Input x gradient. Shrikumar et al. 2016, arXiv:1605.01713."""

from attribution.accumulate import accumulate
from attribution.plans import Here
from attribution.registry import method
from attribution.score import ClassScore
from attribution.types import Image, Run


@method("Input x Gradient", paper="Shrikumar et al. 2016, arXiv:1605.01713")
def input_x_gradient(score: ClassScore, x: Image) -> Run:
    r"""The first-order effect of each pixel of x, in model space: $A = x \odot \nabla f_c(x)$."""
    yield from accumulate(score, x, Here(), lambda at: x * at.gradients)

"""The gradient of the score. Simonyan et al. 2013, arXiv:1312.6034."""

from attribution.engine.accumulate import accumulate
from attribution.engine.plans import Here
from attribution.engine.score import ClassScore
from attribution.registry import Cost, method
from attribution.types import Image, Run


@method(
    "Gradient",
    gloss="the gradient at the photo",
    paper="Simonyan et al. 2013, arXiv:1312.6034",
    cost=lambda knobs: Cost(1, points="here"),
    unit="f/x",
)
def gradient(score: ClassScore, x: Image) -> Run:
    r"""The gradient of f_c with respect to each pixel, in model space: $A = \nabla f_c(x)$."""
    yield from accumulate(score, x, Here(), lambda at: at.gradients)

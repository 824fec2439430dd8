"""The gradient itself. Simonyan et al. 2013, arXiv:1312.6034."""

from attribution.accumulate import accumulate
from attribution.plans import Here
from attribution.registry import method
from attribution.score import ClassScore
from attribution.types import Image, Run


@method("Gradient", paper="Simonyan et al. 2013, arXiv:1312.6034")
def gradient(score: ClassScore, x: Image) -> Run:
    r"""How f_c changes with each pixel: $A = \nabla f_c(x)$."""
    yield from accumulate(score, x, Here(), lambda at: at.gradients)

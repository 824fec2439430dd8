"""Blur IG: the path goes from a blurred copy of the image to the image. Xu et al. 2020, arXiv:2004.03383."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from attribution.engine.accumulate import accumulate
from attribution.engine.plans import coarse_to_fine
from attribution.engine.score import ClassScore
from attribution.registry import Cost, Range, method
from attribution.types import Image, Images, Run

NEAR = 0.01
"""The step of the finite difference over the std of the blur, pixels, as in the released code."""
CUT = 8
"""The radius of the kernel in standard deviations: so large that the cut-off does not affect the differences."""


def kernel(size: int, sigma: float) -> Float[Tensor, "size size"]:
    """The Gaussian blur along one side as a matrix. Outside the image the values are zero."""
    if sigma == 0:
        return torch.eye(size, dtype=torch.float64, device="cpu")
    places = torch.arange(size, dtype=torch.float64, device="cpu")
    apart = places[:, None] - places
    radius = int(CUT * sigma + 0.5)
    steps = torch.arange(-radius, radius + 1, dtype=torch.float64, device="cpu")
    whole = torch.exp(-0.5 * (steps / sigma) ** 2).sum()
    return torch.where(apart.abs() <= radius, torch.exp(-0.5 * (apart / sigma) ** 2), 0) / whole


def blur(x: Image, sigma: float) -> Float[Tensor, "c h w"]:
    """The image blurred by a Gaussian of std `sigma` pixels, channel by channel; float64 on the CPU."""
    height, width = x.shape[-2:]
    return kernel(height, sigma) @ x.cpu().double() @ kernel(width, sigma).T


@dataclass(frozen=True)
class BlurPath:
    """The image blurred with std k * widest / steps, k = 0..steps-1, coarse to fine."""

    widest: float
    steps: int

    def _sigma(self, k: int) -> float:
        return coarse_to_fine(self.steps)[k] * self.widest / self.steps

    def __len__(self) -> int:
        return self.steps

    def key(self, k: int) -> Hashable:
        return ("blur", self._sigma(k))

    def weight(self, k: int) -> float:
        return self.widest / self.steps

    def points(self, x: Image, indices: Sequence[int]) -> Images:
        return torch.stack([blur(x, self._sigma(k)) for k in indices]).to(x)

    def changes(self, x: Image, indices: Sequence[int]) -> Images:
        """The derivative of each point with respect to the std of the blur, per pixel, by a finite difference."""
        sigmas = [self._sigma(k) for k in indices]
        return torch.stack([(blur(x, sigma + NEAR) - blur(x, sigma)) / NEAR for sigma in sigmas]).to(x)


@method(
    "Blur IG",
    gloss="path from blurred to sharp",
    paper="Xu et al. 2020, arXiv:2004.03383",
    cost=lambda knobs: Cost(knobs["steps"]),
)
def blur_ig(
    score: ClassScore,
    x: Image,
    *,
    steps: Annotated[int, Range(1, 500), "T, the steps from the most blurred copy to the image"] = 100,
    widest: Annotated[float, Range(1.0, 200.0), "the std of the strongest blur, pixels"] = 50.0,
) -> Run:
    r"""$A = -\sum_k \Delta s\, \frac{\partial L}{\partial s}(s_k) \odot \nabla f_c(L(s_k))$, where $L(s)$ is the image
    blurred with std s, with zeros outside the image. In the limit of many steps it sums to $f_c(x) - f_c(L(s_T))$.
    """
    path = BlurPath(widest, steps)
    yield from accumulate(score, x, path, lambda at: -path.changes(x, at.indices) * at.gradients)

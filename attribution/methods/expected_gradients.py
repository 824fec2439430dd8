"""Expected Gradients: each sample has its own random baseline and its own random alpha. Erion et al. 2021,
arXiv:1906.10670.

The paper draws baselines from the training images. Here no training images exist, so baselines are uniform noise.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from attribution.engine.accumulate import accumulate
from attribution.engine.random_numbers import Purpose, uniform
from attribution.engine.score import ClassScore, Network
from attribution.images import normalise
from attribution.registry import Cost, Range, method
from attribution.types import Image, Images, Run


@dataclass(frozen=True)
class RandomPlaces:
    """Points b_k + alpha_k (x - b_k). Both depend only on (seed, k), so a larger run contains the smaller ones."""

    space: Network
    seed: int
    samples: int

    def _draw(self, x: Image, k: int) -> tuple[Image, float]:
        """The baseline, in model space, and alpha."""
        drawn = uniform(Purpose.PLACES, self.seed, k, (1 + x.numel(),))
        return normalise(drawn[1:].view(x.shape).to(x), self.space.mean, self.space.std), drawn[0].item()

    def __len__(self) -> int:
        return self.samples

    def key(self, k: int) -> Hashable:
        return ("place", self.seed, k)

    def weight(self, k: int) -> float:
        return 1 / self.samples

    def points(self, x: Image, indices: Sequence[int]) -> Images:
        drawn = [self._draw(x, k) for k in indices]
        return torch.stack([torch.lerp(start, x, alpha) for start, alpha in drawn])

    def displacements(self, x: Image, indices: Sequence[int]) -> Images:
        return torch.stack([x - self._draw(x, k)[0] for k in indices])


@method(
    "Expected Gradients",
    gloss="random points on many paths",
    paper="Erion et al. 2021, arXiv:1906.10670",
    cost=lambda knobs: Cost(knobs["samples"], points=("places", knobs["seed"])),
)
def expected_gradients(
    score: ClassScore,
    x: Image,
    *,
    samples: Annotated[int, Range(1, 500), "R, the samples: pairs of a noise baseline and an alpha"] = 200,
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of the baselines and alphas"] = 0,
) -> Run:
    r"""$A = \frac1R \sum_r (x - b_r) \odot \nabla f_c(b_r + \alpha_r (x - b_r))$, $\alpha_r$ uniform on [0, 1]."""
    places = RandomPlaces(score.model, seed, samples)
    yield from accumulate(score, x, places, lambda at: places.displacements(x, at.indices) * at.gradients, group=1)

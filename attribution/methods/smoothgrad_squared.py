"""SmoothGrad squared: the mean squared gradient of noisy copies of the image. Hooker et al. 2018, arXiv:1806.10758."""

from typing import Annotated

from attribution.engine.clouds import mean_square, square
from attribution.engine.plans import Antithetic, NoiseCloud, Seed, Sigma, cloud_cost
from attribution.engine.score import ClassScore
from attribution.registry import Range, method
from attribution.types import Image, Run


@method(
    "SmoothGrad squared",
    gloss="squared noisy gradients",
    paper="Hooker et al. 2018, arXiv:1806.10758",
    cost=cloud_cost,
    term=square,
    unit="(f/x)²",
)
def smoothgrad_squared(
    score: ClassScore,
    x: Image,
    *,
    sigma: Sigma = 0.5,
    samples: Annotated[int, Range(1, 10_000), "R, the samples: noisy copies"] = 150,
    seed: Seed = 0,
    antithetic: Antithetic = False,
) -> Run:
    r"""$\overline{g^2}$, the mean of $(\nabla f_c(x + \sigma\epsilon_r))^2$ over r: `smoothgrad` with `form="squared"`.

    It has no signs, and is large where the gradients are large. Free beside `smoothgrad` and `smooth_taylor`.
    """
    yield from mean_square(score, x, NoiseCloud(sigma, seed, samples, antithetic, score.store))

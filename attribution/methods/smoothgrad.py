"""SmoothGrad: gradients averaged over noisy copies of the image. Smilkov et al. 2017, arXiv:1706.03825.

The squared form is Hooker et al. 2018 (arXiv:1806.10758), the variance form Adebayo et al. 2018 (arXiv:1810.03307).
"""

from typing import Annotated

from attribution.engine.accumulate import accumulate
from attribution.engine.clouds import both, cloud_means, gradient, mean_square, spread
from attribution.engine.plans import REMEMBERED, Antithetic, NoiseCloud, Seed, Sigma, cloud_cost
from attribution.engine.score import ClassScore
from attribution.registry import Choice, Range, method
from attribution.types import Image, Run


@method(
    "SmoothGrad",
    gloss="gradients of noisy copies",
    paper="Smilkov et al. 2017, arXiv:1706.03825",
    cost=cloud_cost,
    term=gradient,
    unit=lambda knobs: "f/x" if knobs["form"] == "mean" else "(f/x)²",
)
def smoothgrad(
    score: ClassScore,
    x: Image,
    *,
    sigma: Sigma = 0.5,
    samples: Annotated[int, Range(1, 10_000), "R, the samples: noisy copies"] = 150,
    form: Annotated[str, Choice(("mean", "squared", "variance")), "the moment of the gradients"] = "mean",
    seed: Seed = 0,
    antithetic: Antithetic = False,
) -> Run:
    r"""A moment of $g_r = \nabla f_c(x + \sigma\epsilon_r)$ over r: the mean $\overline{g}$, the mean square
    $\overline{g^2}$, or the population variance $\overline{g^2} - \overline{g}^2$.
    """
    cloud = NoiseCloud(sigma, seed, samples, antithetic, score.store)
    if form == "squared":
        yield from mean_square(score, x, cloud)
    elif samples > REMEMBERED:
        names = {"mean": ["gradient"], "variance": ["gradient", "square"]}[form]
        yield from cloud_means(score, x, cloud, names, spread if form == "variance" else lambda mean: mean)
    elif form == "mean":
        yield from accumulate(score, x, cloud, lambda at: gradient(x, at, cloud), group=cloud.group)
    else:
        yield from accumulate(
            score, x, cloud, lambda at: both(x, at, cloud), lambda mean: spread(*mean.chunk(2)), group=cloud.group
        )

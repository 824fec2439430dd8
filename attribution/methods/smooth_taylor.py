"""SmoothTaylor: the mean first-order Taylor term over noisy roots. Goh et al. 2021, arXiv:2004.10484.

The sign is that of the paper's definition (Eq. 9); the paper's theorem prints the opposite sign. With z = x + eps the
attribution is MINUS the mean of eps times the gradient. Absolute heatmaps hide the difference; sums and signed heatmaps
show it.
"""

from typing import Annotated

from attribution.engine.accumulate import accumulate
from attribution.engine.clouds import cloud_means, taylor
from attribution.engine.plans import REMEMBERED, Antithetic, NoiseCloud, Seed, Sigma, cloud_cost
from attribution.engine.score import ClassScore
from attribution.registry import Range, method
from attribution.types import Image, Run


@method(
    "SmoothTaylor",
    gloss="Taylor terms at noisy roots",
    paper="Goh et al. 2021, arXiv:2004.10484",
    cost=cloud_cost,
    term=taylor,
    null="smooth_taylor_null",
)
def smooth_taylor(
    score: ClassScore,
    x: Image,
    *,
    sigma: Sigma = 0.5,
    samples: Annotated[int, Range(1, 10_000), "R, the samples: noisy roots"] = 150,
    seed: Seed = 0,
    antithetic: Antithetic = False,
) -> Run:
    r"""Over roots $z_r = x + \sigma\epsilon_r$: $A = \frac1R \sum_r (x - z_r) \odot \nabla f_c(z_r)$."""
    cloud = NoiseCloud(sigma, seed, samples, antithetic, score.store)
    if samples > REMEMBERED:
        yield from cloud_means(score, x, cloud, ["taylor"], lambda mean: mean)
    else:
        yield from accumulate(score, x, cloud, lambda at: taylor(x, at, cloud), group=cloud.group)

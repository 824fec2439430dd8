"""The null of SmoothTaylor: the same gradients, times noise that has nothing to do with them. A control, no method.

The map of SmoothTaylor is a mean of noise times gradients. Even if the two had nothing to do with each other, it would
have the envelope of the gradients. What this null gives as well is not what SmoothTaylor has found.
"""

from typing import Annotated

from attribution.engine.accumulate import accumulate
from attribution.engine.clouds import null
from attribution.engine.plans import NoiseCloud, cloud_cost
from attribution.engine.score import ClassScore
from attribution.registry import Range, method
from attribution.types import Image, Run


@method(
    "SmoothTaylor's null",
    gloss="gradients times independent noise",
    paper="Goh et al. 2021, arXiv:2004.10484",
    cost=cloud_cost,
    term=null,
    control=True,
)
def smooth_taylor_null(
    score: ClassScore,
    x: Image,
    *,
    sigma: Annotated[float, Range(0.0, 2.0), "σ, the noise scale: the std of the noise in model space, absolute"] = 0.5,
    samples: Annotated[int, Range(1, 10_000), "R, the samples: noisy roots"] = 150,
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of the noise"] = 0,
    antithetic: Annotated[bool, "antithetic sampling: use each draw of the noise with both signs, ±ε"] = False,
) -> Run:
    r"""Over roots $z_r = x + \sigma\epsilon_r$: $A = -\frac1R \sum_r \sigma\epsilon'_r \odot \nabla f_c(z_r)$, with
    $\epsilon'_r$ independent of $\epsilon_r$. It shares the gradients of SmoothTaylor.
    """
    cloud = NoiseCloud(sigma, seed, samples, antithetic, score.store)
    yield from accumulate(score, x, cloud, lambda at: null(x, at, cloud), group=cloud.group)

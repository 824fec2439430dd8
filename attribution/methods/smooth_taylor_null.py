"""The null of SmoothTaylor: the same gradients, times noise that has nothing to do with them. A control, no method.

The map of SmoothTaylor is a mean of noise times gradients. Such a map is large where the gradients are large, whether
or not the noise has anything to do with them. SmoothTaylor has found only what this map does not show.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from attribution.engine.accumulate import accumulate
from attribution.engine.clouds import null
from attribution.engine.plans import REMEMBERED, Antithetic, NoiseCloud, Seed, Sigma, cloud_cost
from attribution.engine.score import ClassScore
from attribution.registry import Cost, Range, method
from attribution.types import Image, Run


def _cost(knobs: Mapping[str, Any]) -> Cost:
    """Of a large cloud sums are remembered, and not this one: then it shares no points."""
    return cloud_cost(knobs) if knobs["samples"] <= REMEMBERED else Cost(knobs["samples"])


@method(
    "SmoothTaylor's null",
    gloss="gradients times other noise",
    paper="Goh et al. 2021, arXiv:2004.10484",
    cost=_cost,
    term=null,
    control=True,
)
def smooth_taylor_null(
    score: ClassScore,
    x: Image,
    *,
    sigma: Sigma = 0.5,
    samples: Annotated[int, Range(1, 10_000), "R, the samples: noisy roots"] = 150,
    seed: Seed = 0,
    antithetic: Antithetic = False,
) -> Run:
    r"""Over roots $z_r = x + \sigma\epsilon_r$: $A = -\frac1R \sum_r \sigma\epsilon'_r \odot \nabla f_c(z_r)$, with
    $\epsilon'_r$ independent of $\epsilon_r$. It shares the gradients of SmoothTaylor, up to R = 500.
    """
    cloud = NoiseCloud(sigma, seed, samples, antithetic, score.store)
    yield from accumulate(score, x, cloud, lambda at: null(x, at, cloud), group=cloud.group)

"""The completeness gap of Integrated Gradients. Sundararajan et al. 2017, arXiv:1703.01365, axiom "Completeness"."""

from typing import Annotated

import torch
from torch import Tensor

from attribution.engine.baselines import BASELINES, Draws, make_baselines
from attribution.engine.score import ClassScore
from attribution.registry import Choice, Cost, Range, metric
from attribution.types import Image


@metric(
    "Completeness gap",
    label="Completeness gap",
    better="lower",
    reading="near 0 is better",
    digits=2,
    paper="Sundararajan et al. 2017, arXiv:1703.01365",
    cost=lambda knobs, pixels: Cost(passes=1 + (knobs["draws"] if knobs["baseline"] == "uniform" else 1)),
    note="The sum of the map, minus the difference between the score of the photo and the score of the baseline. A "
    "small gap does not prove that the map is right.",
)
def completeness_gap(
    score: ClassScore,
    x: Image,
    attribution: Image,
    *,
    baseline: Annotated[str | Tensor, Choice(BASELINES), "b, the baseline that the map used"] = "black",
    draws: Draws = 1,
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed that the map used"] = 0,
) -> tuple[float, float]:
    r"""The gap $\sum_i A_i - (f_c(x) - \overline{f_c(b)})$ and the difference $f_c(x) - \overline{f_c(b)}$, in units of
    f_c. 1 + N forward passes.

    More steps do not always make the gap smaller. A small gap does not prove that the map is right.
    """
    baselines = make_baselines(score.model, x, baseline, draws, seed)
    values = score.values(torch.stack([x, *(b.image for b in baselines)])).cpu().double()
    difference = (values[0] - values[1:].mean()).item()
    return attribution.detach().cpu().double().sum().item() - difference, difference

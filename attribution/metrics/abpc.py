"""ABPC, the area between two perturbation curves: one removes the pixels with the lowest values first, the other one
the pixels with the highest values. Miglani et al. 2020, arXiv:2010.12697, as in the released notebook.
"""

from collections.abc import Iterator

import numpy as np
import torch

from attribution.engine.score import ClassScore, finite
from attribution.heatmaps import blank
from attribution.registry import Axes, Cost, metric
from attribution.types import Curve, Heatmap, Image, LinearCurve, notes

SHARES = tuple(k / 10 for k in range(1, 10))
STEADY = 5.0
"""The released notebook leaves out images whose logit climbs by less than this."""


@metric(
    "Area between perturbation curves",
    label="ABPC",
    better="higher",
    paper="Miglani et al. 2020, arXiv:2010.12697",
    axes=Axes("share of pixels removed", "score without lowest - without highest"),
    cost=lambda knobs, pixels: Cost(passes=2 + 2 * len(SHARES)),
    note="The score after the pixels with the lowest values of a map are removed, minus the score after those with the "
    "highest values are removed. A difference below 0 counts as 0: an area of 0 can be of a map that ranks pixels the "
    "wrong way round. Signed values are used. Removed pixels get the mean colour.",
)
def abpc(score: ClassScore, x: Image, heatmap: Heatmap) -> Iterator[Curve]:
    r"""$d_q = \max(n(\text{without the lowest } q) - n(\text{without the highest } q), 0)$ against q = 0, 0.1, ..., 1.
    Higher is better. Area: trapezoid; 20 forward passes.

    n is the score, scaled to 0 for the mean colour and 1 for x, and clipped. `heatmap` is signed; pixels are ranked by
    signed value. Removed pixels get the mean colour. Raises ValueError if the score of x is not above that of the mean
    colour, or a score is not finite.
    """
    values = heatmap.detach().cpu().double()
    ordered = values.flatten().sort().values
    masks = [values > ordered[int(q * len(ordered))] for q in SHARES]
    masks += [values < ordered[-int(q * len(ordered))] for q in SHARES]
    images = torch.stack([torch.zeros_like(x), x, *(torch.where(kept.to(x.device), x, 0) for kept in masks)])
    low, high, *scores = finite(score.values(images)).cpu().double().tolist()
    if not high > low:
        raise ValueError(
            f"the score does not climb from the mean colour ({low:.3g}) to the image ({high:.3g}): the curve is not "
            "defined; explain another class"
        )
    share = ((np.array(scores) - low) / (high - low)).clip(0, 1)
    gaps = (share[: len(SHARES)] - share[len(SHARES) :]).clip(min=0)
    steady = high - low > STEADY or score.output != "logit"  # a probability climbs by less than 1
    little = "" if steady else f"the score climbs by only {high - low:.2g}: unreliable"
    yield LinearCurve(np.array([0, *SHARES, 1]), np.array([0, *gaps, 0]), notes(blank(values), little))

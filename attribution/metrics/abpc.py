"""ABPC, the area between two perturbation curves: what the model keeps without the lowest values, and without the
highest. Miglani et al. 2020, arXiv:2010.12697, as in the released notebook.
"""

from collections.abc import Iterator

import numpy as np
import torch

from attribution.engine.score import ClassScore
from attribution.registry import Axes, Cost, metric
from attribution.types import Curve, Heatmap, Image, LinearCurve

SHARES = tuple(k / 10 for k in range(1, 10))
STEADY = 5.0
"""Units of f_c: below this climb the released notebook leaves an image out."""


@metric(
    "Area between perturbation curves",
    label="ABPC",
    better="higher",
    paper="Miglani et al. 2020, arXiv:2010.12697",
    axes=Axes("share of the pixels left out", "without the lowest less without the highest"),
    cost=lambda knobs, pixels: Cost(passes=2 + 2 * len(SHARES)),
    note="What the score keeps without the lowest values of a map, less what it keeps without the highest values. "
    "Signs count.",
)
def abpc(score: ClassScore, x: Image, heatmap: Heatmap) -> Iterator[Curve]:
    r"""$d_q = \max(n(\text{without the lowest } q) - n(\text{without the highest } q), 0)$ against q = 0, 0.1, ..., 1,
    by the map's signed values, where n is the score's share of the climb from the mean colour to x, in [0, 1]. Higher
    is better. Area: trapezoid; 20 forward passes.

    What is left out is the mean colour. Raises ValueError when the score does not climb.
    """
    values = heatmap.detach().cpu().double()
    ordered = values.flatten().sort().values
    masks = [values > ordered[int(q * len(ordered))] for q in SHARES]
    masks += [values < ordered[-int(q * len(ordered))] for q in SHARES]
    images = torch.stack([torch.zeros_like(x), x, *(torch.where(kept.to(x.device), x, 0) for kept in masks)])
    low, high, *scores = score.values(images).cpu().double().tolist()
    if not high > low:
        raise ValueError(
            f"the score does not climb from the mean colour ({low:.3g}) to the image ({high:.3g}): its share has no "
            "meaning; explain another class"
        )
    share = ((np.array(scores) - low) / (high - low)).clip(0, 1)
    gaps = (share[: len(SHARES)] - share[len(SHARES) :]).clip(min=0)
    note = "" if high - low > STEADY else f"the score climbs by {high - low:.2g} only: unsteady"
    yield LinearCurve(np.array([0, *SHARES, 1]), np.array([0, *gaps, 0]), note)

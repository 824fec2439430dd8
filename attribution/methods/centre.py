"""The centre of the photo: a control that looks at no model and at no photo."""

import torch

from attribution.engine.score import ClassScore
from attribution.registry import Cost, method
from attribution.types import Image, Partial, Run


@method(
    "Centre",
    gloss="a blob in the centre",
    paper="a control",
    cost=lambda knobs: Cost(),
    control=True,
    unit="centre",
)
def centre(score: ClassScore, x: Image) -> Run:
    r"""$e^{-d^2 / 2s^2}$, d the distance from the centre, s a quarter of the shorter side. No gradient."""
    rows, columns = (torch.arange(side, dtype=torch.float64, device="cpu") - (side - 1) / 2 for side in x.shape[-2:])
    spread = min(x.shape[-2:]) / 4
    blob = torch.exp(-(rows[:, None].square() + columns.square()) / (2 * spread**2))
    yield Partial.of(blob, x, score.target)

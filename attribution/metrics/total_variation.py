"""Multi-scale average total variation and its area, AUTVC. Goh et al. 2021, arXiv:2004.10484, section IV.

It measures how much neighbouring pixels of the map differ, from fine to coarse scales. Lower is smoother, but a smooth
map is not always right: a blank map has the lowest area. The paper describes a pyramid of the normalised map, but only
its code can give its published numbers. So the default here is the code: a pyramid of the signed map, normalised at
each level.
"""

import math
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor

from attribution.heatmaps import blank, limits, rescale
from attribution.registry import Axes, Choice, Range, metric
from attribution.types import Curve, Heatmap, notes

DOWNSCALE = 1.5


@metric(
    "Multi-scale total variation",
    label="AUTVC",
    better="lower",
    reading="lower is smoother, not more faithful",
    digits=2,
    paper="Goh et al. 2021, arXiv:2004.10484",
    axes=Axes("side of the map, pixels", "average total variation", None, (0.0, 0.5)),
    standard=True,
    terms="AUTVC: the area under the curve of the total variation at all scales.",
    note="How much neighbouring pixels of a map differ, from fine to coarse scales. A smooth map is not always right: "
    "a blank map has the lowest area. Compare only maps of the same size.",
)
def total_variation(
    heatmap: Heatmap,
    *,
    rule: Annotated[str, Choice(("code", "paper")), "when the map is normalised: at each level, or once"] = "code",
    smallest: Annotated[int, Range(3, 512), "the minimum side of a level, pixels"] = 30,
) -> Curve:
    r"""$\mathrm{ATV}(S) = \frac{1}{HW} \sum |S_{i,j+1} - S_{i,j}| + |S_{i+1,j} - S_{i,j}|$ of each level of a Gaussian
    pyramid; each level is 1.5 times coarser than the one before. Area: Simpson over the levels. No model calls.

    `heatmap` is signed and unscaled, one value per pixel. Compare areas only between maps of the same size.
    """
    level = heatmap.detach().cpu().double()
    if rule == "paper":
        level = _normalise(level)
    found = []
    height, width = level.shape
    sizes = levels(height, width, smallest=smallest)
    for size in sizes:
        if size != tuple(level.shape):
            level = reduce_level(level, size)
        found.append(average_total_variation(_normalise(level) if rule == "code" else level))
    small = "" if len(found) > 1 else "one level only: the map is too small for an area"
    note, ticks = notes(blank(heatmap), small), tuple(str(side) for side, _ in sizes)
    return Curve(np.arange(len(found), dtype=np.float64), np.array(found), note, ticks)


def levels(height: int, width: int, *, smallest: int = 30) -> list[tuple[int, int]]:
    """(height, width) of each level of the pyramid, finest first. The first level may be smaller than `smallest`."""
    sizes = [(height, width)]
    while True:
        height, width = math.ceil(height / DOWNSCALE), math.ceil(width / DOWNSCALE)
        if min(height, width) < smallest:
            return sizes
        sizes.append((height, width))


def _normalise(level: Tensor) -> Tensor:
    return rescale(level.abs(), limits(level.abs()))


def average_total_variation(values: Heatmap) -> float:
    """The sum of absolute differences to the right and lower neighbours, divided by the number of pixels."""
    return ((values.diff(dim=0).abs().sum() + values.diff(dim=1).abs().sum()) / values.numel()).item()


def reduce_level(level: Heatmap, size: tuple[int, int]) -> Float[Tensor, "smaller_h smaller_w"]:
    """The next level of the pyramid: a Gaussian of std 1.5 / 3 cut at 4 stds, edges mirrored; bilinear to `size`."""
    sigma = 2 * DOWNSCALE / 6
    radius = round(4 * sigma)
    steps = torch.arange(-radius, radius + 1, dtype=level.dtype, device=level.device)
    taps = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = torch.outer(taps, taps) / taps.sum() ** 2
    padded = torch.from_numpy(np.pad(level.numpy(), radius, mode="symmetric"))
    smooth = nnf.conv2d(padded[None, None], kernel[None, None])
    return nnf.interpolate(smooth, size=list(size), mode="bilinear", align_corners=False)[0, 0]

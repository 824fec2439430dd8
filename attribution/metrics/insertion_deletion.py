"""Insertion and deletion: the probability while pixels are inserted or deleted, highest |attribution| first. Petsiuk et
al. 2018, arXiv:1806.07421 (RISE), as Walker et al. 2023 use it.

The changed images are unlike the training images. The areas depend strongly on the substrate, the value of a missing
pixel: compare only areas with the same substrate. Among equal values the later pixel comes first, as in the released
code.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import conv2d

from attribution.engine.devices import uncast
from attribution.engine.score import ClassScore, finite
from attribution.heatmaps import blank
from attribution.registry import Axes, Choice, Cost, Range, metric
from attribution.types import Curve, Heatmap, Image, LinearCurve

SIDE, SPREAD = 11, 5.0
"""The side of the blur's kernel and its standard deviation, pixels."""

Step = Annotated[int, Range(1, 10_000), "the number of pixels changed between two scores"]
Substrate = Annotated[str, Choice(("blur", "mean")), "the value of a missing pixel: blurred photo or mean colour"]


def _cost(knobs: Mapping[str, Any], pixels: int) -> Cost:
    return Cost(passes=1 + math.ceil(pixels / knobs["step"]))


@metric(
    "Insertion",
    label="Insertion",
    better="higher",
    less="deletion",
    paper="Petsiuk et al. 2018, arXiv:1806.07421",
    axes=Axes("share of pixels inserted", "probability"),
    cost=_cost,
    output="probability",
    note="Pixels are inserted into the blurred photo, largest absolute values of a map first. The sooner the "
    "probability climbs, the better. A blurred photo still shows something, so compare a curve with the random order.",
)
def insertion(
    score: ClassScore, x: Image, heatmap: Heatmap, *, step: Step = 224, substrate: Substrate = "blur"
) -> Iterator[Curve]:
    r"""$p_c$ of the substrate with the n pixels of highest |heatmap| inserted, against the share of pixels, 0 to 1.
    Higher is better. Area: trapezoid, in [0, 1].

    It uses the probability for both outputs of the score. One forward pass per `step` pixels, and one more; yields the
    curve so far after every batch.
    """
    yield from _curve(score, _substrate(x, substrate), x, heatmap, step)


@metric(
    "Deletion",
    label="Deletion",
    better="lower",
    paper="Petsiuk et al. 2018, arXiv:1806.07421",
    axes=Axes("share of pixels deleted", "probability"),
    cost=_cost,
    output="probability",
    note="Pixels are replaced by the mean colour, largest absolute values of a map first. The sooner the probability "
    "falls, the better. A photo with single missing pixels is unlike the training photos, so a scattered map can get "
    "a low area by this damage alone.",
)
def deletion(
    score: ClassScore, x: Image, heatmap: Heatmap, *, step: Step = 224, substrate: Substrate = "mean"
) -> Iterator[Curve]:
    r"""$p_c$ of x with the n pixels of highest |heatmap| deleted, against the share of pixels, 0 to 1. Lower is better.
    Area and cost as for `insertion`.
    """
    yield from _curve(score, x, _substrate(x, substrate), heatmap, step)


def _curve(score: ClassScore, before: Image, after: Image, heatmap: Heatmap, step: int) -> Iterator[Curve]:
    """The probability while the pixels of `before` become those of `after`, all channels of a pixel at once.

    Raises ValueError if it is not finite.
    """
    probability = ClassScore(score.model, score.target, "probability")
    pixels = heatmap.numel()
    order = heatmap.detach().cpu().double().abs().flatten().argsort(stable=True).flip(0)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(pixels, device=order.device)
    place = rank.view(heatmap.shape).to(before.device)
    counts, note = [*range(0, pixels, step), pixels], blank(heatmap)
    found: list[float] = []
    while len(found) < len(counts):
        some = counts[len(found) : len(found) + score.model.value_batch.size]
        changed = place < torch.tensor(some, device=place.device)[:, None, None]
        images = torch.where(changed[:, None], after, before)
        for batch in probability.value_batches(images):
            found += finite(batch).cpu().double().tolist()
            yield LinearCurve(np.array(counts[: len(found)]) / pixels, np.array(found), note)


def _substrate(x: Image, kind: str) -> Image:
    return blurred(x) if kind == "blur" else torch.zeros_like(x)


def blurred(x: Image) -> Image:
    """The image blurred in model space by an 11 x 11 Gaussian of std 5 with sum 1, with zeros outside the image."""
    spot = np.zeros((SIDE, SIDE))
    spot[SIDE // 2, SIDE // 2] = 1
    kernel: Tensor = torch.from_numpy(gaussian_filter(spot, SPREAD)).to(x)
    with uncast(x.device):
        return conv2d(x[:, None], kernel[None, None], padding=SIDE // 2)[:, 0]

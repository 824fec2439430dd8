"""The perturbation curve and its area, AUPC. Goh et al. 2021, arXiv:2004.10484, section IV.

Regions are replaced by noise one after another, highest |attribution| first. If the map finds what the model uses, the
score falls early: lower is better. The converse is no proof: perturbed images are unlike the training images, and a map
of nothing but the centre can beat a random order. So compare with random orders, and with `centre`. The released code
never uses the last row and column of regions; here every region inside the image is allowed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attribution.engine.random_numbers import Purpose, uniform
from attribution.engine.score import ClassScore, Network, finite
from attribution.heatmaps import blank
from attribution.images import normalise
from attribution.registry import Axes, Cost, Range, metric
from attribution.types import Curve, Heatmap, Image, notes

FAR = 2.0
"""A change by more than so many times the score of the photo says that this score is near zero."""
ALONE = "do not compare this area with others"
"""The end of a note on the score of the photo. Such a note holds for all maps of the photo: only some curves may move
so far that they show it."""
Patches = Annotated[int, Range(1, 200), "P, the noise patches tried in each region"]
"""The knob P of all metrics and studies that measure perturbation curves."""


@dataclass(frozen=True, eq=False)
class PerturbationCurve(Curve):
    """A curve and its perturbed regions in order: (top, left, index of the patch that was kept)."""

    replaced: tuple[tuple[int, int, int], ...] = ()
    window: int = 15
    draws: int = 50
    seed: int = 0


@metric(
    "Perturbation curve",
    label="AUPC",
    better="lower",
    digits=2,
    paper="Goh et al. 2021, arXiv:2004.10484",
    axes=Axes("perturbed regions", "score / score of the photo", (0, 30), (0.5, 1.1)),
    cost=lambda knobs, pixels: Cost(passes=1 + knobs["regions"] * knobs["draws"]),
    standard=True,
    terms="AUPC: the area under the perturbation curve. A region is a square of 15 × 15 pixels.",
    note="Regions are replaced by noise, largest absolute values of a map first. The sooner the score falls, the "
    "lower the area: a map that finds what the model uses has a low one. With 30 regions, an area of 30 means that the "
    "score does not fall. Perturbed photos are unlike the training photos, so compare a curve with random orders. "
    "They are a weak control: a map of nothing but the centre can beat them too.",
)
def perturbation(
    score: ClassScore,
    x: Image,
    heatmap: Heatmap,
    *,
    window: Annotated[int, Range(1, 64), "k, the window size: the side of a region, pixels"] = 15,
    regions: Annotated[int, Range(1, 100), "L, the number of perturbed regions"] = 30,
    draws: Patches = 50,
    seed: Annotated[int, Range(0, 2**31 - 1), "the random seed of the patches; they are the same for every map"] = 0,
) -> Iterator[PerturbationCurve]:
    r"""$y_l = \frac1P \sum_p f_c(x^{(l,p)}) / |f_c(x)|$ against l = 0..L; $x^{(l,p)}$ is the image with its first l - 1
    regions perturbed and patch p in region l. The patch whose score is nearest the median is kept. Area: Simpson,
    usually in [0, L].

    `heatmap` is signed and unscaled, one value per pixel. 1 + L P forward passes; yields the curve so far after every
    batch. Raises ValueError if no region fits, the score of x is 0, or a score is not finite.
    """
    corners = select_windows(heatmap, window, regions)
    start = finite(score.values(x[None])).cpu().double().item()
    if start == 0:
        raise ValueError("the score of this class is exactly 0: its fall cannot be measured; choose another class")
    few = "" if len(corners) == regions else f"only {len(corners)} of {regions} regions of {window}x{window} fit"
    note = notes(blank(heatmap), few)
    mean_scores = [start]
    replaced: list[tuple[int, int, int]] = []
    curve = partial(_curve, mean_scores, replaced, note=note, window=window, draws=draws, seed=seed)
    present = x
    for step, (top, left) in enumerate(corners):
        patches = _patches(x, score.model, step, window, draws, seed)
        candidates = present.expand(draws, -1, -1, -1).clone()
        inside = (..., slice(top, top + window), slice(left, left + window))
        candidates[inside] = patches
        found: list[Tensor] = []
        for batch in score.value_batches(candidates):
            found.append(batch)
            if sum(map(len, found)) < draws:
                yield curve()
        scores = finite(torch.cat(found)).cpu().double().numpy()
        mean_scores.append(float(scores.mean()))
        kept = int(np.abs(scores - np.median(scores)).argmin())
        present = candidates[kept].clone()
        del candidates  # a paused generator must not keep P images in memory
        replaced.append((top, left, kept))
        yield curve()


def _curve(scores: list[float], replaced: list[tuple[int, int, int]], note: str, **made: Any) -> PerturbationCurve:
    steps, shares = np.arange(len(scores), dtype=np.float64), np.array(scores) / abs(scores[0])
    note = notes(note, _of_little(scores[0], shares))
    return PerturbationCurve(steps, shares, note, replaced=tuple(replaced), **made)


def _of_little(start: float, shares: Float[np.ndarray, " n"]) -> str:
    """The note if the score is near or below zero: then its shares can have any size, and areas cannot be compared."""
    if start < 0:
        return f"the score of the photo is negative ({start:.3g}): {ALONE}"
    if np.abs(shares - 1).max() > FAR:
        return f"the score of the photo is near 0 ({start:.3g}): {ALONE}"
    return ""


def perturbed(x: Image, curve: PerturbationCurve, step: int, space: Network) -> Image:
    """The image after the first `step` regions of the curve were perturbed. No model calls."""
    present = x.clone()
    for k, (top, left, kept) in enumerate(curve.replaced[:step]):
        patch = _patches(x, space, k, curve.window, curve.draws, curve.seed)[kept]
        present[:, top : top + curve.window, left : left + curve.window] = patch
    return present


def _patches(
    x: Image, space: Network, step: int, window: int, draws: int, seed: int
) -> Float[Tensor, "draws c window window"]:
    """P patches for one region: uniform noise in pixel space, converted to model space."""
    patches = uniform(Purpose.PATCHES, seed, step, (draws, x.shape[0], window, window)).to(x)
    return normalise(patches, space.mean, space.std)


def select_windows(heatmap: Heatmap, window: int, regions: int) -> list[tuple[int, int]]:
    """(top, left) of up to `regions` disjoint regions: greedily the highest mean |heatmap|, row-major among equals.

    Raises ValueError if the map is smaller than one region.
    """
    if min(heatmap.shape) < window:
        height, width = heatmap.shape
        raise ValueError(f"no {window}x{window} region fits on a {height}x{width} map; use a smaller window size")
    means = torch.nn.functional.avg_pool2d(heatmap.detach().cpu().double().abs()[None], window, stride=1)[0].numpy()
    corners: list[tuple[int, int]] = []
    while len(corners) < regions and means.max() > -np.inf:
        top, left = (int(i) for i in np.unravel_index(means.argmax(), means.shape))
        corners.append((top, left))
        means[max(0, top - window + 1) : top + window, max(0, left - window + 1) : left + window] = -np.inf
    return corners

"""Performance information curves, SIC and AIC: how sure the model is (or whether it is right) against how much the
image tells, while the pixels that a map ranks highest are made sharp. Kapishnikov et al. 2019, arXiv:1906.02825.

What an image tells is the size of its lossless WebP file. Pixels that are not shown are interpolated linearly between
those that are: a hundredth of all, drawn at random, and the corners, from the start. The paper leaves out images whose
probability is below 0.8; here they are measured, with a note. Of maps of noise many thresholds look alike: the areas
of unlike maps differ less than those of deletion.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import PIL.Image
import torch
from jaxtyping import Bool, Float, UInt8
from scipy.interpolate import LinearNDInterpolator
from threadpoolctl import threadpool_limits
from torch import Tensor

from attribution.engine.random_numbers import Purpose, uniform
from attribution.engine.score import ClassScore, logits
from attribution.images import denormalise, normalise, to_picture
from attribution.registry import Axes, Cost, Range, metric
from attribution.types import Heatmap, Image, LinearCurve

SHOWN = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10, 0.13, 0.21, 0.34, 0.5, 0.75)
"""The shares of the pixels that are made sharp, one after another."""
AT_FIRST = 0.01
SURE = 0.8

Points = Annotated[int, Range(10, 1000), "the parts that the curve's axis is cut into"]
Seed = Annotated[int, Range(0, 2**31 - 1), "of the pixels that are sharp from the start; the same for every map"]
Picture = UInt8[np.ndarray, "h w 3"]


def _cost(knobs: Mapping[str, Any], pixels: int) -> Cost:
    return Cost(passes=2 + len(SHOWN))


@metric(
    "Softmax information curve",
    label="SIC",
    better="higher",
    paper="Kapishnikov et al. 2019, arXiv:1906.02825",
    axes=Axes("share of the information", "share of the probability"),
    cost=_cost,
    note="A blurred photo is made sharp where a map ranks highest first. Across: how much information the photo holds "
    "by then, measured by the size of its file.",
)
def sic(
    score: ClassScore, x: Image, heatmap: Heatmap, *, points: Points = 100, seed: Seed = 0
) -> Iterator[LinearCurve]:
    r"""$p_c$, from 0 for the blurred image to 1 for x, never falling, against the share of the information, 0 to 1.
    Higher is better. Area: trapezoid, in [0, 1]; 15 forward passes.

    The probability, whatever the score's output is. Pixels are ranked by |heatmap|. Yields the curve as far as it is
    known. Raises ValueError when x is not surer than the blurred image, or tells no more.
    """

    def probability(found: Tensor) -> float:
        return found.softmax(0)[score.target].item()

    yield from _curve(score, x, heatmap, points, seed, probability)


@metric(
    "Accuracy information curve",
    label="AIC",
    better="higher",
    paper="Kapishnikov et al. 2019, arXiv:1906.02825",
    axes=Axes("share of the information", "the class is the likeliest (1) or not (0)"),
    cost=_cost,
    note="As SIC, but up is whether the class is the likeliest. For one photo that is a step; the mean over many "
    "photos is a curve.",
)
def aic(
    score: ClassScore, x: Image, heatmap: Heatmap, *, points: Points = 100, seed: Seed = 0
) -> Iterator[LinearCurve]:
    r"""$[\arg\max_k f_k = c]$, 0 or 1, against the share of the information; else as `sic`.

    Raises ValueError when it is not that of x, or is that of the blurred image already.
    """

    def right(found: Tensor) -> float:
        return float(found.argmax().item() == score.target)

    yield from _curve(score, x, heatmap, points, seed, right)


def _curve(
    score: ClassScore, x: Image, heatmap: Heatmap, points: int, seed: int, worth: Callable[[Tensor], float]
) -> Iterator[LinearCurve]:
    model = score.model
    photo = to_picture(denormalise(x, model.mean, model.std))
    values = heatmap.detach().cpu().double().abs().numpy()
    first = _at_first(photo.shape[0], photo.shape[1], seed)

    def look(shown: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
        """How much the image tells with these pixels sharp, and what the model makes of it."""
        picture = _between(photo, shown)
        pixels = torch.from_numpy(picture).permute(2, 0, 1).to(x) / 255
        (found,) = torch.cat(list(logits(model, normalise(pixels, model.mean, model.std)[None])))
        return _bytes(picture), worth(found)

    (least, low), (most, high) = look(first), look(np.ones_like(first))
    if not (high > low and most > least):
        raise ValueError(
            f"the photo is worth no more to the model ({high:.3g}) than a blurred one ({low:.3g}), or tells no more: "
            "between them no curve can be drawn; explain another class"
        )
    note = "" if high >= SURE else f"the probability is {high:.2f} only: the paper leaves such photos out"
    told, worths = [0.0], [0.0]
    for share in SHOWN:
        size, value = look(first | (values >= np.quantile(values, 1 - share)))
        told.append(min(max((size - least) / (most - least), 0.0), 1.0))
        worths.append(max(worths[-1], min(max((value - low) / (high - low), 0.0), 1.0)))
        yield _drawn(told, worths, points, max(told), note)
    yield _drawn([*told, 1.0], [*worths, 1.0], points, 1.0, note)


def _drawn(told: list[float], worths: list[float], points: int, reached: float, note: str) -> LinearCurve:
    """The curve on an even grid, as far as it is known."""
    order = np.argsort(told, kind="stable")
    grid = np.linspace(0, 1, points + 1)
    grid = grid[grid <= reached]
    return LinearCurve(grid, np.interp(grid, np.array(told)[order], np.array(worths)[order]), note)


def _at_first(height: int, width: int, seed: int) -> Bool[np.ndarray, "h w"]:
    """The pixels that are sharp from the start: a hundredth, and the corners."""
    rank = uniform(Purpose.SHARP, seed, 0, (height, width)).numpy()
    found = np.zeros((height, width), dtype=bool)
    found.flat[np.argsort(rank, axis=None)[: int(AT_FIRST * rank.size)]] = True
    found[:: height - 1, :: width - 1] = True
    return found


def _between(photo: Picture, shown: Bool[np.ndarray, "h w"]) -> Picture:
    """The photo where it is shown, and between that what lies on flat triangles."""
    if shown.all():
        return photo
    # SciPy solves a system of two equations for each triangle: several threads only wait for each other there, and on a
    # busy machine for ten thousand times as long as the work takes.
    with threadpool_limits(1, "blas"):
        between = LinearNDInterpolator(np.argwhere(shown), photo[shown].astype(np.float64))
        flat: Float[np.ndarray, "n 3"] = between(np.argwhere(~shown))
    found = photo.copy()
    found[~shown] = flat.round().clip(0, 255).astype(np.uint8)
    return found


def _bytes(picture: Picture) -> float:
    held = io.BytesIO()
    PIL.Image.fromarray(picture).save(held, "WEBP", lossless=True, quality=100)
    return float(held.tell())

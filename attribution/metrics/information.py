"""Performance information curves, SIC and AIC: the probability of the class (or whether it is predicted) against the
information in the image. Pixels are made sharp in a blurred image, highest |attribution| first. Kapishnikov et al.
2019, arXiv:1906.02825.

The information in an image is the size of its lossless WebP file. Hidden pixels are interpolated linearly between sharp
ones. From the start 1 % of the pixels, drawn at random, and the corners are sharp. The paper leaves out images whose
probability is below 0.8; here they are measured, with a note. SIC and AIC separate noisy maps poorly: the areas of
different maps differ less than with deletion.
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
from attribution.engine.score import ClassScore, finite, logits
from attribution.heatmaps import blank
from attribution.images import denormalise, normalise, to_bytes
from attribution.registry import Axes, Cost, Range, metric
from attribution.types import Heatmap, Image, LinearCurve, clear_of, notes

SHOWN = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10, 0.13, 0.21, 0.34, 0.5, 0.75)
"""The shares of pixels that are sharp at each step, besides those from the start."""
START = 0.01
"""The share of pixels that are sharp from the start."""
SURE = 0.8
"""The paper leaves out images with a lower probability."""

Points = Annotated[int, Range(10, 1000), "the number of intervals on the x axis of the curve"]
Seed = Annotated[int, Range(0, 2**31 - 1), "the random seed of the pixels that are sharp from the start"]
Picture = UInt8[np.ndarray, "h w c"]


def _cost(knobs: Mapping[str, Any], pixels: int) -> Cost:
    return Cost(passes=2 + len(SHOWN))


@metric(
    "Softmax information curve",
    label="SIC",
    better="higher",
    paper="Kapishnikov et al. 2019, arXiv:1906.02825",
    axes=Axes("share of the information", "probability, scaled to 0-1"),
    cost=_cost,
    output="probability",
    note="A blurred photo is made sharp pixel by pixel, largest absolute values of a map first. The x axis is the "
    "information in the photo, measured by the size of its file. The photos of its steps take a few seconds to make.",
)
def sic(
    score: ClassScore, x: Image, heatmap: Heatmap, *, points: Points = 100, seed: Seed = 0
) -> Iterator[LinearCurve]:
    r"""The running maximum of $p_c$ against the information, both scaled to 0 for the blurred image and 1 for x. Higher
    is better. Area: trapezoid, in [0, 1]; 15 forward passes.

    It uses the probability for both outputs of the score. Pixels are ranked by |heatmap|. Yields the curve so far.
    Raises ValueError unless x has a higher probability and more information than the blurred image, and for a
    probability that is not finite.
    """

    def probability(found: Tensor) -> float:
        return found.softmax(0)[score.target].item()

    yield from _curve(score, x, heatmap, points, seed, probability)


@metric(
    "Accuracy information curve",
    label="AIC",
    better="higher",
    paper="Kapishnikov et al. 2019, arXiv:1906.02825",
    axes=Axes("share of the information", "class predicted (1) or not (0)"),
    cost=_cost,
    output="probability",
    note="As SIC, but the y axis is 1 if the class is the prediction, and 0 if not. For one photo this is a step; the "
    "mean over many photos is a curve.",
)
def aic(
    score: ClassScore, x: Image, heatmap: Heatmap, *, points: Points = 100, seed: Seed = 0
) -> Iterator[LinearCurve]:
    r"""$[\arg\max_k f_k = c]$, 0 or 1, against the information; otherwise as `sic`.

    Raises ValueError unless c is the prediction for x and not the prediction for the blurred image.
    """

    def predicted(found: Tensor) -> float:
        return float(found.argmax().item() == score.target)

    yield from _curve(score, x, heatmap, points, seed, predicted)


def _curve(
    score: ClassScore, x: Image, heatmap: Heatmap, points: int, seed: int, measure: Callable[[Tensor], float]
) -> Iterator[LinearCurve]:
    if min(heatmap.shape) < 2:
        shape = " x ".join(map(str, heatmap.shape))
        raise ValueError(f"the photo has {shape} pixels; to interpolate between pixels takes at least 2 x 2")
    model = score.model
    photo = to_bytes(denormalise(x, model.mean, model.std))
    values = heatmap.detach().cpu().double().abs().numpy()
    first = _sharp_at_start(photo.shape[0], photo.shape[1], seed)

    def look(shown: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
        """The information in the image with these pixels sharp, and `measure` of its logits."""
        picture = _interpolated(photo, shown)
        pixels = torch.from_numpy(picture).permute(2, 0, 1).to(x) / 255
        (found,) = torch.cat(list(logits(model, normalise(pixels, model.mean, model.std)[None])))
        finite(found.softmax(0))
        return _file_size(picture), measure(found)

    (least, low), (most, high) = look(first), look(np.ones_like(first))
    if not (high > low and most > least):
        raise ValueError(
            f"the photo has no higher value ({high:.3g}) than its blurred copy ({low:.3g}), or no more information: "
            "the curve is not defined; explain another class"
        )
    unsure = "" if high >= SURE else f"the probability is only {clear_of(SURE, high)}: the paper leaves out such photos"
    note = notes(blank(heatmap), unsure)
    information, measured = [0.0], [0.0]
    for share in SHOWN:
        size, value = look(first | (values >= np.quantile(values, 1 - share)))
        information.append(min(max((size - least) / (most - least), 0.0), 1.0))
        measured.append(max(measured[-1], min(max((value - low) / (high - low), 0.0), 1.0)))
        yield _on_grid(information, measured, points, max(information), note)
    yield _on_grid([*information, 1.0], [*measured, 1.0], points, 1.0, note)


def _on_grid(x: list[float], y: list[float], points: int, reached: float, note: str) -> LinearCurve:
    """The curve so far, interpolated on an even grid up to x = `reached`."""
    order = np.argsort(x, kind="stable")
    grid = np.linspace(0, 1, points + 1)
    grid = grid[grid <= reached]
    return LinearCurve(grid, np.interp(grid, np.array(x)[order], np.array(y)[order]), note)


def _sharp_at_start(height: int, width: int, seed: int) -> Bool[np.ndarray, "h w"]:
    """The pixels that are sharp from the start: 1 % at random, and the corners."""
    rank = uniform(Purpose.SHARP, seed, 0, (height, width)).numpy()
    found = np.zeros((height, width), dtype=bool)
    found.flat[np.argsort(rank, axis=None)[: int(START * rank.size)]] = True
    found[:: height - 1, :: width - 1] = True
    return found


def _interpolated(photo: Picture, shown: Bool[np.ndarray, "h w"]) -> Picture:
    """The photo with its hidden pixels interpolated linearly on triangles between the sharp ones."""
    if shown.all():
        return photo
    # SciPy solves a system of two equations per triangle. Several threads only wait for each other there: on a busy
    # machine, up to ten thousand times as long as the work takes.
    with threadpool_limits(1, "blas"):
        between = LinearNDInterpolator(np.argwhere(shown), photo[shown].astype(np.float64))
        flat: Float[np.ndarray, "n c"] = between(np.argwhere(~shown))
    found = photo.copy()
    found[~shown] = flat.round().clip(0, 255).astype(np.uint8)
    return found


def _file_size(picture: Picture) -> float:
    """The bytes of the picture as a file; without three channels, those of one grey file for each channel."""
    if picture.shape[2] != 3:
        return sum(_file_size(picture[..., [k] * 3]) for k in range(picture.shape[2]))
    held = io.BytesIO()
    PIL.Image.fromarray(picture).save(held, "WEBP", lossless=True, quality=100)
    return float(held.tell())

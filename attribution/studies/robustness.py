"""How a map answers small changes of the image: max-sensitivity and infidelity (Yeh et al. 2019, arXiv:1901.09392).

And how much of a map lies inside a box. A map that changes little is not always right: a map that ignores the image
does not change at all. `changed_image` measures several methods together.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from attribution.engine.random_numbers import Purpose, normal, uniform
from attribution.engine.score import ClassScore
from attribution.explain import explain
from attribution.heatmaps import check_finite
from attribution.models import Model
from attribution.types import Heatmap, Image

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels. Right and bottom are the first ones that are not in it."""
NOISE, COUNT = 0.005, 100
"""The usual changes of infidelity, in model space: the standard deviation, and how many. The noise is small: within 0.1
the score of a network bends so much that no map predicts its changes."""
RADIUS, REPEATS = 0.02, 10
"""The usual changes of max-sensitivity: how far a value moves at most, and how many."""


def held(model: Model, method: str, target: int, *, output: str = "logit", **knobs: Any) -> Callable[[Image], Image]:
    """The function from an image to its attribution, (c, h, w), of one class and with the same noise in every call.

    Its seed is the `seed` in `knobs`, or the default: otherwise the noise of the method would be measured as a change.
    """
    return lambda image: explain(model, image, method, target, output=output, **knobs).attribution


def max_sensitivity(
    make: Callable[[Image], Float[Tensor, "..."]],
    x: Image,
    *,
    radius: float = RADIUS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Iterator[float]:
    r"""$\max_k \|A(x + u_k) - A(x)\| / \|A(x)\|$ over k = 1..`repeats`, each value of $u_k$ uniform in ±`radius`, in
    model space. Lower is more stable. Yields the maximum so far.

    `make` computes the map A of an image, as `held` does. It must use the same class and the same noise in every call;
    it is called `repeats` + 1 times. If A(x) is zero, the divisor is 1. Raises ValueError for a radius below 0,
    `repeats` below 1, and a map that is not finite.
    """
    check(radius, repeats)
    first = check_finite(make(x)).cpu().double()
    largest = 0.0
    for k in range(repeats):
        changed = check_finite(make(x + nearby(x, radius, seed, k))).cpu().double()
        largest = max(largest, change_of(changed, first))
        yield largest


def nearby(x: Image, radius: float, seed: int, k: int) -> Image:
    """The k-th change of max-sensitivity."""
    return radius * (2 * uniform(Purpose.NEARBY, seed, k, tuple(x.shape)).to(x) - 1)


def change_of(made: Tensor, first: Tensor) -> float:
    """How far a map is from the first one, as a share of its size."""
    size: float = first.norm().item() or 1.0
    return float((made - first).norm().item()) / size


def infidelity(
    score: ClassScore,
    x: Image,
    attribution: Tensor,
    *,
    baseline: Image | None = None,
    scaled: bool = False,
    radius: float = NOISE,
    repeats: int = COUNT,
    seed: int = 0,
) -> Iterator[float]:
    r"""$\frac1K \sum_k (\langle I_k, A \rangle - (f(x) - f(x - I_k)))^2$, K = `repeats`: how badly the map predicts the
    change of the score. Each value of $I_k$ is from $N(0, radius^2)$, in model space. Lower is better, in units of the
    squared score. Yields the mean so far.

    `attribution`, (c, h, w), is a gradient or a mean of gradients (unit f/x). One that is multiplied by x - b needs its
    `baseline` b, and is divided by x - b again; where that is 0, by 1. `scaled`: the map is first multiplied by the
    factor with which it predicts best, so that maps of different sizes can be compared. `repeats` + 1 forward passes.
    Raises ValueError for a map that is not finite or of another shape, a radius below 0, or `repeats` below 1.
    """
    check(radius, repeats)
    weights = per_unit(x, attribution, baseline)
    start = score.values(x[None]).item()
    predicted: list[float] = []
    true: list[float] = []
    for change in normals(x, radius, repeats, seed):
        predicted.append(product(change, weights))
        true.append(start - score.values((x - change.to(x))[None]).item())
        yield error_of(predicted, true, scaled)


def per_unit(x: Image, attribution: Tensor, baseline: Image | None) -> Tensor:
    """The map per unit of the image, float64 on the CPU."""
    if attribution.shape != x.shape:
        raise ValueError(f"the map is {tuple(attribution.shape)} but the image is {tuple(x.shape)}; use equal shapes")
    check_finite(attribution)
    share = torch.ones_like(x) if baseline is None else x - baseline.to(x)
    return (attribution.to(x) / torch.where(share == 0, 1, share)).cpu().double()


def normals(x: Image, radius: float, repeats: int, seed: int) -> Iterator[Tensor]:
    """The changes of infidelity, on the CPU."""
    return (radius * normal(Purpose.NEARBY, seed, k, tuple(x.shape)) for k in range(repeats))


def product(change: Tensor, weights: Tensor) -> float:
    return (change.double() * weights).sum().item()


def error_of(predicted: Sequence[float], true: Sequence[float], scaled: bool) -> float:
    """The mean squared error of the prediction."""
    factor = _best(predicted, true) if scaled else 1.0
    return math.fsum((factor * p - t) ** 2 for p, t in zip(predicted, true, strict=True)) / len(true)


def _best(predicted: Sequence[float], true: Sequence[float]) -> float:
    """The factor that makes the squared error smallest; 1 for a map that predicts nothing."""
    squares = sum(p * p for p in predicted)
    return sum(p * t for p, t in zip(predicted, true, strict=True)) / squares if squares else 1.0


def check(radius: float, repeats: int) -> None:
    if not radius >= 0 or repeats < 1:
        raise ValueError(f"radius={radius} and repeats={repeats}: use a radius of at least 0, and at least one repeat")


def inside(heatmap: Heatmap, box: Box) -> tuple[float, float]:
    """The share of |heatmap| inside the box, and the share of the area that the box has, both 0 to 1.

    A map that knows nothing of the box has about equal shares. The first is NaN for a map of zeros. Raises ValueError
    for a box that is empty or not inside the map.
    """
    height, width = heatmap.shape
    left, top, right, bottom = box
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"box={box} must be left < right <= {width} and top < bottom <= {height}, from 0")
    sizes = heatmap.detach().cpu().double().abs()
    total = sizes.sum().item()
    share = sizes[top:bottom, left:right].sum().item() / total if total else math.nan
    return share, (right - left) * (bottom - top) / (height * width)

"""Baselines, the images where paths start: built in pixel space and then normalised.

"Zero" is ambiguous in the literature: `black` is zero before normalisation, `mean` is zero after it.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Annotated, Protocol, runtime_checkable

import torch
import torchvision.transforms.v2.functional as transforms
from torch import Tensor

from attribution.engine.devices import uncast
from attribution.engine.random_numbers import Purpose, uniform
from attribution.images import denormalise, normalise
from attribution.registry import Range
from attribution.types import Image


@runtime_checkable
class Space(Protocol):
    """The mean and std of a model's input space, one value per channel."""

    @property
    def mean(self) -> Sequence[float]: ...
    @property
    def std(self) -> Sequence[float]: ...


@dataclass(frozen=True)
class Baseline:
    """An image in model space, and what identifies it in the keys of the store."""

    key: Hashable
    image: Image = field(compare=False, repr=False)


def black(pixels: Image, mean: Sequence[float]) -> Image:
    return pixels.new_zeros(pixels.shape)


def white(pixels: Image, mean: Sequence[float]) -> Image:
    return pixels.new_ones(pixels.shape)


def mean_colour(pixels: Image, mean: Sequence[float]) -> Image:
    """The mean of the training images: zero in model space."""
    return pixels.new_tensor(mean)[:, None, None].expand_as(pixels).clone()


def blurred(pixels: Image, mean: Sequence[float]) -> Image:
    """The image blurred by a Gaussian whose std is 1/20 of the short side."""
    short = min(pixels.shape[-2:])
    sigma = short / 20
    radius = min(max(1, round(3 * sigma)), short - 1)
    with uncast(pixels.device):
        return transforms.gaussian_blur(pixels, [2 * radius + 1] * 2, [sigma] * 2) if radius else pixels


CONSTANT: dict[str, Callable[[Image, Sequence[float]], Image]] = {
    "black": black,
    "white": white,
    "mean": mean_colour,
    "blurred": blurred,
}
BASELINES = (*CONSTANT, "uniform")
Draws = Annotated[int, Range(1, 20), "N, how many noise baselines are averaged"]
"""The knob of methods and metrics that average over baselines; it affects only the baseline "uniform"."""


def make_baselines(space: Space, x: Image, kind: str | Tensor, draws: int = 1, seed: int = 0) -> tuple[Baseline, ...]:
    """The baselines for x of the given kind, in model space: `draws` of them for "uniform", otherwise one.

    "uniform" is noise in [0, 1) in pixel space, independent for each pixel and channel. A tensor is used as it is: in
    model space, with the shape of x. Raises ValueError if its shape differs or a value is not finite.
    """
    if isinstance(kind, Tensor):
        if kind.shape != x.shape:
            raise ValueError(f"the baseline is {tuple(kind.shape)} but the image is {tuple(x.shape)}; use equal shapes")
        if not kind.isfinite().all():
            raise ValueError("the baseline holds NaN or infinity; check how it was made")
        return (Baseline(("tensor", fingerprint(kind)), kind.detach().to(x)),)
    if kind == "uniform":
        noise = [uniform(Purpose.BASELINE, seed, n, tuple(x.shape)) for n in range(draws)]
        return tuple(Baseline((kind, seed, n), normalise(b.to(x), space.mean, space.std)) for n, b in enumerate(noise))
    pixels = CONSTANT[kind](denormalise(x, space.mean, space.std), space.mean)
    return (Baseline((kind,), normalise(pixels, space.mean, space.std)),)


def fingerprint(image: Tensor) -> str:
    """A hash of an image's shape, type and values."""
    values = image.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
    return blake2b(values, digest_size=16, key=f"{tuple(image.shape)} {image.dtype}".encode()[:64]).hexdigest()

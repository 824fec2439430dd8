"""The nouns that pass between the rooms: images, heatmaps, batches of evaluated points, partial maps, curves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.integrate import trapezoid
from torch import Tensor

from attribution.quadrature import simpson

Image = Float[Tensor, "c h w"]
Images = Float[Tensor, "n c h w"]
Scores = Float[Tensor, " n"]
Heatmap = Float[Tensor, "h w"]
Pixels = Float[Tensor, "*n c h w"]
"""Colours in [0, 1], one image or a batch."""


@dataclass(frozen=True)
class Batch:
    """Some points of a plan with f_c and its gradient there."""

    indices: range
    values: Scores
    gradients: Images
    make_points: Callable[[], Tensor] = field(repr=False)

    @cached_property
    def points(self) -> Images:
        """Made when first asked for: a map that needs only gradients never pays for them."""
        return self.make_points()


@dataclass(frozen=True, eq=False)
class Partial:
    """A map so far, in units of f_c; the last one of a run is the answer. Equal to itself alone.

    `done` of `total` points are in it; `evaluations` gradients were computed for it, the others were remembered.
    """

    attribution: Image
    done: int
    total: int
    evaluations: int
    target: int

    @property
    def complete(self) -> bool:
        return self.done == self.total


Run = Iterator[Partial]


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a measured curve; `note` says what a reader must know before comparing it. Equal to itself alone.

    `ticks` name the points along x where their places are no numbers of their own.
    """

    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    note: str = ""
    ticks: tuple[str, ...] = ()

    @property
    def area(self) -> float:
        """The area under the curve by Simpson's rule."""
        return simpson(self.x, self.y)


class LinearCurve(Curve):
    """A curve whose area is that under straight lines, as its literature has it."""

    @property
    def area(self) -> float:
        """The area under the curve by the trapezoid rule."""
        return float(trapezoid(self.y, self.x))

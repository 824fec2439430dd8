"""Types that the other modules share: images, heatmaps, batches of evaluated points, partial results, curves."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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
"""One image or a batch, in pixel space [0, 1] or in model space."""


@dataclass(frozen=True)
class Batch:
    """A batch of points of a plan, with f_c and its gradient at each point."""

    indices: range
    values: Scores
    gradients: Images
    make_points: Callable[[], Tensor] = field(repr=False)

    @cached_property
    def points(self) -> Images:
        """Built on first access: a method that uses only gradients saves this work."""
        return self.make_points()


@dataclass(frozen=True, eq=False)
class Partial:
    """The attribution so far, (c, h, w), in the unit of its method; the last one of a run is the result.

    It covers `done` of `total` points. `evaluations` gradients were computed for it; the others came from the store.
    `halves`: for a mean over noise, the maps of two halves of the draws so far, signed and summed over channels, (2, h,
    w); None if there are no two draws yet. Compared by identity.
    """

    attribution: Image
    done: int
    total: int
    evaluations: int
    target: int
    halves: Float[Tensor, "two h w"] | None = None

    @classmethod
    def of(cls, heatmap: Heatmap, x: Image, target: int) -> "Partial":
        """A finished map that took no gradient: the values (h, w) in equal parts for all channels of x."""
        return cls((heatmap / len(x)).to(x).expand_as(x).clone(), 1, 1, 0, target)

    @property
    def complete(self) -> bool:
        return self.done == self.total


Run = Iterator[Partial]
Stepwise = Iterator[Partial | None]
"""A run with steps before its first map, None each: who shares a worker must not wait long for the end of a step."""


CHART = "application/vnd.plotly.v1+json"
"""The type of a chart in Jupyter. Plotly draws it there; it is not needed here."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a measured curve. `note` is a warning to read before comparing it. Compared by identity.

    `ticks` are labels of the points along x, for curves whose x is only an index.
    """

    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    note: str = ""
    ticks: tuple[str, ...] = ()

    @property
    def area(self) -> float:
        """The area under the curve by Simpson's rule."""
        return simpson(self.x, self.y)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """For Jupyter: a chart, which is drawn where Plotly is installed, and a line of text."""
        area = f"area {self.area:.4g}"
        told = " · ".join(filter(None, [f"a curve of {len(self.x)} points", area, self.note]))
        return {CHART: chart_of({"": self}, area), "text/plain": told}


def chart_of(curves: Mapping[str, Curve], title: str = "", axes: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """Curves by their names as a figure of Plotly, in plain lists and dictionaries. `axes` are titles of x and y."""
    lines = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": curve.x.tolist(), "y": curve.y.tolist()}
        for name, curve in curves.items()
    ]
    across: dict[str, Any] = {"title": {"text": axes[0]}}
    ticks = next((list(curve.ticks) for curve in curves.values() if curve.ticks), [])
    if ticks:
        across |= {"tickvals": list(range(len(ticks))), "ticktext": ticks}
    layout = {"title": {"text": title}, "xaxis": across, "yaxis": {"title": {"text": axes[1]}}}
    return {"data": lines, "layout": layout | {"showlegend": len(curves) > 1}}


def notes(*said: str) -> str:
    """Several notes as one; empty ones are left out."""
    return "; ".join(filter(None, said))


def clear_of(limit: float, value: float, digits: int = 2) -> str:
    """The value with so many decimals, for a sentence that says on which side of the limit it is: with more, if they
    would round it to the limit."""
    value = float(value)
    while round(value, digits) == limit != value:
        digits += 1
    return f"{value:z.{digits}f}"


class LinearCurve(Curve):
    """A curve whose area uses the trapezoid rule, as in the paper of its metric."""

    @property
    def area(self) -> float:
        """The area under the curve by the trapezoid rule."""
        return float(trapezoid(self.y, self.x))

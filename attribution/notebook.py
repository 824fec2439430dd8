"""What Jupyter shows of results: a map with its title and scale, a strip of several maps, and curves as a chart.

A chart is a description that Jupyter draws where Plotly is installed. Plotly is not imported.
"""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
import torch

from attribution.heatmaps import COLOURS, colour, limits, reduce_channels, rescale
from attribution.registry import METRICS
from attribution.types import CHART, Curve, Partial, chart_of

WIDE = 224
"""The width of a map on the page, pixels. Its own pixels are enlarged, not blurred."""
GAP = 8
"""Pixels between the maps of a strip, as one picture."""
BAR = 8
"""The height of the scale, pixels."""


@dataclass(frozen=True, eq=False)
class Explained(Partial):
    """The result of `explain`: the map, and what it is of. In Jupyter it shows itself.

    `title` is that of the method, `category` the explained class, and `unit` the unit of the values: "f" is the score.
    """

    title: str = ""
    category: str = ""
    unit: str = "f"

    @property
    def picture(self) -> np.ndarray:
        """The absolute map in colours, (h, w, 3) uint8."""
        raw = reduce_channels(self.attribution)
        return colour(rescale(raw, limits(raw)), COLOURS["inferno"])

    @property
    def status(self) -> str:
        """How many points it covers."""
        return f"{self.done} points" if self.complete else f"draft: {self.done} of {self.total} points"

    def _repr_png_(self) -> bytes:
        return _png(self.picture)

    def _repr_html_(self) -> str:
        low, high = limits(reduce_channels(self.attribution))
        bar = colour(torch.linspace(0, 1, WIDE, dtype=torch.float64, device="cpu").expand(BAR, -1), COLOURS["inferno"])
        title, category = html.escape(self.title), html.escape(self.category)
        look = f'width="{WIDE}" style="image-rendering:pixelated"'
        return (
            f'<figure style="display:inline-block;margin:0 8px 8px 0;width:{WIDE}px;vertical-align:top">'
            f"<figcaption><b>{title}</b><br><small>{category} · {self.status}</small></figcaption>"
            f'<img src="{_url(self.picture)}" alt="{title}: the map of {category}" {look}>'
            f'<img src="{_url(bar)}" alt="" width="{WIDE}" height="{BAR}">'
            f'<small style="display:flex;justify-content:space-between"><span>{low:.3g}</span>'
            f"<span>{high:.3g} {html.escape(self.unit)}</span></small></figure>"
        )


@dataclass(frozen=True, eq=False)
class Strip:
    """Several results side by side, each with its own scale."""

    maps: tuple[Explained, ...]

    def _repr_png_(self) -> bytes:
        high = max(len(one.picture) for one in self.maps)
        parts: list[np.ndarray] = []
        for one in self.maps:
            picture = one.picture
            padded = np.full((high, picture.shape[1] + GAP, 3), 255, np.uint8)
            padded[: len(picture), :-GAP] = picture
            parts.append(padded)
        return _png(np.concatenate(parts, axis=1)[:, :-GAP])

    def _repr_html_(self) -> str:
        return f"<div>{''.join(one._repr_html_() for one in self.maps)}</div>"


@dataclass(frozen=True, eq=False)
class Chart:
    """Curves by their names, drawn together."""

    curves: Mapping[str, Curve]
    metric: str = ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        entry = METRICS.get(self.metric)
        axes = entry.axes if entry is not None else None
        titles = (axes.x, axes.y) if axes else ("", "")
        said = [f"{name}: area {curve.area:.4g}" for name, curve in self.curves.items()]
        title = entry.title if entry is not None else ""
        return {CHART: chart_of(self.curves, title, titles), "text/plain": "; ".join(filter(None, [title, *said]))}


def strip(*maps: Explained) -> Strip:
    """The maps side by side, in Jupyter. Raises ValueError if there is none, or for what is no result of `explain`."""
    check_results("strip", maps)
    return Strip(maps)


def check_results(name: str, maps: Sequence[object]) -> None:
    """Raises ValueError, with the name of the function that was called, unless there are results of `explain` only."""
    other = [type(one).__name__ for one in maps if not isinstance(one, Explained)]
    if other or not maps:
        given = f"; this is a {other[0]}" if other else ""
        raise ValueError(f"{name}: give one or more results of explain, each as its own argument{given}")


def chart(curves: Mapping[str, Curve], metric: str = "") -> Chart:
    """The curves in one chart, in Jupyter. `metric` is the name of their metric, for the titles of the axes.

    Raises ValueError for an unknown metric, or one that is no curve.
    """
    if metric and (metric not in METRICS or METRICS[metric].axes is None):
        known = [name for name, entry in METRICS.items() if entry.axes is not None]
        raise ValueError(f"metric {metric!r} has no curve; use one of {', '.join(known)}")
    return Chart(dict(curves), metric)


def _png(picture: np.ndarray) -> bytes:
    made = io.BytesIO()
    PIL.Image.fromarray(picture).save(made, "PNG")
    return made.getvalue()


def _url(picture: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(_png(picture)).decode()

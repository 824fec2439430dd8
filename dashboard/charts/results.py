"""Areas of many photos: mean curves with bands, means, and differences photo by photo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.lines import Axes
from dashboard.charts.looks import COLOURS, DASHES, GREY, style
from dashboard.charts.styles import LAYOUT, Trace, axis, chart, scatter

Band = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A mean curve, and the lower and upper edge of its band."""
Look = tuple[str, str]
"""Colour and dash."""


@dataclass(frozen=True)
class Point:
    """A method's mean areas over photos, each with the ends of its interval."""

    name: str
    autvc: tuple[float, float, float]
    aupc: tuple[float, float, float]


def looks(series: Sequence[tuple[str, str]]) -> dict[str, Look]:
    """(name, method) of each series -> its colour and dash. A method looks the same in all charts.

    If a method occurs several times, its first series keeps the look, and the others get free looks.
    """
    found: dict[str, Look] = {}
    for name, method in series:
        colour, dash, _ = style(method)
        if (colour, dash) not in found.values():
            found[name] = (colour, dash)
    taken = set(found.values()) | {style(method)[:2] for _, method in series}
    free = ((colour, dash) for dash, colour in product(DASHES, COLOURS) if (colour, dash) not in taken)
    return {name: found[name] if name in found else next(free, (GREY, "dot")) for name, _ in series}


def bands(lines: Mapping[str, Band], paint: Mapping[str, Look], axes: Axes, ticks: Sequence[str] = ()) -> go.Figure:
    """Mean curves with bands over the usual range of x. Without such a range, `ticks` name the points."""
    traces = []
    for name, (mean, low, high) in lines.items():
        colour, dash = paint[name]
        x = [float(value) for value in np.linspace(*(axes.x_range or (0.0, len(mean) - 1.0)), num=len(mean))]
        edge = scatter(
            x=[*x, *x[::-1]],
            y=[*map(float, high), *map(float, low[::-1])],
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
        )
        middle = scatter(
            x=x,
            y=[float(value) for value in mean],
            name=name,
            legendgroup=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="%{y:.3f}",
        )
        traces += [edge, middle]
    named = {"tickvals": list(range(len(ticks))), "ticktext": list(ticks)} if ticks else {}
    return chart(traces, xaxis=axis(axes.x, **named), yaxis=axis(axes.y), **_below(traces))


def means(points: Sequence[Point], paint: Mapping[str, Look], labels: tuple[str, str]) -> go.Figure:
    """The two mean areas of each method with intervals. Methods that are not in `paint` are grey."""
    across, up = labels
    traces = []
    ordered = sorted(points, key=lambda point: point.name in paint)
    for point in ordered:
        colour = paint[point.name][0] if point.name in paint else GREY
        bars = {
            f"error_{axis}": {
                "type": "data",
                "array": [high - value],
                "arrayminus": [value - low],
                "thickness": 1,
                "width": 3,
            }
            for axis, (value, low, high) in (("x", point.autvc), ("y", point.aupc))
        }
        traces.append(
            scatter(
                x=[point.autvc[0]],
                y=[point.aupc[0]],
                name=point.name,
                mode="markers",
                showlegend=point.name in paint,
                opacity=1 if point.name in paint else 0.45,
                marker={"color": colour, "size": 9},
                hovertemplate=f"{point.name}<br>{across} %{{x:.2f}}, {up} %{{y:.2f}}<extra></extra>",
                **bars,
            )
        )
    return chart(traces, xaxis=axis(across), yaxis=axis(up), hovermode="closest", **_below(traces))


def differences(values: Sequence[tuple[str, float]], name: str) -> go.Figure:
    """(photo, difference) as bars, lowest first. Below zero, the first method has the lower value."""
    ordered = sorted(range(len(values)), key=lambda k: values[k][1])
    bars = {
        "type": "bar",
        "x": list(range(len(values))),
        "y": [values[k][1] for k in ordered],
        "customdata": [[k, values[k][0]] for k in ordered],
        "marker": {"color": [COLOURS[0] if values[k][1] < 0 else COLOURS[5] for k in ordered]},
        "hovertemplate": "%{customdata[1]}: %{y:+.2f}<extra></extra>",
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
    }
    return chart(
        [bars],
        xaxis=axis("photos", showticklabels=False),
        yaxis=axis(name),
        showlegend=False,
        hovermode="closest",
    )


def _below(traces: Sequence[Trace]) -> dict[str, Any]:
    """The layout with the legend below the chart, one name per line, because names can be long."""
    named = sum(trace.get("showlegend", True) for trace in traces)
    legend = {"orientation": "v", "yanchor": "top", "y": -0.25, "x": 0, "font": {"size": 11}}
    return {"height": 320 + 20 * named, "legend": {**LAYOUT["legend"], **legend}}

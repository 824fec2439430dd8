"""All finished maps of a session, as points."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.looks import style
from dashboard.charts.styles import axis, chart, scatter


@dataclass(frozen=True)
class Point:
    """A finished map: its two areas, its setting as text, and whether it can be compared with those on screen.

    `number` is what a click on it says.
    """

    number: int
    method: str
    title: str
    autvc: float
    aupc: float
    words: str
    present: bool


def areas(points: Sequence[Point], labels: tuple[str, str]) -> go.Figure:
    """One area of each map against the other. The data of each point contains its number, its setting and its name."""
    across, up = labels
    traces = []
    for method, title in dict.fromkeys((point.method, point.title) for point in points):
        own = [point for point in points if point.method == method]
        colour, _, marker = style(method)
        opacity = [1 if point.present else 0.3 for point in own]
        traces.append(
            scatter(
                x=[point.autvc for point in own],
                y=[point.aupc for point in own],
                customdata=[[point.number, point.words, _name(point, across, up)] for point in own],
                name=title,
                mode="markers",
                marker={"color": colour, "symbol": marker, "size": 11, "opacity": opacity},
                hovertemplate=f"%{{customdata[1]}}<br>{across} %{{x:.2f}}, {up} %{{y:.2f}}",
            )
        )
    return chart(traces, xaxis=axis(across), yaxis=axis(up), hovermode="closest")


def _name(point: Point, across: str, up: str) -> str:
    there = "" if point.present else " · of another photo, class, score or model"
    return f"{point.title} · {point.words} · {up} {point.aupc:.2f}, {across} {point.autvc:.2f}{there}"

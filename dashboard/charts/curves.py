"""The curves of a metric, one line for each method."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.lines import Axes, Line
from dashboard.charts.looks import BAND, style
from dashboard.charts.styles import Trace, axis, chart, scatter

MARKED = 40
"""Curves of at most this many points have a marker at each point."""
ROOM = 1 / 60
"""The margin at both ends of an axis, as a share of its range."""


def curves(lines: Sequence[Line], axes: Axes) -> go.Figure:
    """The curves of one metric. The axes do not change while the curves grow."""
    ticks = next((line.ticks for line in lines if line.ticks), ())
    low, high = axes.x_range or (0.0, float(max(len(ticks) - 1, 1)))
    room = ROOM * (high - low) if axes.x_range else 0.2
    named = {"tickvals": list(range(len(ticks))), "ticktext": list(ticks)} if ticks else {}
    heights = [float(v) for line in lines for edge in (line.y, line.low, line.high) for v in edge]
    return chart(
        [trace for line in lines for trace in (*_band(line), _curve(line))],
        xaxis=axis(axes.x, range=[low - room, high + room], **named),
        yaxis=axis(axes.y, range=_fit(heights, *axes.y_range)),
    )


def _band(line: Line) -> list[Trace]:
    """Its lower and its upper edge; the area between them is filled. Nothing for a line without a band."""
    shared = {"mode": "lines", "line": {"width": 0}, "fillcolor": BAND, "hoverinfo": "skip", "showlegend": False}
    x = [float(value) for value in line.x]
    edges = (line.low, line.high) if len(line.low) else ()
    return [
        scatter(x=x, y=[float(value) for value in edge], fill="tonexty" if k else None, **shared)
        for k, edge in enumerate(edges)
    ]


def _curve(line: Line) -> Trace:
    colour, dash, marker = style(line.method)
    return scatter(
        x=[float(value) for value in line.x],
        y=[float(value) for value in line.y],
        name=line.title,
        mode="lines+markers" if len(line.y) <= MARKED else "lines",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "symbol": marker, "size": 6},
        hovertemplate="%{y:.3f}",
        # A click on a point must not fade the other points.
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _fit(values: list[float], low: float, high: float) -> list[float]:
    """The usual range with a margin. If the values need more, it grows in steps of 0.25."""
    bottom, top, room = min([low, *values]), max([high, *values]), ROOM * (high - low)
    return [
        low - room if bottom >= low else bottom // 0.25 * 0.25,
        high + room if top <= high else -(-top // 0.25) * 0.25,
    ]

"""The curves of a metric, one line for each method."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.lines import Axes, Line
from dashboard.charts.looks import BAND, style
from dashboard.charts.styles import dress

MARKED = 40
"""Curves of at most this many points have a marker at each point."""
ROOM = 1 / 60
"""The margin at both ends of an axis, as a share of its range."""


def curves(lines: Sequence[Line], axes: Axes) -> go.Figure:
    """The curves of one metric. The axes do not change while the curves grow."""
    figure = go.Figure()
    for line in lines:
        colour, dash, marker = style(line.method)
        for k, edge in enumerate((line.low, line.high) if len(line.low) else ()):
            figure.add_scatter(
                x=[float(value) for value in line.x],
                y=[float(value) for value in edge],
                mode="lines",
                line={"width": 0},
                fill="tonexty" if k else None,
                fillcolor=BAND,
                hoverinfo="skip",
                showlegend=False,
            )
        figure.add_scatter(
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
    ticks = next((line.ticks for line in lines if line.ticks), ())
    low, high = axes.x_range or (0.0, float(max(len(ticks) - 1, 1)))
    room = ROOM * (high - low) if axes.x_range else 0.2
    figure.update_xaxes(title_text=axes.x, range=[low - room, high + room])
    if ticks:
        figure.update_xaxes(tickvals=list(range(len(ticks))), ticktext=list(ticks))
    heights = [float(v) for line in lines for edge in (line.y, line.low, line.high) for v in edge]
    figure.update_yaxes(title_text=axes.y, range=_fit(heights, *axes.y_range))
    dress(figure)
    return figure


def _fit(values: list[float], low: float, high: float) -> list[float]:
    """The usual range with a margin. If the values need more, it grows in steps of 0.25."""
    bottom, top, room = min([low, *values]), max([high, *values]), ROOM * (high - low)
    return [
        low - room if bottom >= low else bottom // 0.25 * 0.25,
        high + room if top <= high else -(-top // 0.25) * 0.25,
    ]

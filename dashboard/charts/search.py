"""The chart of the search for sigma."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.looks import style
from dashboard.charts.styles import axis, chart, scatter


def search(trials: Sequence[tuple[float, float, bool]], objective: str) -> go.Figure:
    """(sigma, area, accepted) of each evaluation, numbered in order. A line joins the accepted ones."""
    colour = style("smooth_taylor")[0]
    taken = [(sigma, area) for sigma, area, accepted in trials if accepted]
    path = scatter(
        x=[sigma for sigma, _ in taken],
        y=[area for _, area in taken],
        mode="lines",
        line={"color": colour, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
    best = min(taken, key=lambda one: one[1])
    points = scatter(
        x=[sigma for sigma, _, _ in trials],
        y=[area for _, area, _ in trials],
        text=[str(number) for number in range(1, len(trials) + 1)],
        mode="markers+text",
        textposition="top center",
        marker={
            "size": [13 if (sigma, area) == best else 8 for sigma, area, _ in trials],
            "symbol": [
                "star" if (s, a) == best else "circle" if accepted else "circle-open" for s, a, accepted in trials
            ],
            "color": colour,
        },
        hovertemplate="σ %{x:.4g}: %{y:.3f}",
    )
    return chart([path, points], xaxis=axis("σ"), yaxis=axis(objective), showlegend=False, hovermode="closest")

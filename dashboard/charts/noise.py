"""The agreement of two halves of the samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.looks import GREY, style
from dashboard.charts.styles import axis, chart, scatter


@dataclass(frozen=True)
class Agreement:
    """The agreement of a method's halves against the number of samples. `antithetic`: each draw with both signs."""

    method: str
    title: str
    antithetic: bool
    counts: Sequence[int]
    values: Sequence[float]


def agreement(lines: Sequence[Agreement], samples: int, enough: float) -> go.Figure:
    """One line for each method. The lines of antithetic sampling (±ε) are dotted."""
    traces = []
    for line in lines:
        colour, _, marker = style(line.method)
        plain = marker.removesuffix("-open")  # a marker of its own may be open
        traces.append(
            scatter(
                x=list(line.counts),
                y=[None if value != value else float(value) for value in line.values],
                name=line.title,
                mode="lines+markers",
                line={"color": colour, "dash": "dot" if line.antithetic else "solid", "width": 2},
                marker={"color": colour, "symbol": f"{plain}-open" if line.antithetic else marker, "size": 7},
                hovertemplate="%{y:.3f}",
            )
        )
    figure = chart(
        traces,
        xaxis=axis("r, samples", range=[0, samples * 1.03 + 1]),
        yaxis=axis("correlation of two halves", range=[-0.25, 1.05]),
    )
    figure.add_hline(enough, line={"color": GREY, "dash": "dash", "width": 1}, annotation_text=f"{enough:g}")
    return figure

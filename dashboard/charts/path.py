"""Charts along a path. The x axis is alpha: 0 is the baseline, 1 the photo."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from attribution import METHODS
from attribution.studies.trace import Detour, Trace
from dashboard.charts.looks import BASELINES, baseline_name, style
from dashboard.charts.styles import dress

CHARTS = (
    (
        "path-scores",
        "Score",
        "logit, IDG's samples, probability",
        "The model decides where the score climbs. IDG takes its samples there (marks between the two charts). "
        "Left-IG uses the part before the dashed line.",
        3,
    ),
    (
        "path-gradients",
        "Slope",
        "the gradient along the path, and its size",
        "F′ is the slope of the score along the path; IDG weights each gradient by it. The gradient can be large where "
        "F′ is small.",
        2,
    ),
    (
        "path-sums",
        "Completeness",
        "the sum so far",
        "With enough steps Integrated Gradients sums to f(x) − f(b), the dotted lines. A small gap does not prove that "
        "the map is right.",
        1,
    ),
    (
        "path-guided",
        "Two paths",
        "that of Guided IG beside the straight one",
        "It first moves the features with the smallest gradients, and stays within max_dist of the straight path.",
        2,
    ),
)
"""Name, title, gloss, note and rows of each chart."""

Traces = Mapping[str, Trace]
"""Traces by baseline."""


def scores(traces: Traces, rug: Sequence[float]) -> go.Figure:
    """Logit, IDG's samples (`rug`) and probability."""
    figure = make_subplots(rows=3, shared_xaxes=True, row_heights=[0.54, 0.04, 0.42], vertical_spacing=0.03)
    for baseline, trace in traces.items():
        x = [0.0, *trace.alphas, 1.0]
        ends, chances = trace.ends, trace.chances
        logits, odds = [ends[0], *trace.scores, ends[1]], [chances[0], *trace.probabilities, chances[1]]
        drawn = len(x) if trace.complete else len(x) - 1  # no line over the part that is not computed yet
        _line(figure, 1, baseline, x[:drawn], logits[:drawn])
        _line(figure, 3, baseline, x[:drawn], odds[:drawn], legend=False)
    if rug:
        figure.add_scatter(
            x=list(rug),
            y=[0.0] * len(rug),
            name="IDG's samples",
            mode="markers",
            marker={"symbol": "line-ns", "size": 9, "line": {"width": 1.5, "color": style("idg")[0]}},
            hovertemplate="IDG samples α = %{x:.3f}<extra></extra>",
            row=2,
            col=1,
        )
    figure.update_yaxes(title_text="logit", row=1, col=1)
    figure.update_yaxes(visible=False, range=[-1, 1], row=2, col=1)
    figure.update_yaxes(title_text="probability", range=[-0.04, 1.04], row=3, col=1)
    _finish(figure, 3)
    return figure


def gradients(traces: Traces) -> go.Figure:
    """The slope of the score along the path, and the norm of the gradient."""
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06)
    for baseline, trace in traces.items():
        _line(figure, 1, baseline, trace.alphas, trace.slopes)
        _line(figure, 2, baseline, trace.alphas, trace.sizes, legend=False)
    figure.update_yaxes(title_text="F′(α)", row=1, col=1)
    figure.update_yaxes(title_text="‖∇f‖", rangemode="tozero", row=2, col=1)
    _finish(figure, 2)
    return figure


def sums(traces: Traces) -> go.Figure:
    """The sum of the attribution so far, and f(x) − f(b), which it should reach."""
    figure = make_subplots(rows=1)
    for baseline, trace in traces.items():
        _line(figure, 1, baseline, [0.0, *trace.alphas], [0.0, *trace.sums])
        colour, _ = BASELINES[baseline]
        figure.add_hline(trace.climb, line={"color": colour, "dash": "dot", "width": 1})
    figure.update_yaxes(title_text="sum so far; dotted: f(x) − f(b)", row=1, col=1)
    _finish(figure, 1)
    return figure


def guided(baseline: str, trace: Trace, detour: Detour) -> go.Figure:
    """Guided IG's path beside the straight one: the logit along both, and the distance between them."""
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06)
    _line(figure, 1, baseline, trace.alphas, trace.scores, called="straight")
    colour, dash, _ = style("guided_ig")
    for row, values in ((1, detour.scores), (2, 100 * detour.distances)):
        figure.add_scatter(
            x=list(detour.alphas),
            y=[float(value) for value in values],
            name=METHODS["guided_ig"].title,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            showlegend=row == 1,
            hovertemplate="%{y:.3f}",
            row=row,
            col=1,
        )
    met = [*trace.ends, *trace.scores, *detour.scores]
    low, high = min(met), max(met)
    room = 0.15 * (high - low) or 1.0
    figure.update_yaxes(title_text="logit", range=[low - room, high + room], row=1, col=1)
    figure.update_yaxes(title_text="distance, % of the path", rangemode="tozero", row=2, col=1)
    _finish(figure, 2)
    return figure


def _line(
    figure: go.Figure,
    row: int,
    baseline: str,
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    legend: bool = True,
    called: str = "",
) -> None:
    colour, dash = BASELINES[baseline]
    figure.add_scatter(
        x=[float(value) for value in x],
        y=[float(value) for value in y],
        name=called or f"from {baseline_name(baseline)}",
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "size": 4},
        showlegend=legend,
        hovertemplate="%{y:.3f}",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        row=row,
        col=1,
    )


def height(rows: int) -> int:
    """The height of a chart, pixels."""
    return 220 + 120 * min(rows, 2)


def _finish(figure: go.Figure, rows: int) -> None:
    figure.update_xaxes(range=[-0.02, 1.02])
    figure.update_xaxes(title_text="α, from the baseline (0) to the photo (1)", row=rows, col=1)
    dress(figure)
    figure.update_layout(height=height(rows))

"""Charts along a path. The x axis is alpha: 0 is the baseline, 1 the photo."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from attribution import METHODS
from attribution.studies.trace import Detour, Trace
from dashboard.charts.looks import BASELINES, baseline_name, style
from dashboard.charts.styles import axis, chart, scatter

CHARTS = (
    (
        "path-scores",
        "Score",
        "logit, IDG's samples, probability",
        "The model decides where the score climbs. The marks between the two charts are IDG's samples: {samples}. "
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
"""Name, title, gloss, note and rows of each chart. A note can take `samples`, which is one of `SAMPLES`."""
SAMPLES = {
    "adaptive": "more where the score changes",
    "uniform": "spread evenly",
    "reference": "placed as in the released code, where later ones can lie too near the baseline",
}
"""Where the samples of IDG lie, by its setting `sampling`."""

Traces = Mapping[str, Trace]
"""Traces by baseline."""


def scores(traces: Traces, rug: Sequence[float]) -> go.Figure:
    """Logit, IDG's samples (`rug`) and probability."""
    drawn = []
    for baseline, trace in traces.items():
        x = [0.0, *trace.alphas, 1.0]
        ends, chances = trace.ends, trace.chances
        logits, odds = [ends[0], *trace.scores, ends[1]], [chances[0], *trace.probabilities, chances[1]]
        there = len(x) if trace.complete else len(x) - 1  # no line over the part that is not computed yet
        drawn += [
            _line(1, baseline, x[:there], logits[:there]),
            _line(3, baseline, x[:there], odds[:there], legend=False),
        ]
    if rug:
        mark = {"symbol": "line-ns", "size": 9, "line": {"width": 1.5, "color": style("idg")[0]}}
        samples = scatter(
            x=list(rug),
            y=[0.0] * len(rug),
            name="IDG's samples",
            mode="markers",
            marker=mark,
            hovertemplate="IDG samples α = %{x:.3f}<extra></extra>",
            **_row(2),
        )
        drawn.append(samples)
    axes = (axis("logit"), {"visible": False, "range": [-1, 1]}, axis("probability", range=[-0.04, 1.04]))
    return _chart(drawn, axes, heights=(0.54, 0.04, 0.42), spacing=0.03)


def gradients(traces: Traces) -> go.Figure:
    """The slope of the score along the path, and the norm of the gradient."""
    drawn = []
    for baseline, trace in traces.items():
        drawn += [
            _line(1, baseline, trace.alphas, trace.slopes),
            _line(2, baseline, trace.alphas, trace.sizes, legend=False),
        ]
    return _chart(drawn, (axis("F′(α)"), axis("‖∇f‖", rangemode="tozero")))


def sums(traces: Traces) -> go.Figure:
    """The sum of the attribution so far, and f(x) − f(b), which it should reach."""
    drawn = [_line(1, baseline, [0.0, *trace.alphas], [0.0, *trace.sums]) for baseline, trace in traces.items()]
    figure = _chart(drawn, (axis("sum so far; dotted: f(x) − f(b)"),))
    for baseline, trace in traces.items():
        colour, _ = BASELINES[baseline]
        figure.add_hline(trace.climb, line={"color": colour, "dash": "dot", "width": 1})
    return figure


def guided(baseline: str, trace: Trace, detour: Detour) -> go.Figure:
    """Guided IG's path beside the straight one: the logit along both, and the distance between them."""
    colour, dash, _ = style("guided_ig")
    bent = [
        scatter(
            x=list(detour.alphas),
            y=[float(value) for value in values],
            name=METHODS["guided_ig"].title,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            showlegend=row == 1,
            hovertemplate="%{y:.3f}",
            **_row(row),
        )
        for row, values in ((1, detour.scores), (2, 100 * detour.distances))
    ]
    met = [*trace.ends, *trace.scores, *detour.scores]
    low, high = min(met), max(met)
    room = 0.15 * (high - low) or 1.0
    axes = (axis("logit", range=[low - room, high + room]), axis("distance, % of the path", rangemode="tozero"))
    return _chart([_line(1, baseline, trace.alphas, trace.scores, called="straight"), *bent], axes)


def _line(
    row: int,
    baseline: str,
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    legend: bool = True,
    called: str = "",
) -> dict[str, Any]:
    colour, dash = BASELINES[baseline]
    return scatter(
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
        **_row(row),
    )


def _row(row: int) -> dict[str, str]:
    """The axes of a row, as a trace names them."""
    number = _number(row)
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def _number(row: int) -> str:
    """Plotly does not number the first axis."""
    return "" if row == 1 else str(row)


def height(rows: int) -> int:
    """The height of a chart, pixels."""
    return 220 + 120 * min(rows, 2)


def _chart(
    traces: list[dict[str, Any]],
    axes: Sequence[dict[str, Any]],
    heights: Sequence[float] | None = None,
    spacing: float = 0.06,
) -> go.Figure:
    """A chart with a row for each of the `axes`, which are those of y. All rows have one axis of x."""
    layout = dict(_rows(len(axes), heights, spacing))
    for row, given in enumerate(axes, 1):
        x, y = f"xaxis{_number(row)}", f"yaxis{_number(row)}"
        title = axis("α, from the baseline (0) to the photo (1)") if row == len(axes) else {}
        layout |= {x: {**layout[x], **title, "range": [-0.02, 1.02]}, y: {**layout[y], **given}}
    return chart(traces, height=height(len(axes)), **layout)


@cache
def _rows(count: int, heights: Sequence[float] | None, spacing: float) -> Mapping[str, Any]:
    """The places of the axes of rows below each other."""
    made = make_subplots(rows=count, shared_xaxes=True, row_heights=heights, vertical_spacing=spacing)
    return {name: value for name, value in made.layout.to_plotly_json().items() if name != "template"}

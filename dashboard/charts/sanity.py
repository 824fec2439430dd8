"""How alike maps stay while layers become random, and while the weights get noise; and a figure of each method."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.looks import GREY, style
from dashboard.charts.styles import Trace, axis, chart, scatter

SCORE = "share of the probability"
"""Of the class: what is left of it, as a share of the model's own."""


@dataclass(frozen=True)
class Kept:
    """The similarity of a method's maps to that of the model, at each x; None where it is not defined. `low` and `high`
    are a band, or empty."""

    method: str
    title: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


def stages(lines: Sequence[Kept], counts: Sequence[int], measure: str, shown: str, little: float | None) -> go.Figure:
    """A line for each method over the stages, which stand at equal distances. `little`: where a map changed little."""
    places = {count: place for place, count in enumerate(counts)}
    traces = [_line(line, [places[int(x)] for x in line.x]) for line in lines]
    texts = ["none" if not count else str(count) for count in counts]
    ends = [-0.3, len(counts) - 0.7]
    return _alike(traces, axis(shown, tickvals=list(places.values()), ticktext=texts, range=ends), measure, little)


def noise(lines: Sequence[Kept], score: Kept, measure: str, little: float | None) -> go.Figure:
    """A line with its band for each method over the noise, and what is left of the probability beneath them."""
    traces = []
    for line in lines:
        traces += [*_band(line), _line(line, [100 * x for x in line.x])]
    below = scatter(
        x=[100 * x for x in score.x],
        y=list(score.y),
        name=SCORE,
        mode="lines",
        line={"color": GREY, "dash": "solid", "width": 4},
        opacity=0.6,
        hovertemplate="%{y:.2f}",
    )
    title = "noise, % of the standard deviation of each weight"
    ticks = [1, 2, 5, 10, 20, 50, 100]  # Plotly would write the second 2 for 20
    return _alike([*traces, below], axis(title, type="log", tickvals=ticks), measure, little)


@dataclass(frozen=True)
class Figure:
    """A figure of a method. `value` is None where there is none; `words` are those of the pointer. `note`: what else
    stands in the row."""

    method: str
    title: str
    value: float | None
    words: str
    note: str = ""


def figures(rows: Sequence[Figure], shown: str, edge: float | None = None, edge_words: str = "") -> go.Figure:
    """A row for each method, with a point at its figure. `edge`: a line to compare with."""
    most = max([row.value for row in rows if row.value is not None] + ([edge] if edge is not None else []), default=1.0)
    traces = []
    for row in rows:
        colour, _, marker = style(row.method)
        # A long text at the right end would be cut on a phone.
        side = "left" if row.note and row.value is not None and row.value > most / 2 else "right"
        traces.append(
            scatter(
                x=[0.0 if row.value is None and row.note else row.value],
                y=[row.title],
                mode="markers+text" if row.value is not None else "text",
                text=[" · ".join(filter(None, [f"{row.value:.2f}" if row.value is not None else "", row.note]))],
                textposition=f"middle {side}",
                marker={"color": colour, "symbol": marker, "size": 10},
                hovertemplate=f"{row.title}<br>{row.words}<extra></extra>",
                cliponaxis=False,
            )
        )
    order = {"categoryorder": "array", "categoryarray": [row.title for row in rows][::-1]}
    figure = chart(
        traces,
        xaxis=axis(shown, range=[0, 1.25 * most or 1.0]),
        yaxis={**order, "automargin": True, "range": [-0.6, len(rows) - 0.4]},
        showlegend=False,
        hovermode="closest",
        height=110 + 34 * len(rows),
    )
    if edge is not None:
        line = {"color": GREY, "dash": "dash", "width": 1}
        figure.add_vline(edge, line=line, annotation_text=edge_words, annotation_position="top left")
    return figure


def _line(line: Kept, x: Sequence[float]) -> Trace:
    colour, dash, marker = style(line.method)
    return scatter(
        x=list(x),
        y=list(line.y),
        name=line.title,
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "symbol": marker, "size": 7},
        hovertemplate="%{y:.2f}",
    )


def _band(line: Kept) -> list[Trace]:
    """From the lowest to the highest value, with the gaps of the line; nothing for a line without a band."""
    if not line.low:
        return []
    colour, _, _ = style(line.method)
    x: list[float | None] = []
    y: list[float | None] = []
    for known, run in groupby(zip(line.x, line.low, line.high, strict=True), lambda one: one[1] is not None):
        if known:
            at, low, high = zip(*run, strict=True)
            across = [100 * one for one in at]
            x += [*([None] if x else []), *across, *reversed(across)]
            y += [*([None] if y else []), *high, *reversed(low)]
    band = scatter(
        x=x,
        y=y,
        fill="toself",
        mode="lines",
        line={"color": colour, "width": 0},
        opacity=0.2,
        hoverinfo="skip",
        showlegend=False,
    )
    return [band]


def _alike(traces: list[Trace], across: dict[str, Any], measure: str, little: float | None) -> go.Figure:
    """A chart of similarities, with a line where a map changed little."""
    figure = chart(traces, xaxis=across, yaxis=axis(measure, range=[-0.25, 1.08]))
    if little is not None:
        figure.add_hline(little, line={"color": GREY, "dash": "dash", "width": 1}, annotation_text="changed little")
    return figure

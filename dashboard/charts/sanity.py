"""How alike maps stay while layers become random, and while the weights get noise; and a figure of each method."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.looks import GREY, style
from dashboard.charts.styles import dress

SCORE = "probability of the class"


@dataclass(frozen=True)
class Kept:
    """The similarity of a method's maps to that of the model, at each x. `low` and `high` are a band, or empty."""

    method: str
    title: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def stages(lines: Sequence[Kept], counts: Sequence[int], measure: str, axis: str, little: float | None) -> go.Figure:
    """A line for each method over the stages, which stand at equal distances. `little`: where a map changed little."""
    figure = go.Figure()
    places = {count: place for place, count in enumerate(counts)}
    for line in lines:
        _line(figure, line, [places[int(x)] for x in line.x])
    _finish(figure, measure, little)
    texts = ["none" if not count else str(count) for count in counts]
    ends = [-0.3, len(counts) - 0.7]
    figure.update_xaxes(title_text=axis, tickvals=list(places.values()), ticktext=texts, range=ends)
    return figure


def noise(lines: Sequence[Kept], score: Kept, measure: str, little: float | None) -> go.Figure:
    """A line with its band for each method over the noise, and the probability of the class beneath them."""
    figure = go.Figure()
    for line in lines:
        _band(figure, line)
        _line(figure, line, [100 * x for x in line.x])
    figure.add_scatter(
        x=[100 * x for x in score.x],
        y=list(score.y),
        name=SCORE,
        mode="lines",
        line={"color": GREY, "dash": "solid", "width": 4},
        opacity=0.6,
        hovertemplate="%{y:.2f}",
    )
    _finish(figure, measure, little)
    figure.update_xaxes(title_text="noise, % of the standard deviation of each weight", type="log")
    return figure


@dataclass(frozen=True)
class Figure:
    """A figure of a method. `value` is None where there is none; `words` are those of the pointer."""

    method: str
    title: str
    value: float | None
    words: str


def figures(rows: Sequence[Figure], axis: str, edge: float | None = None, edge_words: str = "") -> go.Figure:
    """A row for each method, with a point at its figure. `edge`: a line to compare with."""
    figure = go.Figure()
    for row in rows:
        colour, _, marker = style(row.method)
        figure.add_scatter(
            x=[row.value],
            y=[row.title],
            mode="markers+text",
            text=[f"{row.value:.2f}" if row.value is not None else ""],
            textposition="middle right",
            marker={"color": colour, "symbol": marker, "size": 10},
            hovertemplate=f"{row.title}<br>{row.words}<extra></extra>",
            cliponaxis=False,
        )
    if edge is not None:
        figure.add_vline(
            edge,
            line={"color": GREY, "dash": "dash", "width": 1},
            annotation_text=edge_words,
            annotation_position="top left",
        )
    dress(figure)
    most = max([row.value for row in rows if row.value is not None] + ([edge] if edge is not None else []), default=1.0)
    figure.update_xaxes(title_text=axis, range=[0, 1.25 * most or 1.0])
    order = [row.title for row in rows]
    figure.update_yaxes(
        categoryorder="array", categoryarray=order[::-1], automargin=True, range=[-0.6, len(rows) - 0.4]
    )
    figure.update_layout(showlegend=False, hovermode="closest", height=110 + 34 * len(rows))
    return figure


def _line(figure: go.Figure, line: Kept, x: Sequence[float]) -> None:
    colour, dash, marker = style(line.method)
    figure.add_scatter(
        x=list(x),
        y=list(line.y),
        name=line.title,
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "symbol": marker, "size": 7},
        hovertemplate="%{y:.2f}",
    )


def _band(figure: go.Figure, line: Kept) -> None:
    """From the lowest to the highest value."""
    if not line.low:
        return
    colour, _, _ = style(line.method)
    x = [100 * at for at in line.x]
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*line.high, *reversed(line.low)],
        fill="toself",
        mode="lines",
        line={"color": colour, "width": 0},
        opacity=0.2,
        hoverinfo="skip",
        showlegend=False,
    )


def _finish(figure: go.Figure, measure: str, little: float | None) -> None:
    if little is not None:
        figure.add_hline(little, line={"color": GREY, "dash": "dash", "width": 1}, annotation_text="changed little")
    figure.update_yaxes(title_text=measure, range=[-0.25, 1.08])
    dress(figure)

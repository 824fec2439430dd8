"""An area against one setting, or over a grid of two settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.looks import BAND, GREY, style
from dashboard.charts.styles import Trace, axis, chart, scatter

ORDERS = "random orders"


@dataclass(frozen=True)
class Areas:
    """The areas of a method, one for each place of a sweep. None: not computed yet, or failed."""

    method: str
    title: str
    areas: tuple[float | None, ...]


def height(beside: int) -> int:
    """The height of a chart with so many methods beside the swept one, pixels: names need room. 0: as usual."""
    return 320 + 14 * beside if beside > 2 else 0


def against(
    values: Sequence[object],
    texts: Sequence[str],
    swept: Areas,
    name: str,
    knob: str,
    control: Sequence[float] = (),
    beside: Sequence[Areas] = (),
) -> go.Figure:
    """An area against a setting, in the order of `values`; thinner, those `beside` it. `control`: of random orders."""
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    plain = len(numbers) == len(values)
    x = list(values) if plain else list(texts)
    traces = [_line(x, one, 1.5, 6, name=one.title) for one in beside]
    # It is drawn last, over the others, and named first.
    traces.append(_line(x, swept, 2, 9, **({"name": swept.title, "legendrank": 1} if beside else {})))
    wide = plain and min(numbers) > 0 and max(numbers) / min(numbers) > 30
    marked = {"tickvals": list(values), "ticktext": list(texts)} if plain else {}
    figure = chart(
        traces,
        xaxis=axis(knob, type="log" if wide else "linear" if plain else "category", **marked),
        yaxis=axis(name),
        showlegend=bool(beside),
        hovermode="closest",
    )
    if control:
        line = {"color": GREY, "dash": "longdash", "width": 1}
        mean = sum(control) / len(control)
        # Among other lines there is no free place for a name.
        named = {"name": ORDERS, "showlegend": True} if beside else {"annotation_text": ORDERS}
        figure.add_hline(mean, line=line, **named)
        figure.add_hrect(min(control), max(control), fillcolor=BAND, line_width=0, layer="below")
    return figure


def _line(x: Sequence[object], of: Areas, width: float, size: int, **named: Any) -> Trace:
    colour, dash, marker = style(of.method)
    return scatter(
        x=list(x),
        y=list(of.areas),
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": width},
        marker={"color": colour, "symbol": marker, "size": size},
        customdata=list(range(len(x))),
        hovertemplate="%{x}: %{y:.3f}",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        **named,
    )


def grid(
    rows: Sequence[str], columns: Sequence[str], areas: Sequence[Sequence[float | None]], names: tuple[str, str, str]
) -> go.Figure:
    """An area over two settings. `names` are the names of rows, columns and area. Low (better) areas are dark."""
    across, down, of = [list(columns) for _ in rows], [[row] * len(columns) for row in rows], names[2]
    heatmap = {
        "type": "heatmap",
        "x": list(columns),
        "y": list(rows),
        "z": [list(line) for line in areas],
        "text": [["" if area is None else f"{area:.2f}" for area in line] for line in areas],
        "texttemplate": "%{text}",
        "colorscale": "Viridis",
        "hoverinfo": "skip",
        "colorbar": {"title": {"text": of}, "thickness": 10},
        "xgap": 2,
        "ygap": 2,
    }
    # Plotly sends no clicks on cells of a heatmap, so invisible points lie over them.
    unseen = {"marker": {"opacity": 0.01}}
    points = scatter(
        x=[x for line in across for x in line],
        y=[y for line in down for y in line],
        mode="markers",
        marker={"size": 34, "symbol": "square", **unseen["marker"]},
        customdata=list(range(len(rows) * len(columns))),
        hovertemplate=f"{names[0]} %{{y}}, {names[1]} %{{x}}<extra></extra>",
        selected=unseen,
        unselected=unseen,
    )
    return chart(
        [heatmap, points],
        xaxis=axis(names[1], type="category"),
        yaxis=axis(names[0], type="category"),
        showlegend=False,
        hovermode="closest",
    )

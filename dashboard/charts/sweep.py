"""An area against one setting, or over a grid of two settings."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.looks import BAND, GREY, style
from dashboard.charts.styles import axis, chart, scatter


def against(
    values: Sequence[object],
    texts: Sequence[str],
    areas: Sequence[float | None],
    method: str,
    name: str,
    knob: str,
    control: Sequence[float] = (),
) -> go.Figure:
    """An area against a setting, in the order of `values`. None: not computed yet. `control`: of random orders."""
    colour, dash, marker = style(method)
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    plain = len(numbers) == len(values)
    trace = scatter(
        x=list(values) if plain else list(texts),
        y=list(areas),
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "symbol": marker, "size": 9},
        customdata=list(range(len(values))),
        hovertemplate="%{x}: %{y:.3f}",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    wide = plain and min(numbers) > 0 and max(numbers) / min(numbers) > 30
    marked = {"tickvals": list(values), "ticktext": list(texts)} if plain else {}
    figure = chart(
        [trace],
        xaxis=axis(knob, type="log" if wide else "linear" if plain else "category", **marked),
        yaxis=axis(name),
        showlegend=False,
        hovermode="closest",
    )
    if control:
        line = {"color": GREY, "dash": "longdash", "width": 1}
        mean = sum(control) / len(control)
        figure.add_hline(mean, line=line, annotation_text="random orders", annotation_font_color=GREY)
        figure.add_hrect(min(control), max(control), fillcolor=BAND, line_width=0, layer="below")
    return figure


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

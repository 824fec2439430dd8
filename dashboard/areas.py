"""Plotly figures of areas: against a knob, over a grid, of many photos. Without Streamlit and torch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import STYLES, dress

GREY = STYLES["random_order"][0]
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A8F98", "#B8A900")
Names = tuple[str, str]
Band = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A mean curve, and the edges below and above it."""


@dataclass(frozen=True)
class Point:
    """A method's mean areas over photos, each with the ends of its interval."""

    name: str
    autvc: tuple[float, float, float]
    aupc: tuple[float, float, float]


def against(
    values: Sequence[object],
    texts: Sequence[str],
    areas: Sequence[float | None],
    method: str,
    name: str,
    knob: str,
    control: float | None = None,
) -> go.Figure:
    """An area against a knob, in the order of `values`; None is not there yet. `control` is that of a random order."""
    colour, dash, marker = STYLES[method]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    plain = len(numbers) == len(values)
    figure = go.Figure()
    figure.add_scatter(
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
    if control is not None:
        line = {"color": GREY, "dash": "longdash", "width": 1}
        figure.add_hline(control, line=line, annotation_text="a random order", annotation_font_color=GREY)
    wide = plain and min(numbers) > 0 and max(numbers) / min(numbers) > 30
    figure.update_xaxes(title_text=knob, type="log" if wide else "linear" if plain else "category")
    if plain:
        figure.update_xaxes(tickvals=list(values), ticktext=list(texts))
    figure.update_yaxes(title_text=name)
    dress(figure)
    figure.update_layout(showlegend=False, hovermode="closest")
    return figure


def grid(
    rows: Sequence[str], columns: Sequence[str], areas: Sequence[Sequence[float | None]], names: tuple[str, str, str]
) -> go.Figure:
    """An area over two knobs, `names` being those of the rows, the columns and the area: dark is low, as is better."""
    across, down, of = [list(columns) for _ in rows], [[row] * len(columns) for row in rows], names[2]
    figure = go.Figure()
    figure.add_heatmap(
        x=list(columns),
        y=list(rows),
        z=[list(line) for line in areas],
        text=[["" if area is None else f"{area:.2f}" for area in line] for line in areas],
        texttemplate="%{text}",
        colorscale="Viridis",
        hoverinfo="skip",
        colorbar={"title": {"text": of}, "thickness": 10},
        xgap=2,
        ygap=2,
    )
    # Cells of a heat map cannot be clicked; points can.
    unseen = {"marker": {"opacity": 0.01}}
    figure.add_scatter(
        x=[x for line in across for x in line],
        y=[y for line in down for y in line],
        mode="markers",
        marker={"size": 34, "symbol": "square", **unseen["marker"]},
        customdata=list(range(len(rows) * len(columns))),
        hovertemplate=f"{names[0]} %{{y}}, {names[1]} %{{x}}<extra></extra>",
        selected=unseen,
        unselected=unseen,
    )
    figure.update_xaxes(title_text=names[1], type="category")
    figure.update_yaxes(title_text=names[0], type="category")
    dress(figure)
    figure.update_layout(showlegend=False, hovermode="closest")
    return figure


def colours(count: int) -> list[tuple[str, str]]:
    """A colour and a dash for each of many lines: eight colours by Okabe and Ito, then again with another dash."""
    dashes = ("solid", "dash", "dot", "dashdot", "longdash")
    return [(PALETTE[k % len(PALETTE)], dashes[k // len(PALETTE) % len(dashes)]) for k in range(count)]


def bands(lines: Mapping[str, Band], ticks: Sequence[str], names: Names) -> go.Figure:
    """Mean curves, each with the edges of its band; `ticks` are under the steps, and `names` those of the axes."""
    figure = go.Figure()
    for (name, (mean, low, high)), (colour, dash) in zip(lines.items(), colours(len(lines)), strict=True):
        steps = list(range(len(mean)))
        figure.add_scatter(
            x=[*steps, *steps[::-1]],
            y=[*map(float, high), *map(float, low[::-1])],
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
        )
        figure.add_scatter(
            x=steps,
            y=[float(value) for value in mean],
            name=name,
            legendgroup=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="%{y:.3f}",
        )
    every = max(1, len(ticks) // 6)
    places = list(range(0, len(ticks), every))
    figure.update_xaxes(title_text=names[0], tickvals=places, ticktext=[ticks[k] for k in places])
    figure.update_yaxes(title_text=names[1])
    _below(figure)
    return figure


def means(points: Sequence[Point], chosen: Collection[str]) -> go.Figure:
    """Every method's mean AUTVC and AUPC with its intervals; those that are `chosen` in colour, by name."""
    figure = go.Figure()
    ordered = sorted(points, key=lambda point: point.name in chosen)
    paint = dict(zip(chosen, colours(len(chosen)), strict=True))
    for point in ordered:
        colour = paint[point.name][0] if point.name in paint else GREY
        bars = {
            f"error_{axis}": {
                "type": "data",
                "array": [high - value],
                "arrayminus": [value - low],
                "thickness": 1,
                "width": 3,
            }
            for axis, (value, low, high) in (("x", point.autvc), ("y", point.aupc))
        }
        figure.add_scatter(
            x=[point.autvc[0]],
            y=[point.aupc[0]],
            name=point.name,
            mode="markers",
            showlegend=point.name in paint,
            opacity=1 if point.name in paint else 0.45,
            marker={"color": colour, "size": 9},
            hovertemplate=f"{point.name}<br>AUTVC %{{x:.2f}}, AUPC %{{y:.2f}}<extra></extra>",
            **bars,
        )
    figure.update_xaxes(title_text="AUTVC")
    figure.update_yaxes(title_text="AUPC")
    _below(figure)
    figure.update_layout(hovermode="closest")
    return figure


def differences(values: Sequence[tuple[str, float]], name: str) -> go.Figure:
    """(photo, difference) as bars, lowest first: below zero the first method is the lower one."""
    ordered = sorted(range(len(values)), key=lambda k: values[k][1])
    figure = go.Figure()
    figure.add_bar(
        x=list(range(len(values))),
        y=[values[k][1] for k in ordered],
        customdata=[[k, values[k][0]] for k in ordered],
        marker={"color": [PALETTE[0] if values[k][1] < 0 else PALETTE[5] for k in ordered]},
        hovertemplate="%{customdata[1]}: %{y:+.2f}<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    figure.update_xaxes(title_text="photos", showticklabels=False)
    figure.update_yaxes(title_text=name)
    dress(figure)
    figure.update_layout(showlegend=False, hovermode="closest")
    return figure


def _below(figure: go.Figure) -> None:
    """Long names go under the chart, one a line."""
    dress(figure)
    named = sum(1 for trace in figure.data if trace.showlegend is not False)
    legend = {"orientation": "v", "yanchor": "top", "y": -0.25, "x": 0, "font": {"size": 11}}
    figure.update_layout(height=320 + 20 * named, legend=legend)

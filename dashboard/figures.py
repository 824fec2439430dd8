"""Plotly figures from curves. Each method has a colour, a dash and a marker of its own. Without Streamlit and torch."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

CONFIG = {"displaylogo": False}
BARE = {"displayModeBar": False}
"""For charts that are clicked: a bar of tools would lie over their upper right points."""
Curves = Mapping[str, Sequence[float] | np.ndarray]
"""The values of each method's curve, at 0, 1, 2, ..."""

GREY = "#8A8F98"
# (colour, dash, marker); colours by Okabe and Ito, and two more. No two methods have colour and dash alike.
STYLES: dict[str, tuple[str, str, str]] = {
    "integrated_gradients": ("#0072B2", "solid", "circle"),
    "smoothgrad": ("#E69F00", "dash", "square"),
    "smooth_taylor": ("#009E73", "dot", "diamond"),
    "left_ig": ("#56B4E9", "solid", "triangle-left"),
    "right_ig": ("#56B4E9", "dot", "triangle-right"),
    "idg": ("#D55E00", "solid", "triangle-up"),
    "guided_ig": ("#CC79A7", "solid", "cross"),
    "agi": ("#7B61C4", "dash", "hexagon"),
    "ggig": ("#B8A900", "solid", "pentagon"),
    "expected_gradients": ("#0072B2", "dash", "circle-open"),
    "blur_ig": ("#009E73", "dash", "diamond-open"),
    "gradient": ("#E69F00", "solid", "square-open"),
    "input_x_gradient": ("#D55E00", "dot", "triangle-down"),
    "lrp": ("#7B61C4", "solid", "hexagon-open"),
    "random_order": (GREY, "longdash", "x"),
    "blank": ("#D55E00", "longdash", "star"),
}
TITLES = {
    "integrated_gradients": "Integrated Gradients",
    "smoothgrad": "SmoothGrad",
    "smooth_taylor": "SmoothTaylor",
    "left_ig": "Left-IG",
    "right_ig": "Right-IG",
    "idg": "IDG",
    "guided_ig": "Guided IG",
    "agi": "AGI",
    "ggig": "GGIG",
    "expected_gradients": "Expected Gradients",
    "blur_ig": "Blur IG",
    "gradient": "Gradient",
    "input_x_gradient": "Input x Gradient",
    "lrp": "LRP",
    "random_order": "Random",
    "blank": "A blank map",
}


def perturbation(curves: Curves, regions: int) -> go.Figure:
    """The score against windows replaced; axes stay while the curves grow."""
    values = [float(v) for curve in curves.values() for v in curve]
    figure = _lines(curves)
    figure.update_xaxes(title_text="windows replaced", range=[-0.5, regions + 0.5])
    figure.update_yaxes(title_text="score / score of the photo", range=_fit(values, 0.5, 1.1))
    return figure


def shares(curves: Curves, x: Sequence[float] | np.ndarray, across: str, along: str) -> go.Figure:
    """Values against a share from 0 to 1; axes stay while the curves grow."""
    values = [float(v) for curve in curves.values() for v in curve]
    figure = _lines(curves, x)
    figure.update_xaxes(title_text=across, range=[-0.02, 1.02])
    figure.update_yaxes(title_text=along, range=_fit(values, -0.02, 1.02))
    return figure


def variation(curves: Curves, sides: Sequence[int]) -> go.Figure:
    """The total variation against the scale, finest first; `sides` are those of the pyramid's levels."""
    values = [float(v) for curve in curves.values() for v in curve]
    figure = _lines(curves)
    figure.update_xaxes(
        title_text="side of the map, pixels",
        tickvals=list(range(len(sides))),
        ticktext=[str(side) for side in sides],
        range=[-0.2, max(len(sides) - 1, 1) + 0.2],
    )
    figure.update_yaxes(title_text="average total variation", range=_fit(values, 0.0, 0.5))
    return figure


def agreement(
    lines: Mapping[tuple[str, bool], tuple[Sequence[int], Sequence[float]]], samples: int, enough: float
) -> go.Figure:
    """How well two halves of the draws agree, for each method and, dotted, with both signs of each draw."""
    figure = go.Figure()
    for (method, antithetic), (counts, values) in lines.items():
        colour, _, marker = STYLES[method]
        figure.add_scatter(
            x=list(counts),
            y=[None if value != value else float(value) for value in values],
            name=TITLES[method] + (" ±ε" if antithetic else ""),
            mode="lines+markers",
            line={"color": colour, "dash": "dot" if antithetic else "solid", "width": 2},
            marker={"color": colour, "symbol": f"{marker}-open" if antithetic else marker, "size": 7},
            hovertemplate="%{y:.3f}",
        )
    figure.add_hline(enough, line={"color": GREY, "dash": "dash", "width": 1}, annotation_text=f"{enough:g}")
    figure.update_xaxes(title_text="r, draws", range=[0, samples * 1.03 + 1])
    figure.update_yaxes(title_text="rank correlation of the halves", range=[-0.05, 1.05])
    dress(figure)
    return figure


def scatter(points: Sequence[tuple[str, float, float, str, bool]]) -> go.Figure:
    """(method, AUTVC, AUPC, what made it, whether it is of the present photo) as points; each knows its place."""
    figure = go.Figure()
    for method in TITLES:
        own = [(k, point) for k, point in enumerate(points) if point[0] == method]
        if not own:
            continue
        colour, _, marker = STYLES[method]
        figure.add_scatter(
            x=[point[1] for _, point in own],
            y=[point[2] for _, point in own],
            customdata=[[k, point[3]] for k, point in own],
            name=TITLES[method],
            mode="markers",
            marker={"color": colour, "symbol": marker, "size": 11, "opacity": [1 if p[4] else 0.3 for _, p in own]},
            hovertemplate="%{customdata[1]}<br>AUTVC %{x:.2f}, AUPC %{y:.2f}",
        )
    figure.update_xaxes(title_text="AUTVC")
    figure.update_yaxes(title_text="AUPC")
    dress(figure)
    figure.update_layout(hovermode="closest")
    return figure


def search(trials: Sequence[tuple[float, float, bool]], objective: str) -> go.Figure:
    """(sigma, area, taken) of each evaluation, numbered in their order; the path joins those that were taken."""
    figure = go.Figure()
    colour = STYLES["smooth_taylor"][0]
    taken = [(sigma, area) for sigma, area, accepted in trials if accepted]
    figure.add_scatter(
        x=[sigma for sigma, _ in taken],
        y=[area for _, area in taken],
        mode="lines",
        line={"color": colour, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )
    best = min(taken, key=lambda one: one[1])
    figure.add_scatter(
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
    figure.update_xaxes(title_text="σ")
    figure.update_yaxes(title_text=objective)
    dress(figure)
    figure.update_layout(showlegend=False, hovermode="closest")
    return figure


def path(scores: Sequence[float]) -> go.Figure:
    """The score at equal steps from the baseline (0) to the photo (1)."""
    figure = go.Figure()
    alphas = [k / (len(scores) - 1) for k in range(len(scores))]
    figure.add_scatter(x=alphas, y=list(scores), mode="lines", line={"color": STYLES["integrated_gradients"][0]})
    figure.update_xaxes(title_text="α, from the black baseline to the photo")
    figure.update_yaxes(title_text="logit of espresso")
    dress(figure)
    figure.update_layout(showlegend=False)
    return figure


def _fit(values: list[float], low: float, high: float) -> list[float]:
    """The usual range, or in steps of a quarter as much more as the values need: it does not creep as they grow."""
    bottom, top = min([low, *values]), max([high, *values])
    return [low if bottom >= low else bottom // 0.25 * 0.25, high if top <= high else -(-top // 0.25) * 0.25]


def _lines(curves: Curves, x: Sequence[float] | np.ndarray | None = None) -> go.Figure:
    """The curves at 0, 1, 2, ... or at the first values of `x`, without a mark at each."""
    figure = go.Figure()
    for method, curve in curves.items():
        colour, dash, marker = STYLES[method]
        figure.add_scatter(
            x=list(range(len(curve))) if x is None else [float(value) for value in x[: len(curve)]],
            y=[float(value) for value in curve],
            name=TITLES[method],
            mode="lines+markers" if x is None else "lines",
            line={"color": colour, "dash": dash, "width": 2},
            marker={"color": colour, "symbol": marker, "size": 6},
            hovertemplate="%{y:.3f}",
            # A clicked point is answered elsewhere: the others need not fade.
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    dress(figure)
    return figure


def dress(figure: go.Figure) -> None:
    figure.update_layout(
        showlegend=True,
        height=320,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "font": {"size": 11}, "itemwidth": 30},
        dragmode=False,
        transition={"duration": 0},
    )

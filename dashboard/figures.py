"""Plotly figures from curves. Each method has a colour, a dash and a marker of its own. Without Streamlit and torch."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

Curves = Mapping[str, Sequence[float] | np.ndarray]
"""The values of each method's curve, at 0, 1, 2, ..."""

# (colour, dash, marker); colours by Okabe and Ito.
STYLES: dict[str, tuple[str, str, str]] = {
    "integrated_gradients": ("#0072B2", "solid", "circle"),
    "smoothgrad": ("#E69F00", "dash", "square"),
    "smooth_taylor": ("#009E73", "dot", "diamond"),
    "random_order": ("#8A8F98", "longdash", "x"),
}
TITLES = {
    "integrated_gradients": "Integrated Gradients",
    "smoothgrad": "SmoothGrad",
    "smooth_taylor": "SmoothTaylor",
    "random_order": "Random",
}


def perturbation(curves: Curves, regions: int) -> go.Figure:
    """The score against windows replaced; axes stay while the curves grow."""
    values = [float(v) for curve in curves.values() for v in curve]
    figure = _lines(curves)
    figure.update_xaxes(title_text="windows replaced by noise", range=[-0.5, regions + 0.5])
    figure.update_yaxes(title_text="score / score of the photo", range=_fit(values, 0.5, 1.1))
    return figure


def variation(curves: Curves, sides: Sequence[int]) -> go.Figure:
    """The total variation against the scale, finest first; `sides` are those of the pyramid's levels."""
    values = [float(v) for curve in curves.values() for v in curve]
    figure = _lines(curves)
    figure.update_xaxes(
        title_text="side of the map at this scale, pixels",
        tickvals=list(range(len(sides))),
        ticktext=[str(side) for side in sides],
        range=[-0.2, max(len(sides) - 1, 1) + 0.2],
    )
    figure.update_yaxes(title_text="average total variation", range=_fit(values, 0.0, 0.5))
    return figure


def _fit(values: list[float], low: float, high: float) -> list[float]:
    """The usual range, or in steps of a quarter as much more as the values need: it does not creep as they grow."""
    bottom, top = min([low, *values]), max([high, *values])
    return [low if bottom >= low else bottom // 0.25 * 0.25, high if top <= high else -(-top // 0.25) * 0.25]


def _lines(curves: Curves) -> go.Figure:
    figure = go.Figure()
    for method, curve in curves.items():
        colour, dash, marker = STYLES[method]
        figure.add_scatter(
            x=list(range(len(curve))),
            y=[float(value) for value in curve],
            name=TITLES[method],
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2},
            marker={"color": colour, "symbol": marker, "size": 6},
            hovertemplate="%{y:.3f}",
            # A clicked point is answered elsewhere: the others need not fade.
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    figure.update_layout(
        height=320,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "font": {"size": 11}, "itemwidth": 30},
        dragmode=False,
        transition={"duration": 0},
    )
    return figure

"""The look of every method and baseline, the same in all charts, and the layout that charts share."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pandas  # noqa: F401  Plotly takes pandas from sys.modules, even while another thread is still importing it

if TYPE_CHECKING:
    import plotly.graph_objects as go

CONFIG = {"displaylogo": False}
BARE = {"displayModeBar": False}
"""For charts with clicks: the tool bar would cover the points at the upper right."""

GREY = "#8A8F98"
Style = tuple[str, str, str]
"""Colour, dash, marker."""
# Colours by Okabe and Ito, and two more. No two methods have the same colour and dash.
STYLES: dict[str, Style] = {
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
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A900", "#7B61C4")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

# (colour, dash) of each baseline.
BASELINES = {
    "black": ("#0072B2", "solid"),
    "white": ("#E69F00", "dash"),
    "mean": ("#009E73", "dot"),
    "blurred": ("#CC79A7", "dashdot"),
    "uniform": ("#D55E00", "longdash"),
}
BASELINE_NAMES = {"mean": "mean colour", "uniform": "uniform noise"}
"""Longer names for baselines whose names are unclear."""


def style(method: str) -> Style:
    """The look of a method. A method without one gets the next free look, and keeps it."""
    if method not in STYLES:
        taken = {(colour, dash) for colour, dash, _ in STYLES.values()}
        free = ((colour, dash) for dash, colour in product(DASHES, COLOURS) if (colour, dash) not in taken)
        STYLES[method] = (*next(free, (GREY, "dot")), "circle")
    return STYLES[method]


def baseline_name(baseline: str) -> str:
    """The name of a baseline on the page."""
    return BASELINE_NAMES.get(baseline, baseline)


def dress(figure: go.Figure) -> None:
    """The layout that all charts share."""
    figure.update_layout(
        showlegend=True,
        height=320,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "font": {"size": 11}, "itemwidth": 30},
        dragmode=False,
        transition={"duration": 0},
    )

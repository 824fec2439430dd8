"""What all charts share. Charts are made by `chart`, from traces by `scatter`."""

from typing import Any

import pandas  # noqa: F401  Plotly takes pandas from sys.modules, even while another thread is still importing it
import plotly.graph_objects as go

CONFIG = {"displaylogo": False}
BARE = {"displayModeBar": False}
"""For charts with clicks: the tool bar would cover the points at the upper right."""

Trace = dict[str, Any]
LAYOUT: dict[str, Any] = {
    "showlegend": True,
    "height": 320,
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "hovermode": "x unified",
    "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "font": {"size": 11}, "itemwidth": 30},
    "dragmode": False,
    "transition": {"duration": 0},
}


def scatter(**given: Any) -> Trace:
    """A line or points."""
    return {"type": "scatter", **given}


def axis(title: str, **given: Any) -> dict[str, Any]:
    """An axis with a title."""
    return {"title": {"text": title}, **given}


def chart(traces: list[Trace], **layout: Any) -> go.Figure:
    """A figure with the layout of all charts, and what is given of it.

    It is made in one step: Plotly takes as long for each later change as for a whole figure.
    """
    return go.Figure(traces, {**LAYOUT, **layout})

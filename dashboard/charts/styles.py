"""The layout that all charts share. Charts import it before Plotly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas  # noqa: F401  Plotly takes pandas from sys.modules, even while another thread is still importing it

if TYPE_CHECKING:
    import plotly.graph_objects as go

CONFIG = {"displaylogo": False}
BARE = {"displayModeBar": False}
"""For charts with clicks: the tool bar would cover the points at the upper right."""


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

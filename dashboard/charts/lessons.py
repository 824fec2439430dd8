"""The chart of a lesson."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.looks import style
from dashboard.charts.styles import dress


def path(scores: Sequence[float]) -> go.Figure:
    """The score at equal steps from the baseline (0) to the photo (1)."""
    figure = go.Figure()
    alphas = [k / (len(scores) - 1) for k in range(len(scores))]
    figure.add_scatter(x=alphas, y=list(scores), mode="lines", line={"color": style("integrated_gradients")[0]})
    figure.update_xaxes(title_text="α, from the black baseline to the photo")
    figure.update_yaxes(title_text="logit of espresso")
    dress(figure)
    figure.update_layout(showlegend=False)
    return figure

"""The chart of a lesson."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.looks import style
from dashboard.charts.styles import axis, chart, scatter


def path(scores: Sequence[float]) -> go.Figure:
    """The score at equal steps from the baseline (0) to the photo (1)."""
    alphas = [k / (len(scores) - 1) for k in range(len(scores))]
    line = {"color": style("integrated_gradients")[0]}
    return chart(
        [scatter(x=alphas, y=list(scores), mode="lines", line=line)],
        xaxis=axis("α, from the black baseline to the photo"),
        yaxis=axis("logit of espresso"),
        showlegend=False,
    )

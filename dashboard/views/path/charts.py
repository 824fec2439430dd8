"""The charts of a path, and the share of its attribution that comes from after the score saturates."""

import streamlit as st

from attribution import METRICS
from attribution.studies.trace import Detour, Trace
from dashboard.charts import path as charts_of
from dashboard.charts.looks import baseline_name
from dashboard.controls import layers, session
from dashboard.experiment.experiment import Experiment
from dashboard.views.path.walks import GAP, GUIDED, RUG, Views, cut, saturated

CLICKED = "path-clicked"
"""Key: the number of clicks, and the alpha of the last click."""
DRAWINGS = 8
"""How often the chart of Guided IG's path is redrawn while it grows."""


def saturation(found: dict[str, Trace], usual: float) -> float:
    """Draws the slider of phi and the table of the attribution after Left-IG's cut; returns phi."""
    phi = st.slider(
        "φ, the share of the climb f(x) − f(b) where Left-IG cuts the path",
        0.5,
        1.0,
        usual,
        0.01,
        key=f"path-phi-{usual}",
        help="The cut is where the score saturates. Nothing is recomputed.",
    )
    rows = []
    for baseline, trace in found.items():
        row = {
            "From": baseline_name(baseline),
            "f(b)": f"{trace.ends[0]:.2f}",
            "f(x)": f"{trace.ends[1]:.2f}",
            "Left-IG cuts at α": "…",
            "Steps after the cut": "…",
            "Share of the sum": "…",
            "Share of the absolute sum": "…",
            GAP: "…",
        }
        if trace.complete:
            row |= saturated(trace, phi)
        rows.append(row)
    st.table(rows, hide_index=True, alt="Where each path saturates, and the attribution after that point")
    st.caption(
        "After the cut the score changes little, so the steps add little to the sum. But gradients can still be large. "
        "The absolute sum adds the absolute values of each step. If its share is large, much of Integrated Gradients "
        "comes from the saturated part, which Left-IG leaves out.",
        help=f"f(b): score of the baseline. f(x): score of the photo. {METRICS['completeness_gap'].note}",
    )
    return phi


def charts(
    experiment: Experiment, views: Views, found: dict[str, Trace], baseline: str, alpha: float, phi: float
) -> None:
    """Draws the charts against alpha. A chart is redrawn only when its data changes.

    The cut, IDG's samples and Guided IG's path belong to the path from `baseline`, and are not drawn without it.
    """
    trace = found.get(baseline)
    samples: tuple[float, ...] = (views[RUG].snapshot or ()) if trace else ()
    place = cut(trace, phi) if trace and trace.complete else None
    straight = tuple(found.values())
    # A chart is rebuilt only if its own data changes, so that the user's zoom in the others stays.
    cuts = (straight, alpha, place, samples)
    drawn = [
        session.once("path-made-scores", cuts, lambda: charts_of.scores(found, alpha, place, samples)),
        session.once("path-made-gradients", (straight, alpha), lambda: charts_of.gradients(found, alpha)),
        session.once("path-made-sums", (straight, alpha), lambda: charts_of.sums(found, alpha)),
    ]
    detour: Detour | None = views[GUIDED].snapshot if GUIDED in views else None
    if detour is not None and trace is not None:
        part = len(detour.alphas) * DRAWINGS // detour.total if views[GUIDED].live else detour
        beside = (trace, alpha, experiment.own, part)
        drawn.append(session.once("path-made-guided", beside, lambda: charts_of.guided(baseline, trace, detour, alpha)))
    grid = st.grid(2, min_column_width=320, gap="medium")
    for (name, title, caption), figure in zip(charts_of.CHARTS, drawn, strict=False):
        with grid.container():
            st.markdown(title)
            layers.show(name, figure, caption, clicked)
            st.caption(caption)


def clicked(key: str) -> None:
    """Sets alpha from a click on the chart of that key."""
    points = st.session_state[key].selection.points
    if points:
        clicks, _ = st.session_state.get(CLICKED, (0, 0.0))
        st.session_state[CLICKED] = (clicks + 1, float(points[0]["x"]))

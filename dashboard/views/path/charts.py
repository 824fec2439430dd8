"""The charts of a path, and what of its attribution comes from where the score is saturated."""

import streamlit as st

from attribution.studies.trace import Detour, Trace
from dashboard.charts import path as charts_of
from dashboard.charts.styles import baseline_name
from dashboard.controls import layers, session
from dashboard.experiment.experiment import Experiment
from dashboard.views.path.walks import GAP, GUIDED, RUG, Views, cut, saturated

CLICKED = "path-clicked"
"""How many clicks there were, and where the last one was."""
DRAWINGS = 8
"""How often a chart of Guided IG's path is drawn while it is walked."""


def saturation(found: dict[str, Trace], usual: float) -> float:
    """What of each path's attribution comes from where the score has all but arrived; and which share of it that is."""
    phi = st.slider(
        "φ, the share of the climb after which Left-IG cuts",
        0.5,
        1.0,
        usual,
        0.01,
        key=f"path-phi-{usual}",
        help="From the same walk: nothing is recomputed.",
    )
    rows = []
    for baseline, trace in found.items():
        row = {
            "From": baseline_name(baseline),
            "f(b)": f"{trace.ends[0]:.2f}",
            "f(x)": f"{trace.ends[1]:.2f}",
            "Left-IG cuts at α": "…",
            "of the steps after it": "…",
            "of the sum": "…",
            "of the size": "…",
            GAP: "…",
        }
        if trace.complete:
            row |= saturated(trace, phi)
        rows.append(row)
    st.table(rows, hide_index=True, alt="Where each path saturates, and what comes from there")
    st.caption(
        "After the cut the score hardly moves, so that little is added to the sum; but gradients do not stop where the "
        "score does. “Of the size” counts what each step adds by its absolute values: a large share there is what "
        "Integrated Gradients owes to saturation, and what Left-IG leaves out."
    )
    return phi


def charts(
    experiment: Experiment, views: Views, found: dict[str, Trace], baseline: str, alpha: float, phi: float
) -> None:
    """The four charts against alpha; drawn again only when something in them is another.

    The cut, IDG's samples and Guided IG's path are of the path from `baseline`, and are not drawn without it.
    """
    trace = found.get(baseline)
    samples: tuple[float, ...] = (views[RUG].snapshot or ()) if trace else ()
    place = cut(trace, phi) if trace and trace.complete else None
    straight = tuple(found.values())
    # Each is made again only for what is in it, so that the reader's zoom stays in the others.
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
    """Takes alpha from a click on the chart of that key."""
    points = st.session_state[key].selection.points
    if points:
        clicks, _ = st.session_state.get(CLICKED, (0, 0.0))
        st.session_state[CLICKED] = (clicks + 1, float(points[0]["x"]))

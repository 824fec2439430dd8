"""Path: the path of Integrated Gradients from the baseline to the photo, and how related methods use it."""

import streamlit as st

from attribution.engine.baselines import BASELINES
from dashboard.charts.looks import baseline_name
from dashboard.controls import boards, methods, resources, session
from dashboard.views.path.board import PathBoard
from dashboard.views.path.walks import SETTINGS


def draw() -> None:
    """Draws the page."""
    st.markdown("#### What happens on the way?")
    experiment, subject = session.present()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        others = st.multiselect(
            "Add paths from other baselines · M gradients each",
            [baseline for baseline in BASELINES if baseline != experiment.baseline],
            default=["mean" if experiment.baseline == "black" else "black"],
            key=f"path-others-{experiment.baseline}",
            format_func=baseline_name,
            help="The first path uses the baseline, M and rule of the sidebar. For uniform noise it uses one baseline.",
        )
        steps = experiment.every_knob("guided_ig")["steps"]
        detour = st.toggle(
            f"Add Guided IG's path · {steps} gradients",
            value=True,
            key="path-detour",
            help="Slower: each gradient needs the previous one.",
        )
        hidden = () if detour else ("guided_ig",)
        methods.of_page({name: known for name, known in SETTINGS.items() if name not in hidden})
    baselines, jobs = (experiment.baseline, *others), resources.scheduler()
    boards.show("path", PathBoard(jobs, session.name(), resources.store(), experiment, subject, baselines, detour))


if __name__ == "__main__":
    draw()

"""Noise: how certain a mean over noise samples is, and whether R is enough here."""

import streamlit as st

from attribution.agreement import SIDES
from dashboard.controls import boards, resources, session
from dashboard.views.noise.board import NoiseBoard, methods

BOTH = "noise-both"


def draw() -> None:
    """Draws the page."""
    st.markdown("#### How sure is this map?")
    experiment, subject = session.present()
    if not set(methods(experiment)) & set(experiment.methods):
        st.caption("No compared method averages over noise. These two methods do, with the settings on the left.")
    height = subject.x.shape[-2]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        both = st.toggle(
            "also show antithetic sampling (±ε)",
            value=True,
            key=BOTH,
            help="Each noise draw is used with both signs, +ε and -ε. Half of these gradients are known already; the "
            "other half costs R / 2 gradients.",
        )
        side = st.segmented_control(
            "Compare halves",
            [0, *(side for side in SIDES if side < height)],
            default=0,
            required=True,
            key="noise-side",
            format_func=lambda side: f"at {side} cells" if side else "pixel by pixel",
            help="Pixels are averaged over so many cells a side before the halves are compared. Regions settle first.",
        )
    jobs, store = resources.scheduler(), resources.store()
    boards.show("noise", NoiseBoard(jobs, session.name(), store, experiment, subject, both, side))


if __name__ == "__main__":
    draw()

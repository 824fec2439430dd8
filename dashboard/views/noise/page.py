"""Noise: how certain a mean over noise samples is, and whether R is enough here."""

import streamlit as st

from dashboard.controls import boards, resources, session
from dashboard.views.noise.board import NoiseBoard, methods

BOTH = "noise-both"


def draw() -> None:
    """Draws the page."""
    st.markdown("#### How sure is this map?")
    experiment, subject = session.present()
    if not set(methods(experiment)) & set(experiment.methods):
        st.caption("No compared method averages over noise. These two methods do, with the settings on the left.")
    both = st.toggle(
        "also show antithetic sampling (±ε)",
        value=True,
        key=BOTH,
        help="Each noise draw is used with both signs, +ε and -ε. Half of these gradients are known already; the other "
        "half costs R / 2 gradients.",
    )
    jobs, store = resources.scheduler(), resources.store()
    boards.show("noise", NoiseBoard(jobs, session.name(), store, experiment, subject, both))


if __name__ == "__main__":
    draw()

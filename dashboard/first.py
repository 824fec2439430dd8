"""What is on screen while torch and the model are being loaded. Imports neither."""

import streamlit as st

from dashboard import example, viewer

TITLE = "#### What did the model look at?"
PAUSE = 0.8
"""Seconds that the browser is given to draw the first page."""


def show() -> None:
    """The default experiment as it was computed beforehand, in the very places where the live page will draw it."""
    held = example.load()
    st.markdown(TITLE)
    st.container()
    with st.container():  # as the fragment of the live page is one: the viewer stays what it is
        viewer.show("compare", held.photo(), held.labelled(), held.about["palettes"])
        st.progress(0.0, "precomputed example: the model is being loaded")
        from dashboard import figures  # Plotly comes after the maps: it takes a moment to load

        falls = figures.perturbation(held.falls, held.about["regions"])
        variations = figures.variation(held.variations, held.about["sides"])
        grid = st.grid(2, min_column_width=320, gap="medium")
        grid.container().plotly_chart(falls, key="first-falls", alt="Score against windows replaced")
        grid.container().plotly_chart(variations, key="first-variations", alt="Variation against scale")


@st.fragment(run_every=PAUSE)
def go_on() -> None:
    """Draws the live page once the browser has had the time to draw this one: it cannot do both at once."""
    if "painted" in st.session_state:
        st.rerun()
    st.session_state.painted = True


def waiting() -> None:
    """For links to other experiments, of which nothing is known yet."""
    st.progress(0.0, "loading the model: this takes a few seconds, once")


def sidebar() -> None:
    """Where the controls will be."""
    with st.sidebar:
        st.caption("The controls come with the model, in a few seconds.")
        for height in (80, 120, 60, 60, 160):
            st.skeleton(height=height)

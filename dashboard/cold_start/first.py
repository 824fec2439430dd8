"""What is on screen while torch and the model are being loaded. Imports neither."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.cold_start import example
from dashboard.stage import viewer

TITLE = "#### What did the model look at?"
PAUSE = 0.8
"""Seconds that the browser is given to draw the first page."""
WAITS, PAINTED = "cold-waits", "cold-painted"
"""Whether the session still waits for the live page; whether the browser had the time to draw the first one."""


def new() -> bool:
    """Whether this is the first run of the session."""
    return WAITS not in st.session_state


def waits(state: Mapping[Any, Any]) -> bool:
    """Whether what was computed beforehand is to be shown."""
    return bool(state.get(WAITS, False))


def wait(waits: bool) -> None:
    """Notes whether the session waits for the live page."""
    st.session_state[WAITS] = waits


def show() -> None:
    """The default experiment as it was computed beforehand, in the very places where the live page will draw it."""
    held = example.load()
    st.markdown(TITLE)
    st.container()
    with st.container():  # as the fragment of the live page is one: the viewer stays what it is
        viewer.show("compare", held.photo(), held.labelled(), held.about["palettes"])
        st.progress(0.0, "precomputed example: the model is being loaded")
        from dashboard.charts.curves import curves  # Plotly comes after the maps: it takes a moment to load

        grid = st.grid(2, min_column_width=320, gap="medium")
        for metric, about in held.about["metrics"].items():
            figure = curves(held.lines(metric), held.axes(metric))
            grid.container().plotly_chart(figure, key=f"cold-{metric}", alt=about["title"])


@st.fragment(run_every=PAUSE)
def go_on() -> None:
    """Draws the live page once the browser has had the time to draw this one: it cannot do both at once."""
    if PAINTED in st.session_state:
        st.rerun()
    st.session_state[PAINTED] = True


def waiting() -> None:
    """For links to other experiments, of which nothing is known yet."""
    st.progress(0.0, "loading the model: this takes a few seconds, once")


def sidebar() -> None:
    """Where the controls will be."""
    with st.sidebar:
        st.caption("The controls come with the model, in a few seconds.")
        for height in (80, 120, 60, 60, 160):
            st.skeleton(height=height)

"""The page while torch and the model are being loaded. Imports neither of them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import streamlit as st

from dashboard.cold_start import example
from dashboard.live.route import PLOTLY
from dashboard.stage import stage

TITLE = "#### What did the model look at?"
PAUSE = 0.8
"""Seconds for the browser to draw the first page."""
WAITS, PAINTED = "cold-waits", "cold-painted"
"""Keys: the session waits for the live page; the browser had time to draw the first page."""


def new() -> bool:
    """Whether this is the first run of the session."""
    return WAITS not in st.session_state


def waits(state: Mapping[Any, Any]) -> bool:
    """Whether to show the precomputed example."""
    return bool(state.get(WAITS, False))


def wait(waits: bool) -> None:
    """Notes whether the session waits for the live page."""
    st.session_state[WAITS] = waits


def show() -> None:
    """Draws the precomputed first experiment, in the same place as the live page. There are no knobs yet."""
    held = example.load()
    given = {
        "title": TITLE.lstrip("# "),
        "palettes": held.about["palettes"],
        "plotly": PLOTLY,
        "first": _messages(),
    }
    stage.show("compare", "", [], given, lambda: None)


@cache
def _messages() -> list[str]:
    """What the stage shows: the same for every session."""
    return stage.first(example.load().messages())


@st.fragment(run_every=PAUSE)
def go_on() -> None:
    """Starts the live page after a pause, so that the browser can draw this page first."""
    if PAINTED in st.session_state:
        st.rerun()
    st.session_state[PAINTED] = True


def waiting() -> None:
    """For links to other experiments, which have no precomputed results."""
    st.progress(0.0, "loading the model: this takes a few seconds, once")


def sidebar() -> None:
    """Placeholders for the controls."""
    with st.sidebar:
        st.caption("The controls appear when the model is loaded, in a few seconds.")
        for height in (80, 120, 60, 60, 160):
            st.skeleton(height=height)

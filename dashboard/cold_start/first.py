"""The page while torch and the model are being loaded. Imports neither of them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import streamlit as st

from dashboard.cold_start import example
from dashboard.live.route import PLOTLY
from dashboard.stage import stage

TITLE = "#### What did the model look at?"
WAITS, ASKS = "cold-waits", "cold-asks"
"""Keys: the session waits for the live page; the browser asks for it when the first page is on screen."""


def new() -> bool:
    """Whether this is the first run of the session."""
    return WAITS not in st.session_state


def waits(state: Mapping[Any, Any]) -> bool:
    """Whether to show the precomputed example."""
    return bool(state.get(WAITS, False))


def wait(waits: bool, asks: bool = False) -> None:
    """Notes whether the session waits for the live page, and whether the browser must ask for it."""
    st.session_state[WAITS], st.session_state[ASKS] = waits, asks


def show() -> None:
    """Draws the precomputed first experiment, in the same place as the live page. There are no knobs yet."""
    held = example.load()
    given = {
        "title": TITLE.lstrip("# "),
        "palettes": held.about["palettes"],
        "plotly": PLOTLY,
        "first": _messages(),
        "asks": "live" if st.session_state[ASKS] else "",
    }
    stage.show("compare", "", [], given, lambda: None)


@cache
def _messages() -> list[str]:
    """What the stage shows: the same for every session."""
    return stage.first(example.load().messages())


def waiting() -> None:
    """For links to other experiments, which have no precomputed results."""
    st.progress(0.0, "loading the model: this takes a few seconds, once")


def sidebar() -> None:
    """Placeholders for the controls."""
    with st.sidebar:
        st.caption("The controls appear when the model is loaded, in a few seconds.")
        for height in (80, 120, 60, 60, 160):
            st.skeleton(height=height)

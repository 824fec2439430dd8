"""A board on a page: live on the stage, or as plain images in browsers that cannot run it."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.controls import plain, session
from dashboard.live.hub import HUB, Board
from dashboard.live.route import PLOTLY
from dashboard.live.sheet import Worked
from dashboard.stage import pictures, stage
from dashboard.stage.stage import Knob


def is_plain() -> bool:
    """Whether the link asks for plain images."""
    return st.query_params.get("viewer") == "static"


def show(page: str, board: Worked, heard: Callable[[dict[str, Any]], None] = lambda values: None) -> None:
    """Shows a board without knobs. `heard` gets what the stage tells the script: clicks, and requests for a run."""
    if is_plain():
        plain.show(page, board)
    else:
        live(page, session.name(), board, heard)


def live(
    page: str,
    token: str,
    board: Board,
    heard: Callable[[dict[str, Any]], None],
    knobs: Sequence[Knob] = (),
    title: str = "",
    stepped: str = "",
) -> None:
    """Shows a board on the stage. `token` is the session that asks for its work.

    `stepped` is the metric whose curves have a photo for each point.
    """
    number = f"{page}-heard"

    def told() -> None:
        # What another run interrupts is not heard, and the stage tells it again. What fails would fail again.
        values = stage.values(page)
        try:
            heard(values)
        except Exception:
            st.session_state[number] = values.get("number")
            raise
        st.session_state[number] = values.get("number")

    HUB.show(token, page, board)
    if token == session.name():
        st.html('<a class="skip" href="#maps" tabindex="1">Skip to the maps</a>')
    given = {"title": title, "flat": not knobs, "palettes": pictures.PALETTES, "plotly": PLOTLY, "stepped": stepped}
    stage.show(page, token, knobs, {**given, "heard": st.session_state.get(number, 0)}, told)

"""A lesson that is open: a strip above the page, which gives one's own photo and setting back at its end."""

from dataclasses import dataclass

import streamlit as st

from dashboard.controls import session
from dashboard.experiment.experiment import Experiment

LESSON = "session-lesson"


@dataclass(frozen=True)
class Opened:
    """The words of a lesson, its experiment, and the one before it."""

    title: str
    text: str
    opens: Experiment
    before: Experiment


def begin(title: str, text: str, opens: Experiment) -> None:
    """Opens the experiment of a lesson. The one before it is kept; after another lesson, the one before that."""
    held: Opened | None = st.session_state.get(LESSON)
    now = session.experiment()
    within = held is not None and held.opens.image == now.image  # knobs were turned, but its photo is still there
    st.session_state[LESSON] = Opened(title, text, opens, held.before if held and within else now)
    session.put(opens)


def _end() -> None:
    """Gives back the experiment before the lesson."""
    held: Opened | None = st.session_state.pop(LESSON, None)
    if held is not None:
        session.put(held.before)


def close() -> None:
    """Takes the words away; the setting stays."""
    st.session_state.pop(LESSON, None)


def strip() -> None:
    """Draws the open lesson, if any."""
    held: Opened | None = st.session_state.get(LESSON)
    if held is None:
        return
    with st.container(border=True, key="control-lesson", gap="small"):
        st.markdown(f"**{held.title}** · {held.text}")
        with st.container(horizontal=True, gap="small"):
            st.button("Back to my photo and setting", key="control-lesson-end", on_click=_end, type="primary")
            st.button("Keep this setting", key="control-lesson-close", on_click=close)

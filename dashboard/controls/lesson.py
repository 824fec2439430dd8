"""A lesson that is open: a strip above the page, which gives one's own photo and setting back at its end."""

from dataclasses import dataclass

import streamlit as st

from dashboard.controls import session
from dashboard.experiment.experiment import Experiment

LESSON = "session-lesson"


@dataclass(frozen=True)
class Opened:
    """The words of a lesson, and the experiment before it."""

    title: str
    text: str
    before: Experiment


def begin(title: str, text: str, opens: Experiment) -> None:
    """Opens the experiment of a lesson. The one before the first lesson is kept."""
    held: Opened | None = st.session_state.get(LESSON)
    st.session_state[LESSON] = Opened(title, text, held.before if held else session.experiment())
    session.put(opens)


def _end() -> None:
    """Gives back the experiment before the lesson."""
    held: Opened | None = st.session_state.pop(LESSON, None)
    if held is not None:
        session.put(held.before)


def _close() -> None:
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
            st.button("Keep this setting", key="control-lesson-close", on_click=_close)

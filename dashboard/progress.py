"""How far the work of a session is, with what can be done about it: the same on every page."""

from collections.abc import Iterable

import streamlit as st

from dashboard import resources
from dashboard.jobs import View

LIVE, STOPPED, FAILED, DONE = "live", "stopped", "failed", "done"
KEPT = "stopped: what there is stays"


def state(views: Iterable[View]) -> str:
    """Of several jobs as one: what still runs goes before what was stopped, and that before what failed."""
    found = {LIVE if view.live else view.state for view in views}
    return next((state for state in (LIVE, STOPPED, FAILED) if state in found), DONE)


def show(state: str, share: float, said: str) -> None:
    """The bar with its words; Stop while the work is live, Continue once it was stopped, Try again where it failed."""
    jobs, session = resources.scheduler(), resources.session()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, said)
        if state == STOPPED:
            st.button("Continue", key="resume", icon=":material/play_arrow:", on_click=jobs.resume, args=(session,))
        elif state == FAILED:
            st.button("Try again", key="resume", icon=":material/refresh:", on_click=jobs.resume, args=(session,))
        else:
            done, icon = state == DONE, ":material/stop:"
            st.button("Stop", key="stop", icon=icon, disabled=done, on_click=jobs.stop, args=(session,))

"""How far the work of a session is, with what can be done about it: the same on every page."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from dashboard.controls import resources, session
from dashboard.work.scheduler import View

LIVE, STOPPED, FAILED, DONE = "live", "stopped", "failed", "done"
KEPT = "stopped: what is there stays"


def state(views: Iterable[View]) -> str:
    """Of several jobs as one: what still runs goes before what was stopped, and that before what failed."""
    found = {LIVE if view.live else view.state for view in views}
    return next((state for state in (LIVE, STOPPED, FAILED) if state in found), DONE)


def show(state: str, share: float, words: str) -> None:
    """The bar with its words; Stop while the work is live, Continue once it was stopped, Try again where it failed."""
    jobs, name = resources.scheduler(), session.name()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, words)
        resume: dict[str, Any] = {"key": "control-resume", "on_click": jobs.resume, "args": (name,)}
        if state == STOPPED:
            st.button("Continue", icon=":material/play_arrow:", **resume)
        elif state == FAILED:
            st.button("Try again", icon=":material/refresh:", **resume)
        else:
            stop: dict[str, Any] = {"key": "control-stop", "on_click": jobs.stop, "args": (name,)}
            st.button("Stop", icon=":material/stop:", disabled=state == DONE, **stop)

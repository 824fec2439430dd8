"""The progress of a session's work, with its Stop, Continue and Try again buttons. The same on every page."""

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from dashboard.controls import resources, session
from dashboard.work.scheduler import View

LIVE, STOPPED, FAILED, DONE = "live", "stopped", "failed", "done"
KEPT = "stopped: the results so far stay"
MORE = "Show what has come"
"""The button of a page that does not change by itself. A reload would be a new session, without the work beside the
maps."""


def state(views: Iterable[View]) -> str:
    """One state for several jobs: live if any runs, else stopped if any was stopped, else failed if any failed."""
    found = {LIVE if view.live else view.state for view in views}
    return next((state for state in (LIVE, STOPPED, FAILED) if state in found), DONE)


def told(
    state: str, live: str, failed: str = "failed: not all results could be computed", done: str = "complete"
) -> str:
    """The state of all work in words; `live` are those while it runs."""
    return {LIVE: live, STOPPED: KEPT, FAILED: failed, DONE: done}[state]


def show(state: str, share: float, words: str, ask: Callable[[], object] = lambda: None) -> None:
    """Draws the bar and one button: Stop while the work is live, Continue if stopped, Try again if failed.

    While the work is live there is another one, which runs the page again.

    `ask` asks for the work again before it is stopped: a page that does not ask by itself may have lost it.
    """
    jobs, name = resources.scheduler(), session.name()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, words)
        if state == LIVE:
            st.button(MORE, icon=":material/update:", key="control-more")
        resume: dict[str, Any] = {"key": "control-resume", "on_click": jobs.resume, "args": (name,)}
        if state == STOPPED:
            st.button("Continue", icon=":material/play_arrow:", **resume)
        elif state == FAILED:
            st.button("Try again", icon=":material/refresh:", **resume)
        else:

            def stopped() -> None:
                ask()
                jobs.stop(name)

            stop: dict[str, Any] = {"key": "control-stop", "on_click": stopped}
            st.button("Stop", icon=":material/stop:", disabled=state == DONE, **stop)

"""The search for sigma, on Compare: a chart while it runs, the map of each step, and the result."""

from functools import partial
from typing import Any

import streamlit as st

from dashboard.charts.search import search as chart
from dashboard.charts.styles import CONFIG
from dashboard.controls import polling, resources, session
from dashboard.controls.search import NAMES, SLOT, close, current, running, settle
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted
from dashboard.stage import pictures
from dashboard.work.scheduler import View
from dashboard.work.search import Found, Search, search_work

POLL = 0.5


def draw(experiment: Experiment, subject: Subject) -> None:
    """Draws the search that was started, if any."""
    search = current(experiment, subject)
    if search is not None:
        live = _ask(search, subject).live
        polling.draw("compare-search-polling", POLL if live else None, _show, search, subject, live)


def _ask(search: Search, subject: Subject) -> View:
    work = partial(search_work, search, subject.model, subject.x, resources.store())
    return resources.scheduler().ask(session.name(), SLOT, search, work)


def _show(search: Search, subject: Subject, polling: bool) -> None:
    if not running():  # it was just closed
        st.rerun()
    view = _ask(search, subject)
    found: Found = view.snapshot or Found()
    if found.outcome:
        settle(search, found.outcome.sigma)
    session.follow()
    if polling and not view.live:
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**Finding σ** · {NAMES[search.objective]}, R = {search.samples}")
        st.markdown(_words(search, view, found))
        if found.trials:
            left, right = st.columns([3, 1], gap="medium")
            with left:
                figure = chart([(t.sigma, t.area, t.accepted) for t in found.trials], NAMES[search.objective])
                alt = "The area against sigma; the steps of the search are numbered"
                st.plotly_chart(figure, key="compare-search", config=CONFIG, alt=alt)
            with right:
                _step(subject, found)
        with st.container(horizontal=True):
            jobs = resources.scheduler()
            if view.live:
                stops: dict[str, Any] = {"key": "compare-search-stop", "icon": ":material/stop:"}
                st.button("Stop", on_click=jobs.stop, args=(session.name(),), **stops)
            elif view.state == "stopped":
                resumes: dict[str, Any] = {"key": "compare-search-resume", "icon": ":material/play_arrow:"}
                st.button("Continue", on_click=jobs.resume, args=(session.name(),), **resumes)
            st.button("Close", key="compare-search-close", on_click=close)


def _words(search: Search, view: View, found: Found) -> str:
    if view.state == "failed":
        return f"Failed: {view.error}."
    if found.outcome:
        out = found.outcome
        return (
            f"σ = **{out.sigma:.4g}** is now set: {search.objective.upper()} {out.area:.2f} in the search, "
            f"{out.fresh_area:.2f} when scored again on draws it had not seen, "
            f"after {counted(len(out.trials), 'evaluation')}."
        )
    if not found.trials:
        return f"{view.state} · {found.now or 'the first map'}"
    best = found.trials[-1]
    stopped = "stopped · " if view.state == "stopped" else ""
    now = f" · now {found.now}" if found.now and not stopped else ""
    so_far = f"best so far σ = {best.best_sigma:.4g} with {best.best_area:.2f}"
    return f"{stopped}{counted(len(found.trials), 'evaluation')}, {so_far}{now}"


def _step(subject: Subject, found: Found) -> None:
    numbers = [trial.number for trial in found.trials]
    chosen = numbers[-1]
    if len(numbers) > 1:
        key = f"compare-search-step-{len(numbers)}"
        chosen = st.select_slider("Step", numbers, value=numbers[-1], key=key)
    trial, values = found.trials[chosen - 1], found.maps[chosen - 1]
    attribution = pictures.from_map(values)
    drawn = pictures.draw({"map": attribution}, subject.photo, pictures.Display())["map"]
    with st.container(key="compare-map-search"):
        st.image(pictures.data_url(drawn.pixels), width="stretch", alt=f"The map at sigma {trial.sigma:.4g}")
    kept = "" if trial.accepted else " · not accepted"
    st.caption(f"{trial.number}: σ = {trial.sigma:.4g}, area {trial.area:.2f}{kept}")

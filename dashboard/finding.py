"""Finding the sigma that suits a photo: the search on a chart while it runs, the map of each step, and the result."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import streamlit as st
from torch import Tensor

from attribution.engine.store import Store
from attribution.explain import one_channel
from attribution.models import Model
from attribution.studies.adaptive import Outcome, Trial, adaptive_noising
from attribution.types import Partial
from dashboard import figures, pictures, resources
from dashboard.experiment import Experiment
from dashboard.jobs import View
from dashboard.subject import Subject

POLL = 0.5
NAMES = {"autvc": "smoothest (AUTVC)", "aupc": "most sensitive (AUPC)"}


@dataclass(frozen=True)
class Search:
    """What is looked for, on what; equal searches are the same work."""

    objective: str
    image: str
    model: str
    target: int
    samples: int
    patches: int
    seed: int
    rank: ClassVar[int] = 0


@dataclass(frozen=True, eq=False)
class Found:
    """The search so far: its trials, each with the map (H, W) that was scored, and how far the present one is."""

    trials: tuple[Trial, ...] = ()
    maps: tuple[np.ndarray, ...] = ()
    now: str = ""
    outcome: Outcome | None = None


def search_work(search: Search, model: Model, x: Tensor, store: Store) -> Iterator[Found]:
    """The search as it goes."""
    found, last = Found(), np.zeros(tuple(x.shape[-2:]), np.float32)
    knobs = {"samples": search.samples, "draws": search.patches, "seed": search.seed}
    for step in adaptive_noising(model, x, search.target, objective=search.objective, store=store, **knobs):
        if isinstance(step, Partial):
            last = one_channel(step.attribution, x).numpy().astype(np.float32)
            found = replace(found, now=f"map {step.done}/{step.total}")
        elif isinstance(step, Trial):
            found = replace(found, trials=(*found.trials, step), maps=(*found.maps, last), now="")
        elif isinstance(step, Outcome):
            found = replace(found, outcome=step, now="")
        else:
            found = replace(found, now=f"curve {len(step.y) - 1}")
        yield found


def button() -> None:
    """Beside sigma: starts a search, which Compare shows."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for objective, name in NAMES.items():
            st.button(
                f"Find σ: {name.split(' (')[0]}",
                key=f"find-{objective}",
                on_click=_start,
                args=(objective,),
                help=f"σ by adaptive noising, the {name}: up to 41 maps of R gradients each. Compare shows the search, "
                "which can be stopped; at its end it sets σ.",
            )


def _start(objective: str) -> None:
    st.session_state.finding = objective
    for name in ("search", "settled"):
        st.session_state.pop(name, None)


def settle() -> None:
    """Takes over the sigma that a search has found, before the controls are drawn."""
    if "found_sigma" in st.session_state:
        st.session_state.sigma = st.session_state.pop("found_sigma")


def draw(experiment: Experiment, subject: Subject) -> None:
    """The search that was asked for, if one was. It is of the photo, the model and the class that it began with."""
    objective, place = st.session_state.get("finding"), (subject.image, subject.model.name, subject.target)
    if objective is None:
        return
    search: Search | None = st.session_state.get("search")
    if search is None:
        search = Search(objective, *place, experiment.samples, experiment.patches, experiment.seed)
        st.session_state.search = search
    if (search.image, search.model, search.target) != place:
        _close()
        return
    live = _ask(search, subject).live
    st.fragment(_show, run_every=POLL if live else None)(search, subject, live)


def _ask(search: Search, subject: Subject) -> View:
    work = partial(search_work, search, subject.model, subject.x, resources.store())
    return resources.scheduler().ask(resources.session(), "search", search, work)


def _show(search: Search, subject: Subject, polling: bool) -> None:
    if "search" not in st.session_state:  # closed just now
        st.rerun()
    view = _ask(search, subject)
    found: Found = view.snapshot or Found()
    if found.outcome and st.session_state.get("settled") != search:
        st.session_state.found_sigma = round(found.outcome.sigma, 4)
        st.session_state.settled = search
        st.rerun()
    if polling and not view.live:
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**Finding σ** · {NAMES[search.objective]}, R = {search.samples}")
        st.markdown(_said(search, view, found))
        if found.trials:
            left, right = st.columns([3, 1], gap="medium")
            with left:
                figure = figures.search([(t.sigma, t.area, t.accepted) for t in found.trials], NAMES[search.objective])
                alt = "Sigma against the area, the steps of the search numbered"
                st.plotly_chart(figure, key="search", config=figures.CONFIG, alt=alt)
            with right:
                _step(subject, found)
        with st.container(horizontal=True):
            jobs, session = resources.scheduler(), resources.session()
            if view.live:
                st.button("Stop", key="stop-search", icon=":material/stop:", on_click=jobs.stop, args=(session,))
            elif view.state == "stopped":
                st.button(
                    "Continue", key="resume-search", icon=":material/play_arrow:", on_click=jobs.resume, args=(session,)
                )
            st.button("Close", key="close-search", on_click=_close)


def _said(search: Search, view: View, found: Found) -> str:
    if view.state == "failed":
        return f"It failed: {view.error}."
    if found.outcome:
        out = found.outcome
        return (
            f"σ = **{out.sigma:.4g}**, and set above: {search.objective.upper()} {out.area:.2f} in the search, "
            f"{out.fresh_area:.2f} when scored again on draws it had not seen, after {len(out.trials)} evaluations."
        )
    if not found.trials:
        return f"{view.state} · {found.now or 'the first map'}"
    best = found.trials[-1]
    stopped = "stopped · " if view.state == "stopped" else ""
    now = f" · now {found.now}" if found.now and not stopped else ""
    so_far = f"best so far σ = {best.best_sigma:.4g} with {best.best_area:.2f}"
    return f"{stopped}{len(found.trials)} evaluations, {so_far}{now}"


def _step(subject: Subject, found: Found) -> None:
    numbers = [trial.number for trial in found.trials]
    chosen = numbers[-1]
    if len(numbers) > 1:
        chosen = st.select_slider("Step", numbers, value=numbers[-1], key=f"search-step-{len(numbers)}")
    trial, values = found.trials[chosen - 1], found.maps[chosen - 1]
    attribution = pictures.from_map(values)
    drawn = pictures.draw({"map": attribution}, subject.photo, pictures.Display())["map"]
    with st.container(key="map-search"):
        st.image(pictures.data_url(drawn.pixels), width="stretch", alt=f"The map at sigma {trial.sigma:.4g}")
    kept = "" if trial.accepted else " · not taken"
    st.caption(f"{trial.number}: σ = {trial.sigma:.4g}, area {trial.area:.2f}{kept}")


def _close() -> None:
    resources.scheduler().leave(resources.session(), "search")
    for name in ("finding", "search"):
        st.session_state.pop(name, None)

"""Compare: the photo and three maps beside it, and under them the two curves that they are measured by."""

import time
from collections.abc import Mapping
from functools import partial

import streamlit as st
from plotly.graph_objects import Figure

from dashboard import figures, plain, report, resources, sidebar
from dashboard.experiment import Experiment
from dashboard.jobs import View
from dashboard.panels import CONTROL, REGIONS, Cell, Fall, Panel, Snapshot, fall_work, map_work
from dashboard.subject import Subject

POLL = 0.4
"""Seconds between looks at running work."""

CHARTS = 1.0
"""Seconds between new charts while curves grow."""


def ask(experiment: Experiment, subject: Subject) -> tuple[Cell, ...]:
    """What there is of each method; asking starts what is not there, and keeps it running."""
    jobs, session, known = resources.scheduler(), resources.session(), (subject.model, subject.x, resources.store())
    cells = []
    for panel in experiment.panels(subject.image, subject.model.name, subject.target):
        seen = View("done")
        if panel.method != CONTROL:
            seen = jobs.ask(session, f"{panel.method} map", panel, partial(map_work, panel, *known))
        fall = Fall(panel, experiment.patches)
        fell = jobs.ask(session, f"{panel.method} fall", fall, partial(fall_work, fall, *known, jobs.finished))
        cells.append(Cell(panel, experiment.patches, seen, fell))
    return tuple(cells)


def last_good(cells: tuple[Cell, ...]) -> dict[str, Snapshot]:
    """The newest map of each method; until a setting has one, the last of the same method on this photo and class."""
    held: Mapping[tuple[Panel | str | int, ...], Snapshot] = st.session_state.get("shown", {})
    found = {}
    for cell in cells:
        panel = cell.panel
        name = (panel.method, panel.image, panel.model, panel.target)
        snapshot = cell.snapshot or held.get(name)
        if snapshot:
            found[name] = snapshot
    st.session_state.shown = found
    return {str(name[0]): snapshot for name, snapshot in found.items()}


def charts(subject: Subject, cells: tuple[Cell, ...]) -> None:
    """The two charts; growing ones change at most once a second, finished ones not at all."""
    state = st.session_state
    held = state.get("charts")
    live = any(cell.live for cell in cells)
    if held is None or (held[0] != cells and (not live or time.monotonic() - held[1] > CHARTS)):
        falls = {cell.panel.method: cell.curve for cell in cells if cell.curve}
        variations = {cell.panel.method: cell.snapshot.variation for cell in cells if cell.snapshot}
        drawn = (figures.perturbation(falls, REGIONS), figures.variation(variations, subject.sides))
        held = (cells, time.monotonic(), (drawn, held[2][0] if held else None), not held[3] if held else False)
        state.charts = held
    _, _, (new, old), side = held
    verdict, variations_said = report.verdict(cells), report.variations(cells)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Perturbation curve** · AUPC, lower is better; 30 is no fall at all")
        _chart("falls", new[0], old and old[0], side, verdict)
        st.caption(
            f"{verdict} Windows that a map ranks highest are replaced by noise first: the sooner the score falls, the "
            "better the map knew what the model uses. Noisy photos are unlike any that the model was trained on, so "
            "hold a curve against the random order (grey)."
        )
    with right:
        st.markdown("**Multi-scale total variation** · AUTVC, lower is smoother")
        _chart("variations", new[1], old and old[1], side, variations_said)
        st.caption(
            f"{variations_said} How much neighbouring pixels of a map differ, from fine to coarse. Smooth is not "
            "right: a blank map would win. Compare only maps of one size."
        )


def _chart(name: str, new: Figure, old: Figure | None, side: bool, alt: str) -> None:
    """The new chart over the old one: Plotly builds a changed chart from nothing, and the page would blink white."""
    front, back = f"{name}-{int(side)}", f"{name}-{int(not side)}"
    st.html(
        f"<style>.st-key-{front} {{z-index: 1}}"
        f".st-key-{back} {{pointer-events: none; animation: stand-back 1.5s steps(1) forwards}}</style>"
    )
    with st.container(key=f"stack-{name}"):
        for key in sorted((front, back)):
            figure = new if key == front else old
            with st.container(key=key):
                if figure is not None:
                    st.plotly_chart(figure, key=f"{key}-chart", config={"displaylogo": False}, alt=alt)


def table(cells: tuple[Cell, ...]) -> None:
    st.table([report.row(cell) for cell in cells], hide_index=True, alt="The measures of each method")
    st.caption(report.spent(cells))


def progress(cells: tuple[Cell, ...], subject: Subject) -> None:
    """How far everything is, with Stop; or that it was stopped, with Continue."""
    jobs, session = resources.scheduler(), resources.session()
    share, text = report.progress(cells)
    with st.container(horizontal=True, vertical_alignment="center"):
        if any(cell.live for cell in cells):
            st.progress(share, " · ".join(filter(None, [_left(cells, subject), _others(jobs.others(session)), text])))
            st.button("Stop", key="stop", icon=":material/stop:", on_click=jobs.stop, args=(session,))
        elif any(cell.stopped or cell.error for cell in cells):
            stopped = any(cell.stopped for cell in cells)
            st.progress(share, "stopped: what there is stays" if stopped else "ended: not everything could be computed")
            icon = ":material/play_arrow:" if stopped else ":material/refresh:"
            name = "Continue" if stopped else "Try again"
            st.button(name, key="resume", icon=icon, on_click=jobs.resume, args=(session,))
        else:
            st.progress(1.0, "complete")
            st.button("Stop", key="stop", icon=":material/stop:", disabled=True)


def _left(cells: tuple[Cell, ...], subject: Subject) -> str:
    model = subject.model
    gradient, value = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
    if gradient is None or value is None:
        return ""
    gradients, passes = report.left(cells)
    return f"about {report.duration(gradient * gradients + value * passes)} left"


def _others(count: int) -> str:
    return f"sharing with {count} other session{'s' if count > 1 else ''}" if count else ""


def show(experiment: Experiment, subject: Subject, polling: bool) -> None:
    cells = ask(experiment, subject)
    if polling != any(cell.live for cell in cells):
        st.rerun()  # the whole page: polling begins or ends, and the sidebar learns what a gradient costs
    plain.show(subject, cells, last_good(cells))
    for cell in cells:
        if cell.error:
            st.error(f"{figures.TITLES[cell.panel.method]}: {cell.error}", icon=":material/error:")
    progress(cells, subject)
    charts(subject, cells)
    table(cells)
    st.caption(report.provenance(subject.model.name, str(subject.model.device)))


st.markdown("#### What did the model look at?")
experiment, subject = sidebar.present()
live = any(cell.live for cell in ask(experiment, subject))
st.fragment(show, run_every=POLL if live else None)(experiment, subject, live)

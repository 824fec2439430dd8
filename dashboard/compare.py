"""Compare: the photo and the maps beside it, and under them the curves that they are measured by."""

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from dashboard import (
    charts,
    export,
    figures,
    finding,
    first,
    pictures,
    pins,
    plain,
    precomputed,
    progress,
    report,
    resources,
    sidebar,
    steps,
    viewer,
)
from dashboard.experiment import Experiment
from dashboard.jobs import View
from dashboard.panels import CONTROL, Cell, Fall, Panel, Snapshot, fall_work, further, map_work
from dashboard.subject import Subject

POLL = 0.4
"""Seconds between looks at running work."""


def ask(experiment: Experiment, subject: Subject) -> tuple[Cell, ...]:
    """What there is of each method; asking starts what is not there, and keeps it running."""
    jobs, session, known = resources.scheduler(), resources.session(), (subject.model, subject.x, resources.store())
    cells = []
    for panel in experiment.panels(subject.image, subject.model.name, subject.target):
        seen = View("done")
        if panel.method != CONTROL:
            seen = jobs.ask(session, f"{panel.method} map", panel, partial(map_work, panel, *known))
        fall = Fall(panel, experiment.patches, experiment.seed)
        fell = jobs.ask(session, f"{panel.method} fall", fall, partial(fall_work, fall, *known, jobs.finished))
        more = []
        for metric in experiment.curves:
            curve = further(panel, metric, experiment.seed)
            work = partial(fall_work, curve, *known, jobs.finished)
            more.append((curve, jobs.ask(session, f"{panel.method} {metric}", curve, work)))
        cells.append(Cell(panel, experiment.patches, seen, fell, tuple(more)))
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


def linked(subject: Subject, cells: tuple[Cell, ...], shown: Mapping[str, Snapshot]) -> None:
    """The photo and the maps in the linked viewer."""
    maps, (height, width) = [], subject.x.shape[-2:]
    for cell in cells:
        method, found = cell.panel.method, shown.get(cell.panel.method)
        if method == CONTROL:
            continue
        values = pictures.signed(found.partial.attribution) if found else np.zeros((height, width))
        said = report.status(cell) if cell.snapshot or not found else f"previous setting · {report.status(cell)}"
        words = report.describe(method, found) if found else f"{figures.TITLES[method]}: not there yet"
        labels = viewer.Labels(figures.TITLES[method], report.GLOSS[method], said, words, old=not cell.snapshot)
        maps.append((labels, values))
    viewer.show("compare", subject.labelled, [*maps, *pins.beside((height, width))], pictures.PALETTES)


def table(cells: tuple[Cell, ...]) -> None:
    st.table(report.rows(cells), hide_index=True, alt="The measures of each method")
    st.caption(report.spent(cells))


def told(cells: tuple[Cell, ...], subject: Subject) -> None:
    """How far everything is."""
    share, text = report.progress(cells)
    state = progress.state(view for cell in cells for view in cell.views)
    others = _others(resources.scheduler().others(resources.session()))
    said = {
        progress.LIVE: " · ".join(filter(None, [_left(cells, subject), others, text])),
        progress.STOPPED: progress.KEPT,
        progress.FAILED: "ended: not everything could be computed",
        progress.DONE: "complete",
    }
    progress.show(state, 1.0 if state == progress.DONE else share, said[state])


def actions(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> None:
    """What can be done with what is on screen."""
    with st.container(horizontal=True, gap="small"):
        st.button("Pin", icon=":material/keep:", on_click=pins.pin, args=(experiment, subject, cells))
        st.download_button(
            "Export",
            data=partial(export.pack, experiment, subject, cells),
            file_name=f"attribution-{experiment.image}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/download:",
            help="One ZIP: pictures, maps as .npy, curves as CSV, the setting, and a script that makes them again.",
        )
        with st.popover("Link", icon=":material/link:"):
            query = experiment.to_query()
            if experiment.own_photo:
                st.caption("A link cannot hold your own photo: it opens the setting on the cat.")
            address = st.context.url or ""
            st.code(f"{address.split('?')[0]}{'?' + urlencode(query) if query else ''}", language=None, wrap_lines=True)


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
    pins.spread()
    cells = ask(experiment, subject)
    if polling != any(cell.live for cell in cells):
        st.rerun()  # the whole page: polling begins or ends, and the sidebar learns what a gradient costs
    cells, at_work = precomputed.stand_in(cells, experiment, subject), cells
    (plain.show if st.query_params.get("viewer") == "static" else linked)(subject, cells, last_good(cells))
    for error, names in report.errors(cells).items():
        st.error(f"{', '.join(names)}: {error}", icon=":material/error:")
    told(at_work, subject)
    actions(experiment, subject, cells)
    charts.show(experiment, subject, cells)
    steps.show(subject, cells)
    table(cells)
    pins.log(experiment, subject, at_work)
    pins.scatter(subject)
    st.caption(report.provenance(subject.model.name, str(subject.model.device)))


def draw() -> None:
    st.markdown(first.TITLE)
    experiment, subject = sidebar.present()
    live = any(cell.live for cell in ask(experiment, subject))
    with st.container():  # there with or without a search: what comes after it must not change its place
        finding.draw(experiment, subject)
    st.fragment(show, run_every=POLL if live else None)(experiment, subject, live)

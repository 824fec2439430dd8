"""Compare, live: the photo, the maps, and below them the curves that measure the maps."""

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from dashboard.cold_start import first, precomputed
from dashboard.controls import pins, polling, progress, resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import COLUMNS, counted, describe, duration, provenance
from dashboard.stage import pictures, viewer
from dashboard.views.compare import charts, export, log, plain, search, steps, table
from dashboard.work.panel import CONTROL, Cell, Panel, Snapshot, curve_work, map_work
from dashboard.work.scheduler import View

POLL = 0.4
"""Seconds between updates of the page while work is running."""
SHOWN = "compare-shown"


def ask(experiment: Experiment, subject: Subject) -> tuple[Cell, ...]:
    """The results so far of each method. Starts missing work, and keeps it running."""
    jobs, name, known = resources.scheduler(), session.name(), (subject.model, subject.x, resources.store())
    if not experiment.methods:
        return ()
    cells = []
    for panel in experiment.panels(subject.image, subject.model.name, subject.target):
        seen = View("done")
        if panel.method != CONTROL:
            seen = jobs.ask(name, f"{panel.method} map", panel, partial(map_work, panel, *known))
        curves = []
        for key in experiment.curve_keys(panel):
            work = partial(curve_work, key, *known, jobs.finished)
            curves.append((key, jobs.ask(name, f"{panel.method} {key.metric}", key, work)))
        cells.append(Cell(panel, seen, tuple(curves)))
    return tuple(cells)


def last_good(cells: tuple[Cell, ...]) -> dict[str, Snapshot]:
    """The latest map of each method. Without one for this setting, the previous one for this photo and class."""
    held: Mapping[tuple[Panel | str | int, ...], Snapshot] = st.session_state.get(SHOWN, {})
    found = {}
    for cell in cells:
        panel = cell.panel
        place = (panel.method, panel.image, panel.model, panel.target)
        snapshot = cell.snapshot or held.get(place)
        if snapshot:
            found[place] = snapshot
    st.session_state[SHOWN] = found
    return {str(place[0]): snapshot for place, snapshot in found.items()}


def linked(subject: Subject, cells: tuple[Cell, ...], shown: Mapping[str, Snapshot]) -> None:
    """Shows the photo and the maps in the linked viewer."""
    maps, (height, width) = [], subject.x.shape[-2:]
    for cell in cells:
        panel, found = cell.panel, shown.get(cell.panel.method)
        if panel.method == CONTROL:
            continue
        values = pictures.signed(found.partial.attribution) if found else np.zeros((height, width))
        status = table.status(cell) if cell.snapshot or not found else f"previous setting · {table.status(cell)}"
        words = describe(panel.title, found.partial.attribution) if found else f"{panel.title}: not computed yet"
        maps.append((viewer.Labels(panel.title, panel.gloss, status, words, old=not cell.snapshot), values))
    viewer.show("compare", subject.labelled, [*maps, *pins.beside((height, width))], pictures.PALETTES)


def how_far(cells: tuple[Cell, ...], subject: Subject) -> None:
    """Shows the progress of all work."""
    share, text = table.progress(cells, subject.pixels)
    state = progress.state(view for cell in cells for view in cell.views)
    others = _others(resources.scheduler().others(session.name()))
    words = {
        progress.LIVE: " · ".join(filter(None, [_left(cells, subject), others, text])),
        progress.STOPPED: progress.KEPT,
        progress.FAILED: "failed: not all results could be computed",
        progress.DONE: "complete",
    }
    progress.show(state, 1.0 if state == progress.DONE else share, words[state])


def actions(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> None:
    """The buttons: Pin, Export and Link."""
    with st.container(horizontal=True, gap="small"):
        st.button("Pin", icon=":material/keep:", key="compare-pin", on_click=log.pin, args=(experiment, subject, cells))
        st.download_button(
            "Export",
            data=partial(export.pack, experiment, subject, cells),
            file_name=f"attribution-{experiment.image}.zip",
            mime="application/zip",
            key="compare-export",
            on_click="ignore",
            icon=":material/download:",
            help="A ZIP file: pictures, maps as .npy, curves as CSV, the setting, and a script that recomputes them.",
        )
        with st.popover("Link", icon=":material/link:"):
            query = experiment.to_query()
            if experiment.own_photo:
                st.caption("A link cannot contain your own photo: it opens this setting with the cat.")
            address = st.context.url or ""
            st.code(f"{address.split('?')[0]}{'?' + urlencode(query) if query else ''}", language=None, wrap_lines=True)


def _left(cells: tuple[Cell, ...], subject: Subject) -> str:
    model = subject.model
    gradient, value = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
    if gradient is None or value is None:
        return ""
    gradients, passes = table.left(cells, subject.pixels)
    return f"about {duration(gradient * gradients + value * passes)} left"


def _others(count: int) -> str:
    return f"sharing with {counted(count, 'other session')}" if count else ""


def show(experiment: Experiment, subject: Subject, polling: bool) -> None:
    """Draws the results. Runs repeatedly while work is running."""
    session.follow()
    cells = ask(experiment, subject)
    if polling != any(cell.live for cell in cells):
        st.rerun()  # the whole page: to start or end polling, and to show the time per gradient in the sidebar
    cells, at_work = precomputed.stand_in(cells, experiment, subject), cells
    (plain.show if st.query_params.get("viewer") == "static" else linked)(subject, cells, last_good(cells))
    if not cells:
        st.info("No method is chosen. Choose one under Methods.")
        return
    for error, names in table.errors(cells).items():
        st.error(f"{', '.join(names)}: {error}", icon=":material/error:")
    how_far(at_work, subject)
    actions(experiment, subject, cells)
    charts.show(experiment, cells)
    steps.show(subject, cells)
    st.table(table.rows(cells, experiment.metrics), hide_index=True, alt="The measures of each method")
    st.caption(table.spent(cells), help=COLUMNS)
    log.note(experiment, subject, at_work)
    log.scatter(subject)
    st.caption(provenance(subject.model))


def draw() -> None:
    """Draws the page."""
    st.markdown(first.TITLE)
    experiment, subject = session.present()
    live = any(cell.live for cell in ask(experiment, subject))
    with st.container():  # always present: the elements after it must keep their places
        search.draw(experiment, subject)
    polling.draw("compare-polling", POLL if live else None, show, experiment, subject, live)

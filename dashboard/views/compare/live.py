"""Compare, live: the stage, or plain images for browsers that cannot run it."""

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st

from dashboard.charts.styles import CONFIG
from dashboard.cold_start import first, precomputed
from dashboard.controls import knobs, pins, progress, resources, session
from dashboard.controls.search import SLOT
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.knobs import turned
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import COLUMNS, provenance
from dashboard.live.hub import HUB, Part
from dashboard.live.route import PLOTLY
from dashboard.stage import pictures, stage
from dashboard.views.compare import charts, export, log, plain, search, steps, table
from dashboard.views.compare.board import CompareBoard
from dashboard.work.panel import PERTURBATION, Cell, Panel, Snapshot

SHOWN = "compare-shown"


def board(experiment: Experiment, subject: Subject) -> CompareBoard:
    """The board of this session."""
    held, photo = log.results(), pins.keep(experiment, subject)

    def finished(cells: tuple[Cell, ...]) -> list[Part]:
        log.note(held, experiment, subject, photo, cells)
        return log.parts(held, subject.image)

    return CompareBoard(
        resources.scheduler(),
        session.name(),
        resources.store(),
        experiment,
        subject,
        tuple(pins.beside((subject.x.shape[-2], subject.x.shape[-1]))),
        beside=(SLOT,),
        finished=finished,
    )


def released() -> None:
    """A person let go of a knob of the stage."""
    values = stage.values("compare")
    if "open" in values:
        log.reopen(int(values["open"]))
    elif "image" in values:
        session.change(image=values["image"], target=None)
    else:
        session.put(turned(session.experiment(), values))


def linked(shown: CompareBoard) -> None:
    """Shows the stage, and the board on it."""
    HUB.show(session.name(), shown)
    given = {"palettes": pictures.PALETTES, "plotly": PLOTLY, "stepped": PERTURBATION, "first": []}
    stage.show("compare", session.name(), knobs.knobs(shown.subject), given, released)


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


def actions(shown: CompareBoard) -> None:
    """The buttons: Pin, Export and Link."""
    experiment, subject = shown.experiment, shown.subject

    def pin() -> None:
        log.pin(experiment, subject, shown.ask())

    def packed() -> bytes:
        return export.pack(experiment, subject, precomputed.stand_in(shown.ask(), experiment, subject))

    with st.container(horizontal=True, gap="small", key="compare-actions"):
        st.button("Pin", icon=":material/keep:", key="compare-pin", on_click=pin)
        st.download_button(
            "Export",
            data=packed,
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


def show(shown: CompareBoard) -> None:
    """Draws the results so far as plain images and text. A reload shows what has come since."""
    experiment, subject = shown.experiment, shown.subject
    at_work = shown.ask()
    shown.finished(at_work)
    cells = precomputed.stand_in(at_work, experiment, subject)
    actions(shown)
    plain.show(subject, cells, last_good(cells))
    for error, names in table.errors(cells).items():
        st.error(f"{', '.join(names)}: {error}", icon=":material/error:")
    share, text = table.progress(at_work, subject.pixels)
    state = progress.state(view for cell in at_work for view in cell.views)
    words = table.told(state, f"{text} · reload to see more")
    progress.show(state, 1.0 if state == progress.DONE else share, words, shown.ask)
    charts.show(experiment, cells)
    steps.show(subject, cells)
    st.table(table.rows(cells, experiment.metrics), hide_index=True, alt="The measures of each method")
    st.caption(table.spent(cells), help=COLUMNS)
    if log.several(log.results()):
        st.markdown(f"**{log.PAST}**")
        st.plotly_chart(log.chart(log.results(), subject.image), key="compare-scatter", config=CONFIG, alt=log.PAST)
    st.caption(provenance(subject.model))


def draw() -> None:
    """Draws the page."""
    experiment, subject = session.present()
    shown = board(experiment, subject)
    if not experiment.methods:
        st.markdown(first.TITLE)
        st.info("No method is chosen. Choose one under Methods.")
    elif st.query_params.get("viewer") == "static":
        st.markdown(first.TITLE)
        search.draw(experiment, subject)
        show(shown)
    else:
        linked(shown)
        actions(shown)
        search.draw(experiment, subject)

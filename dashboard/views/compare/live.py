"""Compare, live: the stage, or plain images for browsers that cannot run it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboard.charts.styles import CONFIG
from dashboard.cold_start import first, precomputed
from dashboard.controls import boards, knobs, lesson, photo, pins, progress, resources, search, session, settle
from dashboard.controls.address import link_of, not_used
from dashboard.controls.model import instead
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.knobs import KNOBS, turned
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import READING, columns, provenance
from dashboard.live.hub import Part
from dashboard.views.compare import charts, export, finding, log, plain, steps, table
from dashboard.views.compare.board import CompareBoard
from dashboard.work.panel import PERTURBATION, Cell, Panel, Snapshot

SHOWN = "compare-shown"
ODD = re.compile(r"[^\w.-]+")
"""What the name of a downloaded file does not have."""


def board(experiment: Experiment, subject: Subject) -> CompareBoard:
    """The board of this session."""
    held, own = log.results(), pins.keep(experiment, subject)
    digest = "" if own is None else own.digest

    def finished(cells: tuple[Cell, ...]) -> list[Part]:
        log.note(held, experiment, subject, digest, cells)
        return log.parts(held, log.place(experiment, subject))

    return CompareBoard(
        resources.scheduler(),
        session.name(),
        resources.store(),
        experiment,
        subject,
        tuple(pins.beside((subject.x.shape[-2], subject.x.shape[-1]))),
        search=search.current(experiment, subject),
        settle=settle.current(experiment, subject),
        finished=finished,
    )


def heard(values: dict[str, Any]) -> None:
    """A person let go of a knob of the stage, or clicked a point; or what runs beside the maps has ended.

    Several of these can come at once, in their order, and some of them again.
    """
    for name, value in values.items():
        if name in KNOBS:
            session.put(turned(session.experiment(), {name: value}))
        elif name == "image":
            photo.another(str(value))
        elif name == "rerun":
            take(board(*session.present()))
        elif name == "open":
            log.reopen(int(value))
        elif name == settle.SLOT:
            settle.press(str(value))
        elif name == "random":
            session.change(random=FIELDS["random"].read(str(value), session.experiment().random))


def take(shown: CompareBoard) -> None:
    """Sets the sigma, or the R, that was looked for and found; only once."""
    underway = shown.settling()
    if underway is not None and underway.found.samples is not None:
        settle.take(underway.settle, underway.found.samples)
    sought = shown.seek()
    if sought is not None and sought.found.outcome is not None:
        search.settle(sought.search, sought.found.outcome.sigma)


def linked(shown: CompareBoard) -> None:
    """Shows the board on the stage."""
    title = first.TITLE.lstrip("# ")
    boards.live("compare", session.name(), shown, heard, knobs.knobs(shown.subject), title, PERTURBATION)


def last_good(cells: tuple[Cell, ...]) -> dict[str, Snapshot]:
    """The latest map of each method. Without one for this setting, the previous one for this photo, class and score."""
    held: Mapping[tuple[Panel | str | int, ...], Snapshot] = st.session_state.get(SHOWN, {})
    found = {}
    for cell in cells:
        panel = cell.panel
        place = (panel.method, panel.image, panel.model, panel.target, panel.output)
        snapshot = cell.snapshot or held.get(place)
        if snapshot:
            found[place] = snapshot
    st.session_state[SHOWN] = found
    return {str(place[0]): snapshot for place, snapshot in found.items()}


def actions(shown: CompareBoard) -> None:
    """The buttons: Pin, Export and Link."""
    experiment, subject = shown.experiment, shown.subject

    def at_hand() -> tuple[Cell, ...]:
        return precomputed.stand_in(shown.ask(), experiment, subject)

    def pin() -> None:
        log.pin(experiment, subject, at_hand())
        st.toast("Pinned. The pin is at the end of the sidebar, on every page.")  # it is closed at first

    def packed() -> bytes:
        return export.pack(experiment, subject, at_hand())

    with st.container(horizontal=True, gap="small", key="compare-actions"):
        st.button("Pin", icon=":material/keep:", key="compare-pin", on_click=pin)
        st.download_button(
            "Export",
            data=packed,
            file_name=f"attribution-{ODD.sub('-', experiment.image)}.zip",
            mime="application/zip",
            key="compare-export",
            on_click="ignore",
            icon=":material/download:",
            help="A ZIP file: pictures, maps as .npy, curves as CSV, the setting, and a script that recomputes them.",
        )
        if shown.search is not None:
            st.button("Close the search", icon=":material/close:", key="compare-search-close", on_click=search.close)
        if shown.settle is not None:
            st.button("Close the note", icon=":material/close:", key="compare-settle-close", on_click=settle.close)
        with st.popover("How to read this", icon=":material/help:"):
            st.markdown(READING)
        with st.popover("Link", icon=":material/link:"):
            query = link_of(experiment)
            if experiment.own_photo:
                st.caption("A link cannot contain your own photo: it opens this setting with the cat.")
            address = st.context.url or ""
            st.code(f"{address.split('?')[0]}?{urlencode(query)}", language=None, wrap_lines=True)


def show(shown: CompareBoard) -> None:
    """Draws the results so far as plain images and text. A button shows what has come since."""
    experiment, subject = shown.experiment, shown.subject
    shown.hold()
    at_work = shown.ask()
    shown.finished(at_work)
    cells = precomputed.stand_in(at_work, experiment, subject)
    actions(shown)
    sought, underway = shown.seek(), shown.settling()
    if sought is not None:
        finding.show(sought)
    if underway is not None:
        st.markdown(f"**{underway.title}**  \n{underway.words}")
    plain.show(subject, cells, last_good(cells))
    for error, names in table.errors(cells).items():
        st.error(f"{', '.join(names)}: {error}", icon=":material/error:")
    state, share, text = shown.far(at_work, [one for one in (sought, underway) if one is not None])
    progress.show(state, share, progress.told(state, text), lambda: (shown.ask(), shown.seek(), shown.settling()))
    charts.show(experiment, cells)
    steps.show(subject, cells)
    st.table(table.rows(cells, experiment.metrics), hide_index=True, alt="The measures of each method")
    st.caption(table.spent(cells), help=columns(experiment.metrics))
    if log.several(log.results()):
        st.markdown(f"**{log.PAST}**")
        figure = log.chart(log.results(), log.place(experiment, subject))
        st.plotly_chart(figure, key="compare-scatter", config=CONFIG, alt=log.PAST)
    st.caption(provenance(subject.model, experiment.output))


def draw() -> None:
    """Draws the page."""
    experiment, subject = session.present()
    shown = board(experiment, subject)
    take(shown)
    session.follow()
    lesson.strip()
    if not experiment.methods:
        st.markdown(first.TITLE)
        st.info("No method is chosen. Choose one under Methods.")
    elif boards.is_plain():
        st.markdown(first.TITLE)
        show(shown)
    else:
        # The sidebar, where it is said too, is closed at first.
        photo.trouble()
        not_used()
        instead(experiment, subject.model)
        linked(shown)
        actions(shown)

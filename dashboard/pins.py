"""Pins: experiments that are kept with their maps, on every page; and a log of all that this session computed."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import numpy as np
import streamlit as st

from dashboard import figures, pictures, report, viewer
from dashboard.experiment import PINNED, Experiment
from dashboard.panels import CONTROL, Cell
from dashboard.subject import Subject, Upload, write

MOST = 24
"""Pins, and with them their maps."""


@dataclass(frozen=True, eq=False)
class Pin:
    """An experiment as it was; its maps are signed sums over channels. `photo` is there where the gallery lacks it."""

    name: str
    experiment: Experiment
    photo: Upload | None
    maps: tuple[viewer.Labelled, ...]
    id: str
    beside: bool = False


@dataclass(frozen=True)
class Result:
    """What a method measured in an experiment."""

    experiment: Experiment
    photo: Upload | None
    image: str
    method: str
    aupc: float
    autvc: float


def pinned() -> list[Pin]:
    found: list[Pin] = st.session_state.setdefault("pins", [])
    return found


def pin(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> None:
    """Keeps what is on screen."""
    category = subject.explained[1]
    maps = []
    for cell in cells:
        if cell.panel.method == CONTROL or cell.snapshot is None:
            continue
        title, said = figures.TITLES[cell.panel.method], report.row(cell)
        status = f"AUPC {said['AUPC ↓']} · AUTVC {said['AUTVC ↓']}"
        values = pictures.signed(cell.snapshot.partial.attribution).astype(np.float32)
        maps.append((viewer.Labels(title, "", status, report.describe(cell.panel.method, cell.snapshot)), values))
    name = f"{category}, σ {experiment.sigma:g}, R {experiment.samples}, M {experiment.steps}"
    made = Pin(name, experiment, keep(experiment, subject), tuple(maps), uuid4().hex[:8])
    st.session_state.pins = [*pinned(), made][-MOST:]
    st.session_state.everywhere = True


def spread() -> None:
    """A button within a fragment changes that alone: what concerns the controls too is drawn with them."""
    if st.session_state.pop("everywhere", False):
        st.rerun()


def keep(experiment: Experiment, subject: Subject) -> Upload | None:
    """The photo, where a link could not bring it back."""
    if not experiment.own_photo:
        return None
    return Upload("", subject.image, subject.source)


def beside(shape: tuple[int, int]) -> list[viewer.Labelled]:
    """The maps of the pins that are shown beside the present ones; those of another size cannot be."""
    return [
        (replace(labels, gloss=one.name, title=f"{labels.title} (pin)"), values)
        for one in pinned()
        if one.beside
        for labels, values in one.maps
        if values.shape == shape
    ]


def open_experiment(experiment: Experiment, photo: Upload | None) -> None:
    """Sets the controls to a kept experiment. Only in a callback: the controls are not drawn yet then."""
    if photo is not None:
        st.session_state.pinned_photo = photo
        experiment = replace(experiment, image=PINNED)
    write(experiment)
    st.session_state.everywhere = True


def _change(one: Pin, **change: Any) -> None:
    st.session_state.pins = [replace(p, **change) if p.id == one.id else p for p in pinned()]


def _rename(one: Pin) -> None:
    _change(one, name=st.session_state[f"name-{one.id}"].strip() or one.name)


def _remove(one: Pin) -> None:
    st.session_state.pins = [p for p in pinned() if p.id != one.id]


def show(experiment: Experiment) -> None:
    """The list of pins: what differs from now, and what can be done with each."""
    if not pinned():
        return
    st.markdown("**Pins**")
    for one in pinned():
        with st.container(border=True, key=f"pin-{one.id}"):
            st.text_input(
                "Name", one.name, key=f"name-{one.id}", on_change=_rename, args=(one,), label_visibility="collapsed"
            )
            unlike = one.experiment.unlike(experiment)
            st.caption(" · ".join(f"{letter} {value}" for letter, value in unlike.items()) or "the present setting")
            with st.container(horizontal=True, gap="small"):
                st.button("Open", key=f"open-{one.id}", on_click=open_experiment, args=(one.experiment, one.photo))
                label, shown = ("Hide" if one.beside else "Beside"), not one.beside
                st.button(label, key=f"beside-{one.id}", on_click=_change, args=(one,), kwargs={"beside": shown})
                st.button(
                    "", icon=":material/delete:", key=f"remove-{one.id}", on_click=_remove, args=(one,), help="Remove"
                )


def log(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> None:
    """Notes every method whose map and curve are whole."""
    results: dict[object, Result] = st.session_state.setdefault("results", {})
    for cell in cells:
        key = (cell.panel, cell.patches)
        if cell.panel.method == CONTROL or key in results or cell.snapshot is None or cell.curve is None:
            continue
        if cell.map.state == cell.fall.state == "done":
            areas = cell.curve.area, cell.snapshot.variation.area
            results[key] = Result(experiment, keep(experiment, subject), subject.image, cell.panel.method, *areas)


def scatter(subject: Subject) -> None:
    """AUPC against AUTVC over all that was computed; a click opens what made a point."""
    results: list[Result] = list(st.session_state.get("results", {}).values())
    if len({result.experiment for result in results}) < 2:
        return
    st.markdown("**Everything computed in this session** · lower left is better; click a point to open it")
    default = Experiment()
    points = [(r.method, r.autvc, r.aupc, _words(r, default), r.image == subject.image) for r in results]
    st.plotly_chart(
        figures.scatter(points),
        key="scatter",
        config=figures.CONFIG,
        on_select=lambda: _clicked(results),
        selection_mode="points",
        alt="AUPC against AUTVC of every finished map",
    )
    st.caption("Faded points are of other photos: areas compare on one photo, one class and one model.")


def _words(result: Result, default: Experiment) -> str:
    unlike = result.experiment.unlike(default)
    return ", ".join(f"{letter} {value}" for letter, value in unlike.items()) or "the default setting"


def _clicked(results: list[Result]) -> None:
    points = st.session_state.scatter.selection.points
    if points:
        result = results[int(points[0]["customdata"][0])]
        open_experiment(result.experiment, result.photo)

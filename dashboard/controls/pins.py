"""Pins: saved experiments with their maps, shown on every page."""

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.controls import session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.gallery import PINNED
from dashboard.experiment.subject import Photo, Subject
from dashboard.experiment.words import escaped
from dashboard.stage.labels import Labelled

MOST = 24
"""The maximum number of pins, which bounds the memory for their maps."""
PINS = "session-pins"


@dataclass(frozen=True, eq=False)
class Pin:
    """A saved experiment. Its maps are signed sums over channels. `photo` is None for a gallery photo."""

    name: str
    experiment: Experiment
    photo: Photo | None
    maps: tuple[Labelled, ...]
    id: str
    beside: bool = False


def pinned() -> list[Pin]:
    """All pins, oldest first."""
    found: list[Pin] = st.session_state.get(PINS, [])
    return found


def hold(pins: list[Pin]) -> None:
    """Saves these pins; only the latest ones if there are too many."""
    st.session_state[PINS] = pins[-MOST:]


def keep(experiment: Experiment, subject: Subject) -> Photo | None:
    """The photo, if a link cannot restore it."""
    if not experiment.own_photo:
        return None
    return session.photo(experiment.image) or Photo(subject.digest, subject.source)


def own_photos() -> dict[str, Photo]:
    """The user's own photos that are here, by their digests: those of the session, and those of pins."""
    held = [*(session.photo(image) for image in session.PHOTOS), *(one.photo for one in pinned())]
    return {photo.digest: photo for photo in held if photo is not None}


def beside(shape: tuple[int, int]) -> list[Labelled]:
    """The maps of the pins shown beside the present maps. Maps of another size are left out."""
    return [
        (replace(labels, gloss=one.name, title=f"{labels.title} (pin)"), values)
        for one in pinned()
        if one.beside
        for labels, values in one.maps
        if values.shape == shape
    ]


def open_experiment(experiment: Experiment, photo: Photo | None) -> None:
    """Sets the controls to a saved experiment."""
    if photo is not None:
        session.hold_photo(PINNED, photo)
        experiment = replace(experiment, image=PINNED)
    session.put(experiment)


def _change(one: Pin, **change: Any) -> None:
    hold([replace(p, **change) if p.id == one.id else p for p in pinned()])


def _rename(one: Pin) -> None:
    _change(one, name=session.value(f"control-pin-name-{one.id}").strip() or one.name)


def _remove(one: Pin) -> None:
    hold([p for p in pinned() if p.id != one.id])


def _unlike(one: Pin, experiment: Experiment) -> str:
    """In words: how a pin differs from the present setting. Photos of one's own are told apart by what they show."""
    there, found = one.experiment, []
    if one.photo is not None and experiment.own_photo:
        here = session.photo(experiment.image)
        there = replace(there, image=experiment.image)
        found = ["another photo"] if here is not None and here.digest != one.photo.digest else []
    found += [f"{letter} {escaped(value)}" for letter, value in there.unlike(experiment).items()]
    return " · ".join(found) or "the present setting"


def show(experiment: Experiment) -> None:
    """Draws the list of pins: how each differs from the present setting, and its buttons."""
    if not pinned():
        return
    st.markdown("**Pins**")
    for one in pinned():
        key = session.show(f"control-pin-name-{one.id}", one.name)
        with st.container(border=True, key=f"control-pin-{one.id}"):
            st.text_input("Name", one.name, key=key, on_change=_rename, args=(one,), label_visibility="collapsed")
            st.caption(_unlike(one, experiment))
            with st.container(horizontal=True, gap="small"):
                opens: dict[str, Any] = {"on_click": open_experiment, "args": (one.experiment, one.photo)}
                st.button("Open", key=f"control-pin-open-{one.id}", **opens)
                label, shown = ("Hide" if one.beside else "Beside"), not one.beside
                turns: dict[str, Any] = {"on_click": _change, "args": (one,), "kwargs": {"beside": shown}}
                st.button(label, key=f"control-pin-beside-{one.id}", **turns)
                removes: dict[str, Any] = {"on_click": _remove, "args": (one,), "help": "Remove"}
                st.button("", icon=":material/delete:", key=f"control-pin-remove-{one.id}", **removes)

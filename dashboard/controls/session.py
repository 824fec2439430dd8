"""What a session keeps. The experiment here is the only copy: controls are drawn from it, and their callbacks write it.

Keys of `st.session_state` begin with the name of their owner: "session-" and "control-" here and in this folder, the
page's name for what a page keeps. A run of the page can end between any two changes of its state, so every change is
made so that the next run can make it again.
"""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import streamlit as st

from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.gallery import PINNED, UPLOAD
from dashboard.experiment.subject import Photo, Subject

EXPERIMENT, DRAWN, PRESENT = "session-experiment", "session-drawn", "session-present"
REDRAW, CHANGED = "session-redraw", "session-changed"
NAME, MISSING = "session-name", "session-photo-missing"
PHOTOS = {UPLOAD: "session-own-photo", PINNED: "session-pinned-photo"}
Made = TypeVar("Made")


def name() -> str:
    """A name for this browser session that no other has."""
    if NAME not in st.session_state:
        st.session_state[NAME] = uuid4().hex
    return str(st.session_state[NAME])


def experiment() -> Experiment:
    """What is set now."""
    found: Experiment = st.session_state[EXPERIMENT]
    return found


def begun() -> bool:
    """Whether this session has an experiment yet."""
    return EXPERIMENT in st.session_state


def put(experiment: Experiment) -> None:
    """Sets the whole experiment. The controls show it from the next run on."""
    st.session_state[EXPERIMENT] = experiment
    st.session_state[CHANGED] = True


def changed() -> bool:
    """Whether the experiment was set since the address was written last."""
    return bool(st.session_state.get(CHANGED))


def settled() -> None:
    """The address says what is set."""
    st.session_state[CHANGED] = False


def change(**values: Any) -> None:
    """Sets some fields of the experiment."""
    put(replace(experiment(), **values))


def place(field: str) -> str:
    """Prepares the control of a field, before it is drawn, to show what is set; returns the control's key."""
    return show(f"control-{field}", FIELDS[field].to_widget(getattr(experiment(), field)))


def show(key: str, value: Any) -> str:
    """Prepares a control, before it is drawn, to show a value; returns its key.

    A value that it shows already is not set again: a slider would step back under quick keys.
    """
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return key


def take(field: str) -> None:
    """Takes a field from its control: what the control calls when a person changes it.

    After Back the browser can send a choice of the page before, which is none of the present options: it is left out.
    """
    try:
        value = FIELDS[field].from_widget(st.session_state[f"control-{field}"])
    except ValueError:
        return
    change(**{field: value})


def present() -> tuple[Experiment, Subject]:
    """The experiment and the subject that the controls of this run stand for."""
    found: tuple[Experiment, Subject] = st.session_state[PRESENT]
    return found


def drawn(subject: Subject) -> None:
    """Every control has been drawn: what they stand for is what the pages show."""
    st.session_state[PRESENT] = (experiment(), subject)
    st.session_state[DRAWN] = experiment()
    st.session_state[REDRAW] = False


def redraw() -> None:
    """Asks for all controls to be drawn again: something that they show has changed."""
    st.session_state[REDRAW] = True


def follow() -> None:
    """Runs the whole page where a fragment has changed what the controls show: they are not of the fragment."""
    if st.session_state.get(DRAWN) != experiment() or st.session_state.get(REDRAW):
        st.rerun()


def photo(image: str) -> Photo | None:
    """The photo that the reader has handed in (UPLOAD), or that of the pin that was opened (PINNED)."""
    found: Photo | None = st.session_state.get(PHOTOS[image])
    return found


def hold_photo(image: str, photo: Photo | None) -> None:
    """Keeps such a photo, or forgets it."""
    st.session_state[PHOTOS[image]] = photo
    st.session_state[MISSING] = False


def miss_photo() -> None:
    """Notes that the address speaks of a photo that this session does not have."""
    st.session_state[MISSING] = True


def photo_is_missing() -> bool:
    """Whether the address speaks of a photo that this session does not have."""
    return bool(st.session_state.get(MISSING))


def once(name: str, key: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` makes for `key`. The session keeps the last one under `name`, and makes another for another key only.

    Key and value are one entry, so that a run that is cut off cannot separate them.
    """
    held: Any = st.session_state.get(name)
    if held is None or held[0] != key:
        held = (key, make())
        st.session_state[name] = held
    made: Made = held[1]
    return made

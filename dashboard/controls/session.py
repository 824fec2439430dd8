"""The state of a session. The experiment here is the only copy: controls show it, and their callbacks write it.

Keys of `st.session_state` start with the name of their owner: "session-" or "control-" in this folder, and the page's
name for the state of a page. Streamlit may interrupt a run anywhere, so every write must be repeatable.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from uuid import uuid4

import streamlit as st

from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.gallery import PINNED, UPLOAD
from dashboard.experiment.subject import Photo, Subject

EXPERIMENT, DRAWN, PRESENT = "session-experiment", "session-drawn", "session-present"
CHANGED, NUMBERS = "session-changed", "session-numbers"
NAME, MISSING = "session-name", "session-photo-missing"
PHOTOS = {UPLOAD: "session-own-photo", PINNED: "session-pinned-photo"}
Made = TypeVar("Made")


def name() -> str:
    """A unique name for this browser session."""
    if NAME not in st.session_state:
        st.session_state[NAME] = uuid4().hex
    return str(st.session_state[NAME])


def experiment() -> Experiment:
    """The present experiment."""
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
    """Whether the experiment changed since the URL was last written."""
    return bool(st.session_state.get(CHANGED))


def settled() -> None:
    """Notes that the URL now matches the experiment."""
    st.session_state[CHANGED] = False


def change(**values: Any) -> None:
    """Sets some fields of the experiment."""
    put(experiment().changed(**values))


def shown(field: str) -> Any:
    """The present value of a field, as its control shows it."""
    return FIELDS[field].to_widget(getattr(experiment(), field))


def place(field: str) -> str:
    """The key of the control of a field, which is drawn with `shown` as its default."""
    return show(f"control-{field}", shown(field))


def show(name: str, value: Any) -> str:
    """The key of a control that must show a value. The control must be drawn with this value as its default.

    When the program sets a value, the control gets a new key, so it is a new control for the browser. What the browser
    sends before it receives the new value belongs to the old control, and cannot undo it.
    """
    numbers: dict[str, int] = st.session_state.setdefault(NUMBERS, {})
    if _key(name) not in st.session_state or st.session_state[_key(name)] != value:
        numbers[name] = numbers.get(name, -1) + 1
    return _key(name)


def value(name: str) -> Any:
    """The value of a control that was drawn with a key of `show`."""
    return st.session_state[_key(name)]


def _key(name: str) -> str:
    number = st.session_state[NUMBERS].get(name, 0)
    return f"{name}-{number}" if number else name


def take(field: str) -> None:
    """Takes a field from its control: what the control calls when a person changes it.

    After Back the browser can send a choice of the page before, which is none of the present options: it is left out.
    """
    try:
        taken = FIELDS[field].from_widget(value(f"control-{field}"))
    except ValueError:
        return
    change(**{field: taken})


def present() -> tuple[Experiment, Subject]:
    """The experiment and the subject that the controls show in this run. Not for pages that have no use for a photo."""
    found: tuple[Experiment, Subject] = st.session_state[PRESENT]
    return found


def drawn(subject: Subject) -> None:
    """Called when all controls are drawn: the pages show this experiment and subject."""
    st.session_state[PRESENT] = (experiment(), subject)
    st.session_state[DRAWN] = experiment()


def follow() -> None:
    """Runs the script again if the experiment is not the one that the controls show: they were drawn before."""
    if st.session_state.get(DRAWN) != experiment():
        st.rerun()


def before() -> Experiment | None:
    """The experiment that the controls showed in the run before this one."""
    found: Experiment | None = st.session_state.get(DRAWN)
    return found


def photo(image: str) -> Photo | None:
    """The photo that the user uploaded (UPLOAD), or the photo of the opened pin (PINNED)."""
    found: Photo | None = st.session_state.get(PHOTOS[image])
    return found


def hold_photo(image: str, photo: Photo | None) -> None:
    """Saves such a photo, or removes it."""
    st.session_state[PHOTOS[image]] = photo
    miss_photo("")


def miss_photo(words: str) -> None:
    """Notes what to say of a photo that the URL names and that is not here; nothing if it is."""
    st.session_state[MISSING] = words


def missing_photo() -> str:
    """What to say of a photo that the URL names and that is not here."""
    return str(st.session_state.get(MISSING, ""))


def once(name: str, key: Hashable, make: Callable[[], Made]) -> Made:
    """The result of `make` for `key`. The session caches the last result under `name`; a new key calls `make` again.

    None is not cached: what is not there can come later. Key and value are one entry, so that an interrupted run cannot
    separate them.
    """
    held: Any = st.session_state.get(name)
    if held is None or held[0] != key or held[1] is None:
        held = (key, make())
        st.session_state[name] = held
    made: Made = held[1]
    return made

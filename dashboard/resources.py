"""What the whole process shares: models (bounded), the store of evaluations, schedulers; and what a session keeps."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any, TypeVar
from uuid import uuid4

import streamlit as st

from attribution import Store, load_model
from attribution.engine.devices import best_device
from attribution.models import Model
from dashboard.jobs import Scheduler

STORE_BYTES = 1 << 30
CELLS = 256
"""With their maps, about 50 MB."""
Made = TypeVar("Made")


@st.cache_resource(max_entries=3, show_spinner="Loading the model")
def model(name: str) -> Model:
    """The model, on the best device. Raises ValueError when its weights cannot be had."""
    return load_model(name)


@st.cache_resource(show_spinner=False)
def store() -> Store:
    return Store(STORE_BYTES)


@st.cache_resource(show_spinner=False)
def scheduler() -> Scheduler:
    """The worker of the one device that models are loaded on."""
    return Scheduler().start(f"attribution on {best_device()}")


@st.cache_resource(show_spinner=False)
def downloads() -> Scheduler:
    """A worker that only waits for the network."""
    return Scheduler().start("downloads")


@st.cache_resource(show_spinner=False)
def cells() -> MutableMapping[Any, Any]:
    """Cells of sweeps, the latest ones, whoever asked for them. Only the worker writes."""
    return Latest()


class Latest(OrderedDict[Any, Any]):
    """Holds a bounded number: what was written longest ago goes."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > CELLS:
            self.popitem(last=False)


def session() -> str:
    """A name for this browser session that no other has."""
    if "session" not in st.session_state:
        st.session_state.session = uuid4().hex
    return str(st.session_state.session)


def once(name: str, key: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` makes for `key`: the session keeps the last one under `name`, and makes another for another key only.

    Key and value are one entry: a run of the page can end between any two changes of its state.
    """
    held: Any = st.session_state.get(name)
    if held is None or held[0] != key:
        held = (key, make())
        st.session_state[name] = held
    made: Made = held[1]
    return made

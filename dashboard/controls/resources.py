"""What all sessions of the process share: models, the store of evaluations, schedulers, cells of sweeps."""

from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any

import streamlit as st

from attribution import Store
from attribution.engine.devices import best_device
from attribution.models import Model
from dashboard.work.kept import Kept
from dashboard.work.models import Models
from dashboard.work.scheduler import Scheduler

STORE_BYTES = 1 << 30
CELLS = 256
"""The maximum number of sweep cells; with their maps about 50 MB."""


@st.cache_resource(show_spinner=False)
def models() -> Models:
    """The loaded models. The worker thread uses them too, so the class does not use Streamlit."""
    return Models()


def model(name: str) -> Model:
    """The model, on the best device. Raises ValueError if its weights cannot be loaded."""
    if name in models():
        return models().get(name)
    with st.spinner("Loading the model"):
        return models().get(name)


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The evaluated points of all sessions."""
    return Store(STORE_BYTES)


@st.cache_resource(show_spinner=False)
def scheduler() -> Scheduler:
    """The worker for the device of the models."""
    return Scheduler().start(f"attribution on {best_device()}")


@st.cache_resource(show_spinner=False)
def downloads() -> Scheduler:
    """A worker that only waits for the network."""
    return Scheduler().start("downloads")


@st.cache_resource(show_spinner=False)
def kept() -> Kept:
    """What a reload of the page would lose, for all tabs."""
    return Kept()


@st.cache_resource(show_spinner=False)
def cells() -> MutableMapping[Any, Any]:
    """The latest cells of sweeps, of all sessions. Only the worker writes here."""
    return Latest()


class Latest(OrderedDict[Any, Any]):
    """A dictionary of bounded size: the oldest entry is dropped."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > CELLS:
            self.popitem(last=False)

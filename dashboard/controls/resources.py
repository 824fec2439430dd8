"""What the whole process shares: models (bounded), the store of evaluations, schedulers, cells of sweeps."""

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
"""With their maps, about 50 MB."""


@st.cache_resource(show_spinner=False)
def models() -> Models:
    """The loaded models. The worker asks them too, so they know no Streamlit."""
    return Models()


def model(name: str) -> Model:
    """The model, on the best device. Raises ValueError when its weights cannot be had."""
    if name in models():
        return models().get(name)
    with st.spinner("Loading the model"):
        return models().get(name)


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """Evaluated points, for all sessions."""
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
def kept() -> Kept:
    """What reloads would lose, of all tabs."""
    return Kept()


@st.cache_resource(show_spinner=False)
def cells() -> MutableMapping[Any, Any]:
    """Cells of sweeps, the latest ones, whoever asked for them. Only the worker writes."""
    return Latest()


class Latest(OrderedDict[Any, Any]):
    """Holds a bounded number of entries: the oldest one goes."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > CELLS:
            self.popitem(last=False)

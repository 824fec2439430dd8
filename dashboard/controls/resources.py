"""What all sessions of the process share: models, the store of evaluations, schedulers, cells of sweeps.

Any visitor can have Streamlit clear its caches, for everybody. So they hold only what is read again from files or made
again in a moment.
"""

from collections.abc import Callable, Hashable
from functools import cache, wraps
from threading import Lock
from typing import TypeVar

import streamlit as st
import torch

from attribution import Store
from attribution.engine.devices import all_devices
from attribution.models import Model
from dashboard.live.hub import HUB
from dashboard.work.kept import Kept, Latest
from dashboard.work.models import Models
from dashboard.work.scheduler import Scheduler

STORE_BYTES = 1 << 30
DEVICE = "session-device"
"""Key: the number of the session's device, if there are several."""
PICTURES = 1024
"""The maximum number of small pictures of baselines that are kept, of some 8 KB each."""
TABLES = 8
"""The maximum number of results files and of their tables that are kept; a file of the project takes 11 MB."""

Made = TypeVar("Made")


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """`make` is called once in this process, whoever asks first, and nobody can clear what it made."""
    made, lock = cache(make), Lock()

    @wraps(make)
    def held() -> Made:
        with lock:
            return made()

    return held


@st.cache_resource(show_spinner=False)
def models() -> Models:
    """The loaded models. The worker thread uses them too, so the class does not use Streamlit."""
    return Models()


def device() -> torch.device:
    """The device that computes for this session."""
    return all_devices()[_place()]


def model(name: str) -> Model:
    """The model, on the device of this session. Raises ValueError if its weights cannot be loaded."""
    if models().holds(name, device()):
        return models().get(name, device())
    with st.spinner("Loading the model"):
        return models().get(name, device())


@once
def store() -> Store:
    """The evaluated points of all sessions."""
    return Store(STORE_BYTES)


@once
def schedulers() -> tuple[Scheduler, ...]:
    """A worker for each device. They also drop what is kept of visitors who have left."""
    visits, results = kept(), cells()

    def tidied() -> None:
        HUB.tidy()
        visits.tidy()
        results.tidy()

    return tuple(
        Scheduler(changed=HUB.changed, tidied=tidied).start(f"attribution on {device}") for device in all_devices()
    )


def scheduler() -> Scheduler:
    """The worker for the device of this session."""
    return schedulers()[_place()]


def _place() -> int:
    """A new session gets the device with the fewest sessions, and keeps it."""
    if len(all_devices()) == 1:
        return 0
    if DEVICE not in st.session_state:
        counts = [worker.sessions for worker in schedulers()]
        st.session_state[DEVICE] = counts.index(min(counts))
    return int(st.session_state[DEVICE])


@once
def downloads() -> Scheduler:
    """A worker that only waits for the network."""
    return Scheduler(changed=HUB.changed).start("downloads")


@once
def kept() -> Kept:
    """What a reload of the page would lose, for all tabs."""
    return Kept()


@once
def cells() -> Latest:
    """The latest cells of sweeps, of all sessions. Only the workers write here."""
    return Latest()


@st.cache_resource(show_spinner=False, max_entries=TABLES)
def read_once(key: Hashable, _make: Callable[[], Made]) -> Made:
    """What is the same for every session, and takes long to read: only the first session waits for it."""
    return _make()


@st.cache_resource(show_spinner=False, max_entries=PICTURES)
def picture_once(key: Hashable, _make: Callable[[], str]) -> str:
    """A small picture, as a data URL, that is the same for every session."""
    return _make()

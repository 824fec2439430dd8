"""Loaded models, shared by all sessions and workers. Only the last used ones are kept, and those that are in use."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from weakref import WeakValueDictionary

import torch

from attribution import MODELS, load_model
from attribution.engine.devices import best_device
from attribution.models import Model, card

MOST = 3
"""The maximum number of models that are kept on each device, besides those of pages."""
CHUNK = 0.2
"""Seconds of a batch: a hand that moves a knob must not wait for a long one to end."""


Place = tuple[str, torch.device]


def add(name: str) -> None:
    """Puts a model on the list, for everybody: the page shows it beside the built-in ones.

    Only whoever starts the server may name one. It is tried at once if its weights are here. Raises ValueError, one
    line, if there is no such model, or if it cannot be explained.
    """
    if name in MODELS:
        return
    found = card(name)
    titles = {known.title for known in MODELS.values()}
    MODELS[name] = replace(found, title=name if found.title in titles else found.title)
    try:
        if found.here:
            load_model(name)
    except ValueError:
        del MODELS[name]
        raise


def load_listed(name: str, device: torch.device) -> Model:
    """`load_model` for a model on the list. Other names can run code, and a link must never do that."""
    if name not in MODELS:
        raise ValueError(f"model {name!r} is not on the list of this server; choose another")
    return load_model(name, device)


class Models:
    """Loads each model once on each device. Requests during loading wait for it. Thread-safe."""

    def __init__(self, load: Callable[[str, torch.device], Model] = load_listed, most: int = MOST) -> None:
        self.load, self.most = load, most
        self._held: OrderedDict[Place, Model] = OrderedDict()
        self._there: WeakValueDictionary[Place, Model] = WeakValueDictionary()
        """All that are in memory. A page can use one that is held no more: a second copy would only take memory."""
        self._loading: dict[Place, Lock] = {}
        self._lock = Lock()

    def get(self, name: str, device: torch.device | None = None) -> Model:
        """The model, on the device or else the best one. Raises ValueError if its weights cannot be loaded."""
        place = (name, device or best_device())
        with self._lock:
            loading = self._loading.setdefault(place, Lock())
        with loading:
            with self._lock:
                found = self._there.get(place)
            if found is None:
                found = self.load(*place)
                found.gradient_batch.seconds = found.value_batch.seconds = CHUNK
            with self._lock:
                self._there[place] = self._held[place] = found
                self._held.move_to_end(place)
                beside = [held for held in self._held if held[1] == place[1]]
                for oldest in beside[: max(0, len(beside) - self.most)]:
                    del self._held[oldest]
        return found

    def holds(self, name: str, device: torch.device | None = None) -> bool:
        """Whether the model is loaded on the device."""
        with self._lock:
            return (name, device or best_device()) in self._there

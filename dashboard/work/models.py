"""Loaded models, shared by all sessions and the worker. Only the last used ones are kept."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from attribution import load_model
from attribution.models import Model

MOST = 3


class Models:
    """Loads each model once. Requests during loading wait for it. Thread-safe."""

    def __init__(self, load: Callable[[str], Model] = load_model, most: int = MOST) -> None:
        self.load, self.most = load, most
        self._held: OrderedDict[str, Model] = OrderedDict()
        self._loading: dict[str, Lock] = {}
        self._lock = Lock()

    def get(self, name: str) -> Model:
        """The model, on the best device. Raises ValueError if its weights cannot be loaded."""
        with self._lock:
            loading = self._loading.setdefault(name, Lock())
        with loading:
            with self._lock:
                found = self._held.get(name)
            if found is None:
                found = self.load(name)
            with self._lock:
                self._held[name] = found
                self._held.move_to_end(name)
                while len(self._held) > self.most:
                    self._held.popitem(last=False)
        return found

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._held

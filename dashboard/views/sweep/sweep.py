"""A sweep: one method with several values of one or two knobs, others beside it; as text and back. No Streamlit."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any
from urllib.parse import quote, unquote

from attribution import METHODS, MODELS
from attribution.engine.score import OUTPUTS
from attribution.registry import Choice
from dashboard.experiment.choices import PREDICTED, class_name, same_classes
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.work.panel import CONTROL, Panel
from dashboard.work.sweep import Key, Place, Task

MOST = 36
"""The maximum number of cells of a sweep: all their maps are on screen."""
MODEL = Experiment().model
"""The model whose classes a sweep has if no other is given."""

OF_ALL = ("target", "model", "output")
"""What every method has, besides its own knobs."""
PRESETS = {
    "Table I: σ and R": "smooth_taylor:sigma=0.3/0.5/0.7,samples=100/150/200",
    "Table II: extreme σ": "smooth_taylor:sigma=0.0001/0.001/0.01/0.1/0.5/1/2,samples=100",
}


@dataclass(frozen=True)
class Axis:
    """A knob and its values."""

    knob: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Sweep:
    """A method and its axes. `text` is the sweep in one line, in the notation of the benchmark.

    The values of the axis "target" are classes of `model`. `beside` are other methods, for the charts alone; they are
    no part of the text.
    """

    method: str
    axes: tuple[Axis, ...]
    model: str = MODEL
    beside: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        knobs = (f"{axis.knob}={'/'.join(_written(axis.knob, value) for value in axis.values)}" for axis in self.axes)
        return f"{self.method}:{','.join(knobs)}"

    @property
    def places(self) -> tuple[Place, ...]:
        if len(self.axes) == 1:
            return tuple((value,) for value in self.axes[0].values)
        first, second = self.axes
        return tuple((a, b) for a in first.values for b in second.values)

    def at(self, experiment: Experiment, place: Place, other: str = "") -> Experiment:
        """The experiment of a cell; for another method, its knobs of the same names are turned too.

        A sweep over N sets the noise baseline, because only that baseline uses N.
        """
        values = {axis.knob: value for axis, value in zip(self.axes, place, strict=True)}
        if "draws" in values and "baseline" not in values:
            values["baseline"] = "uniform"
        for method, (knob, value) in product(filter(None, (self.method, other)), values.items()):
            if knob in METHODS[method].knobs:
                experiment = experiment.turned(method, knob, value)
        return experiment.changed(**{knob: values[knob] for knob in OF_ALL if knob in values})

    def opened(self, experiment: Experiment, place: Place) -> Experiment:
        """The experiment of a cell for Compare: its method is among the compared methods. Its controls and its link end
        sooner than a sweep may, or have fewer digits: what they cannot hold is the nearest value that they can."""
        found = self.at(experiment, place)
        methods = found.methods if self.method in found.methods else (self.method, *found.methods)
        return replace(Experiment.from_query(replace(found, methods=methods).to_query()), image=found.image)

    def unlike_opened(self, experiment: Experiment, place: Place) -> tuple[str, ...]:
        """What Compare opens instead of the values of a cell, as "R 500"; empty if it opens them."""
        there = self.opened(experiment, place).every_knob(self.method)
        here = self.at(experiment, place).every_knob(self.method)
        return tuple(f"{letter(knob)} {self.say(knob, there[knob])}" for knob in here if there[knob] != here[knob])

    def key(self, experiment: Experiment, photo: str) -> Key:
        """The key of the work: a task for each cell, the curves of the random orders, and the methods beside it.

        Random orders are those of one class, model and score: a sweep over these has none.
        """
        control = experiment.panel(CONTROL, "", experiment.model, _class(experiment))
        one = not any(axis.knob in OF_ALL for axis in self.axes)
        tasks = tuple(self._task(experiment, place) for place in self.places)
        beside = tuple(self._task(experiment, place, other) for other, place in product(self.beside, self.places))
        return Key(tasks, experiment.curve_keys(control) if one else (), photo, beside)

    def panel(self, experiment: Experiment, place: Place, other: str = "") -> Panel:
        """The panel of a cell, without its image; or that of another method at the same place."""
        here = self.at(experiment, place, other)
        return here.panel(other or self.method, "", here.model, _class(here))

    def _task(self, experiment: Experiment, place: Place, other: str = "") -> Task:
        panel = self.panel(experiment, place, other)
        title = METHODS[other].title if other else self.title(place)
        return Task(place, title, panel, self.at(experiment, place, other).curve_keys(panel))

    def title(self, place: Place) -> str:
        return " · ".join(
            f"{letter(axis.knob)} {self.say(axis.knob, value)}" for axis, value in zip(self.axes, place, strict=True)
        )

    def say(self, knob: str, value: Any) -> str:
        """A value as shown on the page. No two values look alike: maps are told apart by their titles."""
        if knob == "target":
            name = class_name(self.model, value)
            return f"{name} ({value})" if name in self._repeated else name
        return FIELDS[knob].say(value) if knob == "model" else _plain(value)

    @cached_property
    def _repeated(self) -> frozenset[str]:
        """The names that several classes of the model have."""
        return frozenset(name for name, count in Counter(MODELS[self.model].categories).items() if count > 1)


def _class(experiment: Experiment) -> int:
    return PREDICTED if experiment.target is None else experiment.target


def _plain(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def letter(knob: str) -> str:
    """A knob's letter, or its name."""
    return FIELDS[knob].letter if knob in FIELDS else knob


def _written(knob: str, value: Any) -> str:
    """A value in a link. The name of a model can contain what separates values."""
    return quote(value, safe="") if knob == "model" else _plain(value)


def usual(knob: str, method: str, classes: Sequence[int]) -> Axis:
    """A knob with the first values of a sweep. `classes` are the classes of the photo, likeliest first."""
    if knob == "target":
        return Axis(knob, tuple(classes[:4]))
    declared = FIELDS[knob].usual if knob in FIELDS else ()
    found = allowed(knob, declared, method) or choices(knob, method)[:6]
    return Axis(knob, found or (METHODS[method].knobs[knob].default,))


def with_method(sweep: Sweep, method: str, classes: Sequence[int]) -> Sweep:
    """The sweep for another method, with the axes whose knobs it has. Values that it does not allow are left out; if
    none is left, the axis has its usual ones."""
    kept = []
    for axis in sweep.axes:
        if axis.knob in knobs(method):
            values = allowed(axis.knob, axis.values, method, sweep.model)
            kept.append(Axis(axis.knob, values) if values else usual(axis.knob, method, classes))
    return replace(sweep, method=method, axes=tuple(kept) or (usual(knobs(method)[0], method, classes),))


def with_axis(sweep: Sweep, k: int, axis: Axis | None) -> Sweep:
    """The sweep with another k-th axis, or without it."""
    axes = [axis if j == k else old for j, old in enumerate([*sweep.axes, None][: max(len(sweep.axes), k + 1)])]
    return replace(sweep, axes=tuple(found for found in axes if found is not None))


def knobs(method: str) -> list[str]:
    """What a sweep can change: the knobs of the method, the class, the model and the score."""
    return [*METHODS[method].knobs, *OF_ALL]


def choices(knob: str, method: str, model: str = MODEL) -> tuple[Any, ...]:
    """All values of a knob with named values; empty for a number. `model` says which classes there are."""
    if knob == "model":
        return tuple(name for name, card in MODELS.items() if card.here)
    if knob == "target":
        return tuple(range(len(MODELS[model].categories)))
    if knob == "output":
        return OUTPUTS
    declared = METHODS[method].knobs[knob]
    if declared.type is bool:
        return (False, True)
    return declared.allowed.names if isinstance(declared.allowed, Choice) else ()


def allowed(knob: str, values: Sequence[Any], method: str, model: str = MODEL) -> tuple[Any, ...]:
    """Those of the values that the knob of this method can have."""
    found: list[Any] = []
    for value in values:
        with suppress(ValueError):
            found += read_values(method, knob, [str(value)], model)
    return tuple(found)


def read_values(method: str, knob: str, texts: Sequence[str], model: str = MODEL) -> tuple[Any, ...]:
    """The values of the texts, without duplicates, in order. Raises ValueError if one is not allowed."""
    found: dict[Any, None] = {}
    named = {str(value): value for value in choices(knob, method, model)}
    for text in filter(None, (text.strip() for text in texts)):
        if named:
            if text not in named:
                raise ValueError(f"{letter(knob)}: {text} cannot be chosen here")
            found[named[text]] = None
            continue
        declared = METHODS[method].knobs[knob]
        try:
            value = declared.type(text)
        except ValueError:
            raise ValueError(f"{letter(knob)}: {text} is not a number; separate values with commas") from None
        found[declared.check(method, value)] = None
    if not found:
        raise ValueError(f"{letter(knob)}: there is no value; separate values with commas")
    return tuple(found)


def parse(text: str, model: str = MODEL) -> Sweep:
    """The sweep of a link, for the present model. Raises ValueError if it is not a valid sweep."""
    method, _, rest = text.partition(":")
    pieces = [piece.partition("=") for piece in rest.split(",") if piece]
    if method not in METHODS or not 1 <= len(pieces) <= 2 or len({knob for knob, _, _ in pieces}) < len(pieces):
        raise ValueError(f"{text[:80]} is not a sweep of one or two settings")
    for knob, _, _ in pieces:
        if knob not in knobs(method):
            raise ValueError(f"{method} has no setting {knob[:40]}")
    axes = tuple(Axis(knob, read_values(method, knob, _split(knob, values), model)) for knob, _, values in pieces)
    return checked(Sweep(method, axes, model))


def _split(knob: str, values: str) -> list[str]:
    pieces = values.split("/")
    return [unquote(piece) for piece in pieces] if knob == "model" else pieces


def checked(sweep: Sweep) -> Sweep:
    """The sweep. Raises ValueError if it is too large, or over classes that not all of its models have."""
    if len(sweep.places) > MOST:
        raise ValueError(f"{len(sweep.places)} maps are too many; use at most {MOST}")
    axes = {axis.knob: axis.values for axis in sweep.axes}
    if "target" in axes and not all(same_classes(sweep.model, name) for name in axes.get("model", ())):
        raise ValueError("these models have different classes; sweep over the model or over the class")
    return sweep

"""@method and @metric: what can be computed, and every fact about it. The file of a method or metric is its only home.

Knobs are read from the signature. Titles, labels, directions, axes and costs are given to the decorator.
"""

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from attribution.knobs import Choice, Knob, Range, read_knobs

__all__ = ["Axes", "Choice", "Cost", "Knob", "Range", "curves", "entry", "method", "metric"]


@dataclass(frozen=True)
class Cost:
    """What a run takes at most: gradients, and forward passes besides them.

    Runs with equal `points` evaluate the same points, and the larger run evaluates all points of the smaller one.
    None: the points are the run's own.
    """

    gradients: int = 0
    passes: int = 0
    points: Hashable = None


@dataclass(frozen=True)
class Entry:
    """A registered method or metric."""

    name: str
    title: str
    paper: str
    run: Callable[..., Any]
    knobs: Mapping[str, Knob]

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The knobs given, each checked; ValueError names one that does not exist and those that do."""
        for name in given:
            if name not in self.knobs:
                raise ValueError(f"{self.name} has no knob {name!r}; it has {', '.join(self.knobs) or 'none'}")
        return {name: self.knobs[name].check(self.name, value) for name, value in given.items()}

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All knobs: those given, and the defaults of the others."""
        return {name: given.get(name, knob.default) for name, knob in self.knobs.items()}


@dataclass(frozen=True)
class Method(Entry):
    """A registered method. `gloss` says in a few words what it is.

    `term` is what one noisy draw adds to the map, `(x, batch) -> (n, c, h, w)`, where the map is a mean over a cloud of
    noise; else None. `sums_up`: the map sums to f(x) less the mean of f over its baselines, up to the rule's error.
    """

    gloss: str
    costs: Callable[[Mapping[str, Any]], Cost]
    term: Callable[..., Any] | None = None
    sums_up: bool = False

    def cost(self, given: Mapping[str, Any]) -> Cost:
        """What a map with these knobs takes at most; knobs that are not given stand at their defaults."""
        return self.costs(self.complete(given))


@dataclass(frozen=True)
class Axes:
    """Titles of a curve's axes, and the range that each usually covers; None: the range of the curve's points."""

    x: str
    y: str
    x_range: tuple[float, float] | None = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Metric(Entry):
    """A registered metric. One with `axes` is a curve, and its value is the area under it.

    `label` names the value. `better` is "lower" or "higher"; `reading` says it in words. `digits` are the decimals that
    mean something. `note` is what a reader must know. `less` names another metric whose value is also subtracted from
    this one. `standard` metrics are measured unless other ones are asked for. `scored`: it calls the model.
    """

    label: str
    better: str
    reading: str
    digits: int
    axes: Axes | None
    note: str
    costs: Callable[[Mapping[str, Any], int], Cost]
    less: str
    standard: bool
    scored: bool

    def cost(self, given: Mapping[str, Any], pixels: int) -> Cost:
        """What measuring a map of so many pixels takes at most."""
        return self.costs(self.complete(given), pixels)


METHODS: dict[str, Method] = {}
METRICS: dict[str, Metric] = {}
Function = TypeVar("Function", bound=Callable[..., Any])


def method(
    title: str,
    *,
    gloss: str,
    paper: str,
    cost: Callable[[Mapping[str, Any]], Cost],
    term: Callable[..., Any] | None = None,
    sums_up: bool = False,
) -> Callable[[Function], Function]:
    """Registers a generator `(score, x, *, knobs) -> Iterator[Partial]` under its function's name.

    The other arguments are described at `Method`. `cost` is given all knobs.
    """

    def add(function: Function) -> Function:
        name = function.__name__
        METHODS[name] = Method(name, title, paper, function, read_knobs(function), gloss, cost, term, sums_up)
        return function

    return add


def metric(
    title: str,
    *,
    label: str,
    better: str,
    paper: str,
    note: str,
    cost: Callable[[Mapping[str, Any], int], Cost] = lambda knobs, pixels: Cost(),
    axes: Axes | None = None,
    reading: str = "",
    digits: int = 3,
    less: str = "",
    standard: bool = False,
) -> Callable[[Function], Function]:
    """Registers `(score, x, map, *, knobs) -> Iterator[Curve]`, `(map, *, knobs) -> Curve`, or numbers.

    The other arguments are described at `Metric`. `cost` is given all knobs and the number of pixels.
    """
    if better not in ("lower", "higher"):
        raise ValueError(f"{title}: better={better!r} must be 'lower' or 'higher'")

    def add(function: Function) -> Function:
        name, scored = function.__name__, "score" in inspect.signature(function).parameters
        facts = (label, better, reading or f"{better} is better", digits, axes, note, cost, less, standard, scored)
        METRICS[name] = Metric(name, title, paper, function, read_knobs(function), *facts)
        return function

    return add


def curves() -> dict[str, Metric]:
    """The metrics that are curves, the standard ones first."""
    found = [metric for metric in METRICS.values() if metric.axes is not None]
    return {metric.name: metric for metric in sorted(found, key=lambda metric: not metric.standard)}


@dataclass(frozen=True)
class Measure:
    """A number that maps are measured by: the area under a curve, or one area less another."""

    name: str
    label: str
    better: str
    reading: str
    digits: int


def measures() -> dict[str, Measure]:
    """The areas under all curves, in the order of `curves`; then those less others that metrics ask for."""
    known = curves()
    found = [Measure(m.name, m.label, m.better, m.reading, m.digits) for m in known.values()]
    for one in known.values():
        if one.less in known:
            other = known[one.less]
            label, reading = f"{one.label} - {other.label}", f"{one.better} is better"
            found.append(Measure(f"{one.name}_less_{other.name}", label, one.better, reading, one.digits))
    return {measure.name: measure for measure in found}


def measured_differences(areas: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The differences whose two metrics are both among `areas`: name -> (first, second)."""
    pairs = {f"{m.name}_less_{m.less}": (m.name, m.less) for m in curves().values() if m.less}
    return {name: pair for name, pair in pairs.items() if set(pair) <= areas.keys()}


Registered = TypeVar("Registered", bound=Entry)


def entry(registered: Mapping[str, Registered], name: str) -> Registered:
    """The entry called `name`; ValueError lists those that exist."""
    if name not in registered:
        raise ValueError(f"{name!r} is unknown; use one of {', '.join(registered)}")
    return registered[name]

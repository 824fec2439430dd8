"""`@method` and `@metric` register a function together with every fact about it.

Each fact is stated only in the file of its method or metric. Knobs are read from the signature. Titles, labels,
directions, axes and costs are given to the decorator.
"""

import inspect
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from attribution.knobs import Choice, Knob, Range, read_knobs

__all__ = ["Axes", "Choice", "Cost", "Knob", "Range", "curves", "entry", "method", "metric"]


@dataclass(frozen=True)
class Cost:
    """Upper bound on the cost of a run: gradient evaluations, and forward passes in addition to them.

    Runs with equal `points` share points: the larger run evaluates all points of the smaller one, unless it stops
    early (Left-IG, Right-IG). None: no shared points are declared.
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
        """Returns the given knobs, each checked. Raises ValueError for an unknown knob or a value not allowed."""
        for name in given:
            if name not in self.knobs:
                raise ValueError(f"{self.name} has no knob {name!r}; it has {', '.join(self.knobs) or 'none'}")
        return {name: self.knobs[name].check(self.name, value) for name, value in given.items()}

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All knobs: the given values, and the defaults of the others."""
        return {name: given.get(name, knob.default) for name, knob in self.knobs.items()}


@dataclass(frozen=True)
class Method(Entry):
    """A registered method. `gloss` describes it in at most five words.

    `term(x, batch, cloud) -> (n, c, h, w)` is the contribution of each noisy sample, if the attribution is a mean over
    a noise cloud; otherwise None. `null` names its control: the same map without what it claims to find. `sums_up`: the
    attribution sums to f(x) minus the mean of f over its baselines, up to the quadrature error. `control`: no method,
    but something to compare methods with. `fewer`: why a map can take fewer gradients than its cost; else it takes as
    many. `output` is the score that it explains whatever is asked for, "logit" or "probability"; empty: the one that is
    asked for. Sizes of maps can be compared only where `unit` is the same. `origin` is the baseline b of an attribution
    that is a product with x - b, as `make_baselines` calls it; None if it is no such product.
    """

    gloss: str
    costs: Callable[[Mapping[str, Any]], Cost]
    term: Callable[..., Any] | None = None
    sums_up: bool = False
    null: str = ""
    control: bool = False
    fewer: str = ""
    units: Callable[[Mapping[str, Any]], str] = lambda knobs: "f"
    output: str = ""
    origin: Callable[[Mapping[str, Any]], Any] = lambda knobs: None

    def cost(self, given: Mapping[str, Any]) -> Cost:
        """Upper bound on the cost with these knobs; knobs that are not given have their defaults."""
        return self.costs(self.complete(given))

    def gradients(self, given: Mapping[str, Any], points: int) -> int:
        """The gradients of a whole map with these knobs and so many points: a map without gradients has a point too."""
        return min(points, self.cost(given).gradients)

    def unit(self, given: Mapping[str, Any], output: str = "logit") -> str:
        """The unit of the attribution with these knobs: "logit", "logit/x" for its gradient, and so on.

        `output` is the score that is asked for.
        """
        return re.sub("(?<![A-Za-z])f(?![A-Za-z])", self.output or output, self.units(self.complete(given)))


@dataclass(frozen=True)
class Axes:
    """Axis titles of a curve, and the usual range of each axis. None: the range of the curve's points."""

    x: str
    y: str
    x_range: tuple[float, float] | None = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Metric(Entry):
    """A registered metric. A metric with `axes` is a curve; its value is the area under the curve.

    `label` names the value. `better` is "lower" or "higher"; `reading` says it as a phrase. `digits` is the number of
    meaningful decimals. `note` explains how to read the value, and `terms` the words of label and note, if they need
    it. `less` names a second metric: this value minus that value is reported as well. `standard` metrics are the
    default choice. `scored`: the metric calls the model. `output` is the score that it measures whatever is asked for,
    as in `Method`.
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
    output: str = ""
    terms: str = ""

    @property
    def explained(self) -> str:
        """The terms and the note: a tooltip for where neither is shown."""
        return f"{self.terms} {self.note}".strip()

    def cost(self, given: Mapping[str, Any], pixels: int) -> Cost:
        """Upper bound on the cost for a map with this number of pixels; other knobs have their defaults."""
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
    null: str = "",
    control: bool = False,
    fewer: str = "",
    unit: str | Callable[[Mapping[str, Any]], str] = "f",
    output: str = "",
    origin: Callable[[Mapping[str, Any]], Any] = lambda knobs: None,
) -> Callable[[Function], Function]:
    """Registers a generator `(score, x, *, knobs) -> Iterator[Partial]` under the function's name.

    The other arguments are described in `Method`. `cost` gets all knobs, defaults included; so do `origin`, and `unit`
    where it depends on them. In a unit "f" stands for the score.
    """
    units = unit if callable(unit) else lambda knobs: unit

    def add(function: Function) -> Function:
        name, knobs = function.__name__, read_knobs(function)
        facts = (gloss, cost, term, sums_up, null, control, fewer, units, output, origin)
        METHODS[name] = Method(name, title, paper, function, knobs, *facts)
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
    output: str = "",
    terms: str = "",
) -> Callable[[Function], Function]:
    """Registers `(score, x, map, *, knobs) -> Iterator[Curve]`, `(map, *, knobs) -> Curve`, or a function that
    returns numbers.

    The other arguments are described in `Metric`. `cost` gets all knobs, defaults included, and the number of pixels.
    Raises ValueError if `better` is not "lower" or "higher".
    """
    if better not in ("lower", "higher"):
        raise ValueError(f"{title}: better={better!r} must be 'lower' or 'higher'")

    def add(function: Function) -> Function:
        name, scored = function.__name__, "score" in inspect.signature(function).parameters
        how = reading or f"{better} is better"
        facts = (label, better, how, digits, axes, note, cost, less, standard, scored, output, terms)
        METRICS[name] = Metric(name, title, paper, function, read_knobs(function), *facts)
        return function

    return add


def curves() -> dict[str, Metric]:
    """The metrics that are curves, standard ones first."""
    found = [metric for metric in METRICS.values() if metric.axes is not None]
    return {metric.name: metric for metric in sorted(found, key=lambda metric: not metric.standard)}


@dataclass(frozen=True)
class Measure:
    """A reported number: the area under a curve, or one area minus another."""

    name: str
    label: str
    better: str
    reading: str
    digits: int


def measures() -> dict[str, Measure]:
    """The areas under all curves, in the order of `curves`; then the differences that metrics ask for with `less`."""
    known = curves()
    found = [Measure(m.name, m.label, m.better, m.reading, m.digits) for m in known.values()]
    for one in known.values():
        if one.less in known:
            other = known[one.less]
            label, reading = f"{one.label} - {other.label}", f"{one.better} is better"
            found.append(Measure(f"{one.name}_less_{other.name}", label, one.better, reading, one.digits))
    return {measure.name: measure for measure in found}


def measured_differences(areas: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The differences whose two metrics are both in `areas`: name -> (first, second)."""
    pairs = {f"{m.name}_less_{m.less}": (m.name, m.less) for m in curves().values() if m.less}
    return {name: pair for name, pair in pairs.items() if set(pair) <= areas.keys()}


Registered = TypeVar("Registered", bound=Entry)


def entry(registered: Mapping[str, Registered], name: str) -> Registered:
    """The entry called `name`. Raises ValueError, with a list of the known names, if there is none."""
    if name not in registered:
        raise ValueError(f"{name!r} is unknown; use one of {', '.join(registered)}")
    return registered[name]

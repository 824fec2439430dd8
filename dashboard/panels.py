"""What a page computes, a chunk at a time: for each method a map with its variation, and how the score falls by it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from torch import Tensor

from attribution import METHODS, METRICS, MODELS
from attribution.controls import random_order
from attribution.engine.plans import NoiseCloud
from attribution.engine.store import Store
from attribution.explain import one_channel, score_of, stream
from attribution.metrics.completeness import completeness_gap
from attribution.metrics.total_variation import total_variation
from attribution.models import Model
from attribution.studies.convergence import Convergence, convergence
from attribution.types import Curve, Partial
from dashboard.jobs import View

WINDOW, REGIONS = 15, 30
CONTROL = "random_order"
FALL = "perturbation"
"""The curve that is always measured."""
FURTHER = ("insertion", "deletion", "abpc", "sic", "aic")
"""The curves that can stand beside it."""


def passes(metric: str, side: int) -> int:
    """How many forward passes a further curve takes on an image of that side."""
    step: int = METRICS["insertion"].knobs["step"].default
    return {"abpc": 20, "sic": 15, "aic": 15}.get(metric, 1 + math.ceil(side * side / step))


@dataclass(frozen=True)
class Panel:
    """One method on one image; equal panels are the same map. `image` is the fingerprint of the input."""

    method: str
    image: str
    model: str
    target: int
    knobs: tuple[tuple[str, Any], ...] = ()
    rank: ClassVar[int] = 0

    @property
    def points(self) -> int:
        """How many gradients its map takes at most."""
        if self.method == CONTROL:
            return 0
        knobs = {name: knob.default for name, knob in METHODS[self.method].knobs.items()} | dict(self.knobs)
        steps = knobs.get("steps", 1) + (knobs.get("rule") == "trapezoid" or "iterations" in knobs)
        pairs = 2 * knobs["classes"] if "classes" in knobs else 1
        return int(knobs.get("samples", 0) or steps * knobs.get("draws", 1) * knobs.get("iterations", 1) * pairs)

    @property
    def kind(self) -> tuple[Any, ...]:
        """Panels of one kind look at the same points, the larger at those of the smaller and more."""
        knobs = dict(self.knobs)
        if self.cloudy:
            return tuple(knobs.get(name) for name in ("sigma", "seed", "antithetic"))
        return self.method, *((name, value) for name, value in self.knobs if name not in ("samples", "draws"))

    @property
    def cloudy(self) -> bool:
        """Whether its points are a cloud of noise, which methods share."""
        return self.method != CONTROL and "sigma" in METHODS[self.method].knobs


@dataclass(frozen=True)
class Fall:
    """A curve along a panel's map: how the score falls, P patches of noise tried in each window, or a further one."""

    panel: Panel
    patches: int
    seed: int = 0
    """Of the patches, and of the random order."""
    metric: str = FALL
    rank: ClassVar[int] = 1
    """Maps go before curves."""

    @property
    def passes(self) -> int:
        """How many forward passes it takes."""
        if self.metric == FALL:
            return REGIONS * self.patches
        return passes(self.metric, MODELS[self.panel.model].size if self.panel.model in MODELS else 224)

    def share(self, curve: Curve | None) -> float:
        """How much of it is there."""
        whole = REGIONS if self.metric == FALL else 1
        return 0.0 if curve is None else float(curve.x[-1]) / whole


def further(panel: Panel, metric: str, seed: int) -> Fall:
    """A curve that tries no patches: of its maps the random order alone has a seed."""
    return Fall(panel, 0, seed if panel.method == CONTROL else 0, metric)


@dataclass(frozen=True)
class Doubt:
    """How sure a panel's map is, of a method that is a mean over noise."""

    panel: Panel
    antithetic: bool
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Snapshot:
    """What a panel has so far."""

    partial: Partial
    variation: Curve
    gap: tuple[float, float] | None = None


@dataclass(frozen=True)
class Cell:
    """How far a method is: its map, which the random order has none of, and its fall."""

    panel: Panel
    patches: int
    map: View
    fall: View
    more: tuple[tuple[Fall, View], ...] = ()
    """The further curves."""
    instead_of: "Cell | None" = field(default=None, compare=False)
    """The work under way, where this is what was computed beforehand."""

    @property
    def live(self) -> bool:
        return any(view.live for view in self.views)

    @property
    def error(self) -> str:
        return next((view.error for view in self.views if view.error), "")

    @property
    def views(self) -> tuple[View, ...]:
        return (self.map, self.fall, *(view for _, view in self.more))

    @property
    def curves(self) -> tuple[tuple[Fall, View], ...]:
        """All of its curves."""
        return ((Fall(self.panel, self.patches), self.fall), *self.more)

    @property
    def snapshot(self) -> Snapshot | None:
        found: Snapshot | None = self.map.snapshot
        return found

    @property
    def curve(self) -> Curve | None:
        found: Curve | None = self.fall.snapshot
        return found


def map_work(panel: Panel, model: Model, x: Tensor, store: Store) -> Iterator[Snapshot]:
    """The map as it grows; the last one is whole."""
    knobs = dict(panel.knobs)
    for partial in stream(model, x, panel.method, panel.target, store=store, **knobs):
        found = Snapshot(partial, total_variation(one_channel(partial.attribution, x)))
        yield found
    if panel.method == "integrated_gradients":
        start = {name: knobs[name] for name in ("baseline", "draws", "seed")}
        score = score_of(model, x, panel.target, "logit", store)
        yield replace(found, gap=completeness_gap(score, x, found.partial.attribution, **start))


def fall_work(
    fall: Fall, model: Model, x: Tensor, store: Store, finished: Callable[[Panel], Snapshot | None]
) -> Iterator[Curve]:
    """The curve as it grows. Its map is the `finished` one, or made again from what is remembered."""
    panel = fall.panel
    if panel.method == CONTROL:
        height, width = x.shape[-2:]
        heatmap = random_order(height, width, fall.seed)
    else:
        found = finished(panel)
        if found is None:
            *_, found = map_work(panel, model, x, store)
        heatmap = one_channel(found.partial.attribution, x)
    score = score_of(model, x, panel.target, "logit", store)
    patches = {"window": WINDOW, "regions": REGIONS, "draws": fall.patches, "seed": fall.seed}
    yield from METRICS[fall.metric].run(score, x, heatmap, **(patches if fall.metric == FALL else {}))


def doubt_work(doubt: Doubt, model: Model, x: Tensor, store: Store) -> Iterator[Convergence]:
    """The map after ever more draws, and how well its halves agree."""
    knobs, score = dict(doubt.panel.knobs), score_of(model, x, doubt.panel.target, "logit", store)
    cloud = NoiseCloud(knobs["sigma"], knobs["seed"], knobs["samples"], doubt.antithetic)
    yield from convergence(score, x, doubt.panel.method, cloud)

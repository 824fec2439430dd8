"""The work of a map and its curves, in chunks: the keys of the jobs, what they yield, and how they compute it."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from attribution import METHODS, METRICS, Store, controls
from attribution.agreement import agreements
from attribution.engine.score import OVERFLOWED
from attribution.explain import one_channel, score_of, stepwise
from attribution.heatmaps import check_finite
from attribution.models import Model
from attribution.registry import Cost, curves
from attribution.types import Curve, Heatmap, Partial
from dashboard.work.scheduler import View

CONTROL = controls.RANDOM
"""The control for every curve."""
PERTURBATION, VARIATION = "perturbation", "total_variation"
"""The two metrics of the SmoothTaylor paper."""

GROWN = 1.25
"""How many times as many points a growing map has when its curves that need no model are computed again. Computed after
each batch, they would take a tenth of the time of its gradients; after the first one, they would delay the map."""


@dataclass(frozen=True)
class Panel:
    """One method on one image. Equal panels have the same map. `image` is the fingerprint of the input.

    `output` is the score that is explained, "logit" or "probability".
    """

    method: str
    image: str
    model: str
    target: int
    knobs: tuple[tuple[str, Any], ...] = ()
    output: str = "logit"
    rank: ClassVar[int] = 0

    @property
    def title(self) -> str:
        """The method's name."""
        return controls.RANDOM_TITLE if self.method == CONTROL else METHODS[self.method].title

    @property
    def gloss(self) -> str:
        """What the method is, in a few words."""
        return "" if self.method == CONTROL else METHODS[self.method].gloss

    @property
    def cost(self) -> Cost:
        """The maximum cost of the map."""
        return Cost() if self.method == CONTROL else METHODS[self.method].cost(dict(self.knobs))

    @property
    def unit(self) -> str:
        """The unit of the map."""
        return "" if self.method == CONTROL else METHODS[self.method].unit(dict(self.knobs), self.output)

    @property
    def alone(self) -> str:
        """In words: that the method explains one score alone. Empty if it explains the chosen one."""
        output = "" if self.method == CONTROL else METHODS[self.method].output
        return f" · explains the {output}" if output else ""

    @property
    def points(self) -> Hashable:
        """Panels with equal `points` share gradients: their point sets are nested."""
        shared = self.cost.points
        return self if shared is None else (self.image, self.model, self.target, self.output, shared)

    @property
    def sums_up(self) -> bool:
        """Whether theory gives the sum of the map, so that it has a completeness gap."""
        return self.method != CONTROL and METHODS[self.method].sums_up

    @property
    def gap_knobs(self) -> dict[str, Any]:
        """The knobs of the completeness gap, with the values of the map."""
        return {name: value for name, value in self.knobs if name in METRICS["completeness_gap"].knobs}


@dataclass(frozen=True)
class CurveKey:
    """A curve of a panel's map. `order` is the seed of the random orders, and 0 for methods.

    `output` is the score that is measured. It can be another one than the map explains.
    """

    panel: Panel
    metric: str
    knobs: tuple[tuple[str, Any], ...] = ()
    order: int = 0
    output: str = "logit"

    @property
    def rank(self) -> int:
        """Maps go before their curves, and those before the many of the random orders."""
        return 2 if self.panel.method == CONTROL else 1

    def cost(self, pixels: int) -> Cost:
        """The maximum cost of the curve for a map of this many pixels; of the control: of all its orders."""
        one = METRICS[self.metric].cost(dict(self.knobs), pixels)
        return replace(one, passes=controls.ORDERS * one.passes) if self.panel.method == CONTROL else one

    def share(self, curve: Curve | None) -> float:
        """The finished share of the curve, 0 to 1."""
        if isinstance(curve, controls.Band):
            return curve.share
        axes = METRICS[self.metric].axes
        if curve is None or axes is None or axes.x_range is None:
            return 0.0
        return min(float(curve.x[-1]) / axes.x_range[1], 1.0)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The results of a panel so far: the map, and by metric the curves that need no model. Compared by identity.

    `agreement`: of two halves of the noise samples, by the side to which maps are pooled; empty if there are no halves.
    """

    partial: Partial
    free: Mapping[str, Curve]
    gap: tuple[float, float] | None = None
    agreement: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """The state of a method: its map and the curves that need the model. The random order has no map."""

    panel: Panel
    map: View
    curves: tuple[tuple[CurveKey, View], ...] = ()
    instead_of: "Cell | None" = field(default=None, compare=False)
    """For a precomputed cell: the cell that is being computed here."""
    random: View | None = field(default=None, compare=False)
    """The same map of a random network (`dashboard/work/glance.py`), if it is wanted. It comes last."""

    @property
    def views(self) -> tuple[View, ...]:
        """Those of the map and its curves."""
        return (self.map, *(view for _, view in self.curves))

    @property
    def every_view(self) -> tuple[View, ...]:
        """Those of the random network too."""
        return (*self.views, *((self.random,) if self.random is not None else ()))

    @property
    def live(self) -> bool:
        return any(view.live for view in self.views)

    @property
    def error(self) -> str:
        return next((view.error for view in self.views if view.error), "")

    @property
    def snapshot(self) -> Snapshot | None:
        found: Snapshot | None = self.map.snapshot
        return found

    @property
    def whole(self) -> bool:
        """Whether its map is complete."""
        return self.snapshot is not None and self.snapshot.partial.complete

    def view(self, metric: str) -> View | None:
        """The state of a curve; None if this cell does not have it."""
        for key, view in self.curves:
            if key.metric == metric:
                return view
        if self.snapshot is not None and metric in self.snapshot.free:
            return View("done" if self.whole else "running", self.snapshot.free[metric])
        return None

    def curve(self, metric: str) -> Curve | None:
        """The curve so far."""
        view = self.view(metric)
        return view.snapshot if view is not None else None


def map_work(panel: Panel, model: Model, x: Tensor, store: Store) -> Iterator[Snapshot | None]:
    """Snapshots of the growing map, whose curves may be those of fewer points. The last one is complete.

    None after each step before the first points of the map.
    """
    free, last = {}, 0
    for partial in stepwise(model, x, panel.method, panel.target, panel.output, store, dict(panel.knobs)):
        if partial is None:
            yield None
            continue
        check_finite(partial.attribution)  # no message to a browser can hold what is not
        if partial.complete or (last and partial.done >= GROWN * last):
            heatmap, last = one_channel(partial.attribution, x), partial.done
            free = {name: metric.run(heatmap) for name, metric in curves().items() if not metric.scored}
        last = last or partial.done
        found = Snapshot(partial, free, agreement={} if partial.halves is None else agreements(partial.halves.cpu()))
        yield found
    if panel.sums_up:
        score = score_of(model, x, panel.target, panel.output, store)
        gap = METRICS["completeness_gap"].run(score, x, found.partial.attribution, **panel.gap_knobs)
        yield replace(found, gap=gap)


def curve_work(
    key: CurveKey, model: Model, x: Tensor, store: Store, finished: Callable[[Panel], Snapshot | None]
) -> Iterator[Curve | None]:
    """The growing curve. Its map is the `finished` one, or is rebuilt from stored gradients: None meanwhile."""
    found = None
    if key.panel.method != CONTROL and (found := finished(key.panel)) is None:
        # Batch by batch: gradients that are stored no more are computed again, and nobody must wait for all of them.
        for shot in map_work(key.panel, model, x, store):
            found = shot
            yield None
    yield from curve_of(key, model, x, store, found)


def curve_of(key: CurveKey, model: Model, x: Tensor, store: Store, found: Snapshot | None) -> Iterator[Curve]:
    """The growing curve of a map; for the control, which has none, the band of the curves of several random orders."""
    score = score_of(model, x, key.panel.target, key.output, store)

    def measure(heatmap: Heatmap, k: int = 0) -> Iterator[Curve]:
        knobs = {name: value + k if name == "seed" else value for name, value in key.knobs}
        for found in METRICS[key.metric].run(score, x, heatmap, **knobs):
            if not np.isfinite(found.y).all():  # as for maps
                raise ValueError(OVERFLOWED)
            yield found

    if key.panel.method == CONTROL:
        height, width = x.shape[-2:]
        yield from controls.random_orders(measure, height, width, key.order, share=key.share)
        return
    assert found is not None
    yield from measure(one_channel(found.partial.attribution, x))

"""What each panel of a page computes, a chunk at a time: a map, its variation, then how the score falls along it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from attribution.explain import one_channel, score_of, stream
from attribution.metrics.completeness import completeness_gap
from attribution.metrics.perturbation import perturbation, random_order
from attribution.metrics.total_variation import total_variation
from attribution.models import Model
from attribution.score import ClassScore
from attribution.store import Store
from attribution.types import Curve, Heatmap, Partial

WINDOW, REGIONS = 15, 30
CONTROL = "random_order"


@dataclass(frozen=True)
class Panel:
    """One method on one image; equal panels are the same work. `image` is the fingerprint of the input."""

    method: str
    image: str
    model: str
    target: int
    patches: int
    knobs: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """What a panel has so far."""

    partial: Partial | None = None
    variation: Curve | None = None
    gap: tuple[float, float] | None = None
    fall: Curve | None = None

    @property
    def rank(self) -> int:
        """Maps go before curves."""
        return 0 if self.partial is not None and not self.partial.complete else 1


def work(panel: Panel, model: Model, x: Tensor, store: Store) -> Iterator[Snapshot]:
    """The panel's snapshots; the last one is complete."""
    score = score_of(model, x, panel.target, "logit", store)
    if panel.method == CONTROL:
        yield from _fall(panel, score, x, random_order(*x.shape[-2:]), Snapshot())
        return
    knobs = dict(panel.knobs)
    found = Snapshot()
    for partial in stream(model, x, panel.method, panel.target, store=store, **knobs):
        heatmap = one_channel(partial.attribution, x)
        found = Snapshot(partial, total_variation(heatmap))
        yield found
    if panel.method == "integrated_gradients":
        start = {name: knobs[name] for name in ("baseline", "draws", "seed")}
        found = replace(found, gap=completeness_gap(score, x, partial.attribution, **start))
    yield from _fall(panel, score, x, heatmap, found)


def _fall(panel: Panel, score: ClassScore, x: Tensor, heatmap: Heatmap, found: Snapshot) -> Iterator[Snapshot]:
    for curve in perturbation(score, x, heatmap, window=WINDOW, regions=REGIONS, draws=panel.patches):
        yield replace(found, fall=curve)

"""How certain a map is that is a mean over noise, while draws are added."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from attribution import Store
from attribution.engine.plans import NoiseCloud
from attribution.explain import score_of
from attribution.models import Model
from attribution.studies.convergence import Convergence, convergence
from dashboard.work.panel import Panel


@dataclass(frozen=True)
class Doubt:
    """How certain a panel's map is, of a method that is a mean over noise."""

    panel: Panel
    antithetic: bool
    rank: ClassVar[int] = 0

    @property
    def title(self) -> str:
        """The method's name, marked where the draws are taken with both signs."""
        return self.panel.title + (" ±ε" if self.antithetic else "")

    @property
    def samples(self) -> int:
        """R."""
        return int(dict(self.panel.knobs)["samples"])


def doubt_work(doubt: Doubt, model: Model, x: Tensor, store: Store) -> Iterator[Convergence]:
    """The map after ever more draws, and how well its halves agree."""
    knobs, score = dict(doubt.panel.knobs), score_of(model, x, doubt.panel.target, "logit", store)
    cloud = NoiseCloud(knobs["sigma"], knobs["seed"], doubt.samples, doubt.antithetic)
    yield from convergence(score, x, doubt.panel.method, cloud)

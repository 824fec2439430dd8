"""How certain a mean over noise samples is, while samples are added."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from attribution import Store
from attribution.engine.plans import NoiseCloud
from attribution.explain import score_of
from attribution.heatmaps import check_finite
from attribution.models import Model
from attribution.studies.convergence import Convergence, convergence
from dashboard.work.panel import Panel


@dataclass(frozen=True)
class Doubt:
    """The certainty of a panel's map. Its method is a mean over noise samples."""

    panel: Panel
    antithetic: bool
    rank: ClassVar[int] = 0

    @property
    def title(self) -> str:
        """The name of the method, with ±ε for antithetic sampling."""
        return self.panel.title + (" ±ε" if self.antithetic else "")

    @property
    def samples(self) -> int:
        """R, the number of samples."""
        return int(dict(self.panel.knobs)["samples"])


def doubt_work(doubt: Doubt, model: Model, x: Tensor, store: Store) -> Iterator[Convergence]:
    """The map after more and more samples, and the agreement of its two halves."""
    panel, knobs = doubt.panel, dict(doubt.panel.knobs)
    score = score_of(model, x, panel.target, panel.output, store)
    cloud = NoiseCloud(knobs["sigma"], knobs["seed"], doubt.samples, doubt.antithetic)
    for found in convergence(score, x, panel.method, cloud, knobs.get("form", "mean")):
        check_finite(found.maps)
        yield found

"""The work of one glance: the map of the same photo, method and settings where all layers of the network are random."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from attribution import Store
from attribution.engine.weights import Networks
from attribution.models import Model
from attribution.similarity import Alike, Finding
from attribution.studies.randomisation import Randomised, randomisation
from dashboard.work.panel import Panel

NETWORKS = Networks()
"""The random networks of this process: all methods and all sessions share them."""


@dataclass(frozen=True)
class Glance:
    """A map and the seed of the random network."""

    panel: Panel
    seed: int
    rank: ClassVar[int] = 3
    """After maps, curves and the random orders."""


@dataclass(frozen=True, eq=False)
class Glanced:
    """The map of the random network so far: (H, W), signed; how alike it is to the model's own, and what that says.

    `share` is the finished share of the work. `heat` is None before the end, and where there is none: `why` says why.
    """

    share: float = 0.0
    heat: np.ndarray | None = None
    alike: Alike | None = None
    finding: Finding | None = None
    why: str = ""


def glance_work(glance: Glance, model: Model, x: Tensor, store: Store) -> Iterator[Glanced]:
    """The glance, step by step. Points of the random network are remembered too: methods share them."""
    panel = glance.panel
    methods = {panel.method: (panel.method, dict(panel.knobs))}
    try:
        for random in randomisation(
            model,
            x,
            methods,
            panel.target,
            stages=1,
            seed=glance.seed,
            output=panel.output,
            store=store,
            kept=store,
            networks=NETWORKS,
        ):
            yield _glanced(random, panel.method)
    except ValueError as error:  # no parameters: a fact about the network, and no failure of the page
        yield Glanced(1.0, why=str(error))


def _glanced(random: Randomised, method: str) -> Glanced:
    last = random.stages[-1]
    if method in last.failed:
        return Glanced(1.0, why=last.failed[method])
    if not last.count or method not in last.maps:
        return Glanced(random.done / random.total)
    heat = last.maps[method].numpy().astype(np.float32)
    return Glanced(1.0, heat, last.similarity(method, "spearman"), random.verdict(method))

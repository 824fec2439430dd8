"""The sanity checks of the methods of an experiment: random layers, noise in the weights, another class, and small
changes of the photo."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from attribution import Store
from attribution.models import Model
from attribution.studies.changed_image import Changes, Robustness, robustness
from attribution.studies.other_class import Contrast, other_class
from attribution.studies.perturbed import LEVELS, Perturbed, model_perturbation
from attribution.studies.randomisation import Randomised, randomisation
from dashboard.work.panel import Panel

STAGES, SEEDS = 8, 3
"""The stages of the randomisation, and how often each level of noise is drawn."""
CHANGES = Changes()
"""The small changes of the photo: those of the command line and of the benchmark, unless they are told others."""
LIMITED = ("samples", "steps")
"""The knobs that say how many gradients a map takes."""
Panels = tuple[Panel, ...]


def limited(panel: Panel, most: int) -> Panel:
    """The panel with at most so many samples and steps; 0: with its own."""
    knobs = tuple((name, min(value, most) if most and name in LIMITED else value) for name, value in panel.knobs)
    return replace(panel, knobs=knobs)


def _methods(panels: Panels) -> Mapping[str, tuple[str, dict[str, Any]]]:
    return {panel.method: (panel.method, dict(panel.knobs)) for panel in panels}


@dataclass(frozen=True)
class Layers:
    """The maps of the panels while layers become random. `own_class`: of each network its own likeliest class.

    `statistics`: batch-norms that were not folded lose their running statistics too.
    """

    panels: Panels
    mode: str
    own_class: bool
    seed: int
    output: str
    statistics: bool = False
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Beside:
    """The maps of the panels for another class."""

    panels: Panels
    other: str
    output: str
    rank: ClassVar[int] = 1


@dataclass(frozen=True)
class Nearby:
    """How the maps of the panels answer small changes of the photo."""

    panels: Panels
    seed: int
    output: str
    rank: ClassVar[int] = 2


@dataclass(frozen=True)
class Weights:
    """The maps of the panels while the weights get noise. It takes longest, and comes last."""

    panels: Panels
    seed: int
    output: str
    rank: ClassVar[int] = 3


def layers_work(key: Layers, model: Model, x: Tensor, store: Store) -> Iterator[Randomised]:
    """The stages so far."""
    yield from randomisation(
        model,
        x,
        _methods(key.panels),
        key.panels[0].target,
        mode=key.mode,
        stages=STAGES,
        seed=key.seed,
        own_class=key.own_class,
        statistics=key.statistics,
        output=key.output,
        store=store,
    )


def beside_work(key: Beside, model: Model, x: Tensor, store: Store) -> Iterator[Contrast]:
    """The comparison with the other class so far."""
    methods, target = _methods(key.panels), key.panels[0].target
    yield from other_class(model, x, methods, target, other=key.other, output=key.output, store=store)


def nearby_work(key: Nearby, model: Model, x: Tensor, store: Store) -> Iterator[Robustness]:
    """The figures so far."""
    methods, target = _methods(key.panels), key.panels[0].target
    yield from robustness(model, x, methods, target, output=key.output, changes=CHANGES, seed=key.seed, store=store)


def weights_work(key: Weights, model: Model, x: Tensor, store: Store) -> Iterator[Perturbed]:
    """The levels of noise so far."""
    methods, target = _methods(key.panels), key.panels[0].target
    levels: dict[str, Any] = {"shares": LEVELS, "seeds": SEEDS, "seed": key.seed}
    yield from model_perturbation(model, x, methods, target, **levels, output=key.output, store=store)

"""The cells of a sweep, computed cheapest first, each with its areas. Knows no Streamlit."""

from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from attribution.engine.store import Store
from attribution.explain import one_channel
from attribution.models import Model
from dashboard.experiment import Experiment
from dashboard.panels import CONTROL, REGIONS, Fall, Panel, fall_work, map_work
from dashboard.sweep import Place, Sweep


@dataclass(frozen=True, eq=False)
class Result:
    """One cell: its map (H, W), signed, its areas, and what it cost; `error` where there is none."""

    panel: Panel | None = None
    heat: np.ndarray | None = None
    aupc: float = 0.0
    autvc: float = 0.0
    points: int = 0
    new: int = 0
    error: str = ""


@dataclass(frozen=True, eq=False)
class Found:
    """The sweep so far. `control` is the AUPC of a random order, `share` how much of the work is done."""

    cells: Mapping[Place, Result] = field(default_factory=dict)
    now: str = ""
    share: float = 0.0
    control: float | None = None


@dataclass(frozen=True)
class Key:
    """What a sweep is the same work by: the photo goes by its fingerprint."""

    sweep: Sweep
    experiment: Experiment
    photo: str
    rank: ClassVar[int] = 0


Look = Callable[[Experiment], tuple[Model, Tensor, str, int]]
"""The model of an experiment, the photo as that model sees it, the photo's fingerprint, and the class."""


def order(sweep: Sweep, experiment: Experiment) -> list[Place]:
    """The places, each time the one that costs least next: R and N go on from what is there."""
    left = {place: _kind_and_points(sweep.at(experiment, place), sweep.method) for place in sweep.places}
    there: dict[Hashable, int] = {}
    found = []
    while left:
        place = min(left, key=lambda place: max(left[place][1] - there.get(left[place][0], 0), 0))
        kind, points = left.pop(place)
        there[kind] = max(points, there.get(kind, 0))
        found.append(place)
    return found


def _kind_and_points(experiment: Experiment, method: str) -> tuple[Hashable, int]:
    panel = Panel(method, "", experiment.model, -1, tuple(experiment.knobs(method).items()))
    return (experiment.model, experiment.target, panel.kind), panel.points


def sweep_work(key: Key, look: Look, store: Store, known: MutableMapping[Any, Result]) -> Iterator[Found]:
    """The sweep as it goes: cell by cell, each with its areas; at last the random order's. Cells that are `known` from
    before cost nothing.
    """
    sweep, experiment = key.sweep, key.experiment
    places, found = order(sweep, experiment), Found()
    yield found
    for k, place in enumerate(places):
        cell = None
        try:
            for cell in _cell(sweep.method, sweep.at(experiment, place), look, store, known):
                if isinstance(cell, str):
                    yield replace(found, now=f"{sweep.title(place)}: {cell}")
        except (ValueError, MemoryError) as error:
            cell = Result(error=str(error))
        assert isinstance(cell, Result)
        found = replace(found, cells={**found.cells, place: cell}, share=(k + 1) / (len(places) + 1))
        yield found
    model, x, image, target = look(experiment)
    panel = Panel(CONTROL, image, model.name, target)
    for curve in fall_work(Fall(panel, experiment.patches, experiment.seed), model, x, store, lambda panel: None):
        yield replace(found, now=f"the random order, window {len(curve.y) - 1}")
    yield replace(found, control=curve.area, share=1.0)


def _cell(
    method: str, experiment: Experiment, look: Look, store: Store, known: MutableMapping[Any, Result]
) -> Iterator[str | Result]:
    """How far the cell is, in words; at last the cell. One that is known costs nothing, its curve included."""
    model, x, image, target = look(experiment)
    panel = Panel(method, image, model.name, target, tuple(experiment.knobs(method).items()))
    fall = Fall(panel, experiment.patches, experiment.seed)
    if (found := known.get(fall)) is not None:
        yield replace(found, new=0)
        return
    for shot in map_work(panel, model, x, store):
        yield f"map {shot.partial.done}/{shot.partial.total}"
    for curve in fall_work(fall, model, x, store, lambda panel: shot):
        yield f"curve {len(curve.y) - 1}/{REGIONS}"
    heat = one_channel(shot.partial.attribution, x).cpu().numpy().astype(np.float32)
    known[fall] = Result(panel, heat, curve.area, shot.variation.area, shot.partial.total, shot.partial.evaluations)
    yield known[fall]

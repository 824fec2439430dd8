"""The work of a sweep: its cells, cheapest first, with the areas of their curves; then those of methods beside it."""

from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from attribution import METHODS, Store
from attribution.controls import Band
from attribution.explain import one_channel
from attribution.models import Model
from dashboard.work.panel import CurveKey, Panel, curve_of, map_work

Place = tuple[Any, ...]
"""One value for each axis."""
Work = tuple[Panel, tuple[CurveKey, ...]]
"""A map and its curves."""


@dataclass(frozen=True)
class Task:
    """One cell: its map and its curves. A class of -1 is the likeliest one, found when the model is loaded.

    The image of its panel is empty: it depends on the model, because each model prepares the photo differently.
    """

    place: Place
    title: str
    panel: Panel
    curves: tuple[CurveKey, ...]

    @property
    def work(self) -> Work:
        """Equal for tasks of which one is enough."""
        return self.panel, self.curves


@dataclass(frozen=True)
class Key:
    """Equal keys are the same work. `photo` is the digest of the photo, `control` the curves of the random orders.

    `beside` are the tasks of other methods, one for each place, some of them the same work.
    """

    tasks: tuple[Task, ...]
    control: tuple[CurveKey, ...]
    photo: str
    beside: tuple[Task, ...] = ()
    rank: ClassVar[int] = 0


@dataclass(frozen=True, eq=False)
class Result:
    """One cell: its signed map (H, W), its areas, how well its halves agree, and its cost; `error` if it failed.

    `points` are all gradients of the map, `new` the computed ones. `notes` say, by metric, why an area is not to be
    compared.
    """

    panel: Panel | None = None
    heat: np.ndarray | None = None
    areas: Mapping[str, float] = field(default_factory=dict)
    points: int = 0
    new: int = 0
    error: str = ""
    agreement: Mapping[int, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Found:
    """The sweep so far. `control` are the bands of the random orders, `share` is the finished share of the work.

    `beside` are the cells of other methods, by their work.
    """

    cells: Mapping[Place, Result] = field(default_factory=dict)
    now: str = ""
    share: float = 0.0
    control: Mapping[str, Band] = field(default_factory=dict)
    beside: Mapping[Work, Result] = field(default_factory=dict)


Prepare = Callable[[str], tuple[Model, Tensor, str, int]]
"""A model's name -> the model, the photo as it sees it, the photo's fingerprint, and the likeliest class."""


def order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks in order: the cheapest next, given the ones before. A larger R reuses the gradients of a smaller R."""
    left = {task.place: task for task in tasks}
    there: dict[Hashable, int] = {}
    found = []
    while left:
        task = min(left.values(), key=lambda t: max(t.panel.cost.gradients - there.get(t.panel.points, 0), 0))
        del left[task.place]
        points = task.panel.points
        there[points] = max(task.panel.cost.gradients, there.get(points, 0))
        found.append(task)
    return found


def sweep_work(key: Key, prepare: Prepare, store: Store, known: MutableMapping[Any, Result]) -> Iterator[Found]:
    """The sweep so far: cell by cell, then the methods beside it, then the random orders.

    `known` cells are not recomputed.
    """
    tasks, found = order(key.tasks), Found()
    others = {task.work: task for task in key.beside}.values()
    yield found
    for k, task in enumerate((*tasks, *others)):
        cell = None
        try:
            for cell in _cell(task, prepare, store, known):
                if isinstance(cell, str):
                    yield replace(found, now=f"{task.title}: {cell}")
        except (ValueError, MemoryError) as error:
            cell = Result(error=str(error))
        assert isinstance(cell, Result)
        found = replace(found, share=(k + 1) / (len(tasks) + len(others) + bool(key.control)))
        if k < len(tasks):
            found = replace(found, cells={**found.cells, task.place: cell})
        else:
            found = replace(found, beside={**found.beside, task.work: cell})
        yield found
    bands: dict[str, Band] = {}
    for curve_key in key.control:
        model, x, image, likeliest = prepare(curve_key.panel.model)
        here = replace(curve_key, panel=_seen(curve_key.panel, image, likeliest))
        for curve in curve_of(here, model, x, store, None):
            yield replace(found, now=f"random orders, {here.metric} {here.share(curve):.0%}")
        assert isinstance(curve, Band)
        bands[curve_key.metric] = curve
    yield replace(found, control=bands, share=1.0)


def _seen(panel: Panel, image: str, likeliest: int) -> Panel:
    return replace(panel, image=image, target=likeliest if panel.target < 0 else panel.target)


def _cell(task: Task, prepare: Prepare, store: Store, known: MutableMapping[Any, Result]) -> Iterator[str | Result]:
    """The progress of the cell as text, then the cell. A known cell and its curves are not recomputed."""
    model, x, image, likeliest = prepare(task.panel.model)
    panel = _seen(task.panel, image, likeliest)
    keys = tuple(replace(key, panel=panel) for key in task.curves)
    if (found := known.get((panel, keys))) is not None:
        yield replace(found, new=0)
        return
    for shot in map_work(panel, model, x, store):
        yield "map" if shot is None else f"map {shot.partial.done}/{shot.partial.total}"
    assert shot is not None
    whole = dict(shot.free)
    for key in keys:
        for curve in curve_of(key, model, x, store, shot):
            yield f"{key.metric} {key.share(curve):.0%}"
        whole[key.metric] = curve
    areas = {name: curve.area for name, curve in whole.items()}
    notes = {name: curve.note for name, curve in whole.items() if curve.note}
    heat = one_channel(shot.partial.attribution, x).cpu().numpy().astype(np.float32)
    cost = METHODS[panel.method].gradients(dict(panel.knobs), shot.partial.total), shot.partial.evaluations
    known[panel, keys] = Result(panel, heat, areas, *cost, agreement=shot.agreement, notes=notes)
    yield known[panel, keys]

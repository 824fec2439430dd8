"""The board of Sweep: a map and the areas of its curves for each cell, and a chart of all areas, also of others."""

from collections.abc import Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from plotly.graph_objects import Figure

from attribution import METHODS, METRICS, Store
from attribution.controls import Band
from dashboard.charts.sweep import Areas, against, grid, height
from dashboard.controls import progress
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted, listed, settled
from dashboard.live import sheet
from dashboard.live.frames import map_message
from dashboard.live.hub import Look, Part
from dashboard.live.sheet import Chart, Tile
from dashboard.views.sweep.sweep import OF_ALL, Axis, Sweep, letter
from dashboard.work.scheduler import Scheduler, View
from dashboard.work.sweep import Found, Key, Place, Prepare, Result, Task, Work, sweep_work

NONE, SLOT = Found(), "sweep"


@dataclass(frozen=True)
class SweepBoard(sheet.Worked):
    """A sweep over an experiment. `known` holds cells of before."""

    jobs: Scheduler
    store: Store
    experiment: Experiment
    subject: Subject
    sweep: Sweep
    prepare: Prepare
    known: MutableMapping[Any, Result]

    def look(self) -> Look:
        view = self.ask()
        found: Found = view.snapshot or NONE
        shown = {place: cell for place, cell in self._done(found).items() if self._fits(cell)}
        tiles = [Tile(self.sweep.title(place), self.sweep.title(place)) for place in shown]
        photo = {**self.subject.head, "gloss": ""}
        parts = [
            sheet.layout(photo, tiles, [f"sweep-{name}" for name in self.experiment.metrics]),
            sheet.picture("photo", self.subject.version, lambda: self.subject.photo),
            *(self._chart(found, name) for name in self.experiment.metrics),
            *(self._map(place, cell) for place, cell in shown.items()),
            self._state(view, found),
        ]
        return Look(tuple(parts))

    def ask(self) -> View:
        """The sweep so far. Starts missing work, and keeps it running."""
        work = partial(sweep_work, self._key, self.prepare, self.store, self.known)
        view = self.jobs.ask(self.session, SLOT, self._key, work)
        self.jobs.only(self.session, [SLOT])
        return view

    @cached_property
    def _key(self) -> Key:
        # Not the input of the model that is shown: for another model of the sweep, other photos give another one.
        return self.sweep.key(self.experiment, self.subject.digest or self.subject.image)

    @cached_property
    def _beside(self) -> Mapping[str, list[Task]]:
        """The tasks of each method beside it, one for each place."""
        return {method: [t for t in self._key.beside if t.panel.method == method] for method in self.sweep.beside}

    @cached_property
    def _titles(self) -> Mapping[Work, str]:
        """The title of each work beside it, once."""
        return {task.work: task.title for task in self._key.beside}

    def _done(self, found: Found) -> Mapping[Place, Result]:
        """The cells that have a map, in the order of the settings."""
        cells = ((place, found.cells.get(place)) for place in self.sweep.places)
        return {place: cell for place, cell in cells if cell is not None and cell.heat is not None}

    def _fits(self, cell: Result) -> bool:
        """Whether the map has the size of the photo; another model may have another input size."""
        return cell.heat is not None and cell.heat.shape == tuple(self.subject.x.shape[-2:])

    def _map(self, place: Place, cell: Result) -> Part:
        title = self.sweep.title(place)
        known = ((METRICS[name], cell.areas[name]) for name in self.experiment.metrics if name in cell.areas)
        panel = self.sweep.panel(self.experiment, place)
        areas = " · ".join(f"{metric.label} {area:.{metric.digits}f}" for metric, area in known) + panel.alone
        words = f"{METHODS[self.sweep.method].title}, {title}: {areas}"
        shown = areas + settled(cell.agreement)
        head = {"status": shown, "words": words, "measure": panel.unit}
        return Part(f"map {title}", (cell, areas), partial(map_message, title, np.asarray(cell.heat), **head))

    def _chart(self, found: Found, name: str) -> Part:
        """All areas of a metric: lines for one setting, a heatmap for two. A click chooses a cell."""
        metric = METRICS[name]
        beside = tuple(_areas(found, tasks, name) for tasks in self._beside.values())
        lines = len(_long(self.sweep)) == 1
        control = found.control.get(name)
        about = Chart(
            f"sweep-{name}",
            metric.label,
            metric.reading,
            " ".join(
                [
                    *_orders(control, metric.digits, lines),
                    *([] if lines else _others(beside, metric.digits)),
                    *_unlike(self.sweep),
                ]
            ),
            metric.explained,
            ", ".join([f"{metric.label} of each map of the sweep", *(f"beside it {one.title}" for one in beside)]),
            height=height(len(beside)) if lines else 0,
            opens="cell",
        )
        areas = {place: cell.areas.get(name) for place, cell in found.cells.items() if not cell.error}
        method = self.sweep.method
        swept = Areas(method, METHODS[method].title, tuple(map(areas.get, self.sweep.places)))
        version = (self.sweep, swept, control and control.areas, beside)
        return sheet.chart(about, version, partial(_figure, self.sweep, swept, name, control, beside))

    def _state(self, view: View, found: Found) -> Part:
        """How many cells are done, and at the end their cost."""
        count, more = len(self.sweep.places), len(self._titles)
        others = sum(not self._fits(cell) for cell in self._done(found).values())
        state = progress.state([view])
        of_charts = f", {len(found.beside)} of {more} more for the charts" if more else ""
        live = f"{len(found.cells)} of {counted(count, 'map')}{of_charts} · {found.now or 'waiting for its turn'}"
        done = f"complete: {_cost(found.cells.values())}"
        if more:
            done += f" · for the charts {_cost(found.beside.values())}"
        words = progress.told(state, live, f"failed: {view.error}", done)
        size = f"{counted(others, 'map')} of models with another input size not shown; their areas are below"
        return sheet.state(
            state,
            found.share,
            words,
            errors=self._failed(found) + self._lost(found),
            lines=[*([["Not shown", size]] if others else []), *self._notes(found)],
        )

    def _notes(self, found: Found) -> list[list[str]]:
        """The notes of areas: the metric, the note and its maps."""
        cells = [(self.sweep.title(place), cell) for place, cell in found.cells.items()]
        cells += [(self._titles[work], cell) for work, cell in found.beside.items()]
        told: dict[tuple[str, str], list[str]] = {}
        for title, cell in cells:
            for name in filter(cell.notes.get, self.experiment.metrics):
                told.setdefault((METRICS[name].label, cell.notes[name]), []).append(title)
        return [
            [label, f"{note} ({'all maps' if len(titles) == len(cells) else ', '.join(dict.fromkeys(titles))})"]
            for (label, note), titles in told.items()
        ]

    def _failed(self, found: Found) -> list[str]:
        """The errors of cells, each once, with the cells that have it."""
        told: dict[str, list[str]] = {}
        for place, cell in found.cells.items():
            if cell.error:
                told.setdefault(cell.error, []).append(self.sweep.title(place))
        return [f"{', '.join(titles)}: {error}" for error, titles in told.items()]

    def _lost(self, found: Found) -> list[str]:
        """What methods beside it say that have no map: once, if it is the same at all places."""
        told = ((self._titles[work], cell.error) for work, cell in found.beside.items())
        return list(dict.fromkeys(f"{title}: {error}" for title, error in told if error))


def _cost(cells: Collection[Result]) -> str:
    """How many maps there are, of how many gradients, and how many failed."""
    lost = sum(bool(cell.error) for cell in cells)
    needed, new = sum(cell.points for cell in cells), sum(cell.new for cell in cells)
    made = f"{counted(len(cells) - lost, 'map')} of {counted(needed, 'gradient')}, {new:,} of them computed"
    return f"{made}; {lost} failed" if lost else made


def _areas(found: Found, tasks: list[Task], metric: str) -> Areas:
    """The areas of one method beside a sweep, at each place."""
    cells = [found.beside.get(task.work, Result()) for task in tasks]
    return Areas(tasks[0].panel.method, tasks[0].title, tuple(cell.areas.get(metric) for cell in cells))


def _orders(control: Band | None, digits: int, drawn: bool) -> list[str]:
    """A sentence about the random orders, if they are there."""
    if control is None:
        return []
    low, high = min(control.areas), max(control.areas)
    found = f"{counted(len(control.areas), 'random order')} on this photo: {control.area:.{digits}f} on average"
    return [f"{found}, from {low:.{digits}f} to {high:.{digits}f}{' (grey)' if drawn else ''}."]


def _unlike(sweep: Sweep) -> list[str]:
    """A sentence about areas of several classes, models or scores: a line joins them, and "lower is better" stands
    above it."""
    several = [axis.knob for axis in sweep.axes if len(axis.values) > 1]
    names = [name for knob, name in zip(OF_ALL, ("classes", "models", "scores"), strict=True) if knob in several]
    return [f"Areas of different {listed(names)} cannot be compared with each other."] if names else []


def _others(beside: Iterable[Areas], digits: int) -> list[str]:
    """A sentence with the values of the methods beside the sweep that are there."""
    found = []
    for one in beside:
        if areas := [area for area in one.areas if area is not None]:
            low, high = f"{min(areas):.{digits}f}", f"{max(areas):.{digits}f}"
            found.append(f"{one.title} {low}" if low == high else f"{one.title} {low} to {high}")
    return [f"Also measured: {', '.join(found)}."] if found else []


def _long(sweep: Sweep) -> list[Axis]:
    """The axes of the chart: one with a single value is none."""
    return [axis for axis in sweep.axes if len(axis.values) > 1] or list(sweep.axes[:1])


def _figure(sweep: Sweep, swept: Areas, metric: str, control: Band | None, beside: tuple[Areas, ...]) -> Figure:
    long = _long(sweep)
    texts = [[sweep.say(axis.knob, value) for value in axis.values] for axis in long]
    letters, label = [letter(axis.knob) for axis in long], METRICS[metric].label
    if len(long) == 1:
        values = texts[0] if long[0].knob == "target" else list(long[0].values)
        return against(values, texts[0], swept, label, letters[0], control.areas if control else (), beside)
    width = len(long[1].values)
    rows = [swept.areas[k : k + width] for k in range(0, len(swept.areas), width)]
    return grid(texts[0], texts[1], rows, (letters[0], letters[1], label))

"""The board of Sweep: a map and the areas of its curves for each cell, and a chart of all areas."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from plotly.graph_objects import Figure

from attribution import METHODS, METRICS, Store
from attribution.controls import Band
from dashboard.charts.sweep import against, grid
from dashboard.controls import progress
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted, settled
from dashboard.live import sheet
from dashboard.live.frames import map_message
from dashboard.live.hub import Look, Part
from dashboard.live.sheet import Chart, Tile
from dashboard.views.sweep.sweep import OF_ALL, Sweep, letter
from dashboard.work.scheduler import Scheduler, View
from dashboard.work.sweep import Found, Key, Place, Prepare, Result, sweep_work

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
        return self.sweep.key(self.experiment, self.subject.image)

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
        head = {"status": shown, "words": words, "measure": panel.unit, "done": 1, "total": 1}
        return Part(f"map {title}", (cell, areas), partial(map_message, title, np.asarray(cell.heat), **head))

    def _chart(self, found: Found, name: str) -> Part:
        """All areas of a metric: a line for one setting, a heatmap for two. A click chooses a cell."""
        metric = METRICS[name]
        whole = not set(OF_ALL) & {axis.knob for axis in self.sweep.axes}
        control = found.control.get(name) if whole else None
        about = Chart(
            f"sweep-{name}",
            metric.label,
            metric.reading,
            "" if control is None else _told(control, metric.digits),
            metric.explained,
            f"{metric.label} of each map of the sweep",
            opens="cell",
        )
        areas = {place: cell.areas.get(name) for place, cell in found.cells.items() if not cell.error}
        version = (self.sweep, tuple(areas.items()), control and control.areas)
        return sheet.chart(about, version, partial(_figure, self.sweep, areas, name, control))

    def _state(self, view: View, found: Found) -> Part:
        """How many cells are done, and at the end their cost."""
        count = len(self.sweep.places)
        new = sum(cell.new for cell in found.cells.values())
        needed = sum(cell.points for cell in found.cells.values())
        failed = [place for place, cell in found.cells.items() if cell.error]
        others = sum(not self._fits(cell) for cell in self._done(found).values())
        state = progress.state([view])
        live = f"{len(found.cells)} of {counted(count, 'map')} · {found.now or 'waiting for its turn'}"
        lost = f"; {len(failed)} failed" if failed else ""
        made = f"complete: {counted(count - len(failed), 'map')} of {counted(needed, 'gradient')}"
        done = f"{made}, {new:,} of them computed{lost}"
        words = progress.told(state, live, f"failed: {view.error}", done)
        size = f"{counted(others, 'map')} of models with another input size not shown; their areas are below"
        return sheet.state(
            state,
            found.share,
            words,
            errors=[f"{self.sweep.title(place)}: {found.cells[place].error}" for place in failed],
            lines=[["Not shown", size]] if others else [],
        )


def _told(control: Band, digits: int) -> str:
    low, high = min(control.areas), max(control.areas)
    found = f"{counted(len(control.areas), 'random order')} on this photo: {control.area:.{digits}f} on average"
    return f"{found}, from {low:.{digits}f} to {high:.{digits}f} (grey)."


def _figure(sweep: Sweep, areas: Mapping[Place, float | None], metric: str, control: Band | None) -> Figure:
    long = [axis for axis in sweep.axes if len(axis.values) > 1] or list(sweep.axes[:1])
    texts = [[sweep.say(axis.knob, value) for value in axis.values] for axis in long]
    letters, label = [letter(axis.knob) for axis in long], METRICS[metric].label
    if len(long) == 1:
        values = texts[0] if long[0].knob == "target" else list(long[0].values)
        line = [areas.get(place) for place in sweep.places]
        return against(values, texts[0], line, sweep.method, label, letters[0], control.areas if control else ())
    rows = [[areas.get((a, b)) for b in long[1].values] for a in long[0].values]
    return grid(texts[0], texts[1], rows, (letters[0], letters[1], label))

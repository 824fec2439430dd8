"""The board of Compare: the photo, the maps and their curves, and in words how far they are."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from attribution import Store
from dashboard.charts.looks import style
from dashboard.cold_start import precomputed
from dashboard.controls import progress
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.knobs import turned
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted, duration, provenance
from dashboard.live.frames import map_message, pack
from dashboard.live.hub import STATE, Look, Part, Values
from dashboard.stage.viewer import Labelled
from dashboard.views.compare import parts, table
from dashboard.work.panel import CONTROL, Cell, curve_work, map_work
from dashboard.work.scheduler import Scheduler, View


@dataclass(frozen=True)
class CompareBoard:
    """An experiment on a subject, computed by a session's worker. A `draft` has maps only.

    `finished` is called with the cells whenever something is new; it returns more parts of the page. `beside` are other
    slots that the page uses.
    """

    jobs: Scheduler
    session: str
    store: Store
    experiment: Experiment
    subject: Subject
    pins: tuple[Labelled, ...] = ()
    beside: tuple[str, ...] = ()
    finished: Callable[[tuple[Cell, ...]], Sequence[Part]] = field(default=lambda cells: (), compare=False)
    draft: bool = False

    def turned(self, values: Values) -> "CompareBoard":
        return replace(self, experiment=turned(self.experiment, values), draft=True)

    def attend(self, here: bool) -> None:
        self.jobs.attend(self.session, here)

    def press(self, button: str) -> None:
        act = {"stop": self.jobs.stop, "resume": self.jobs.resume}.get(button)
        if act is not None:
            act(self.session)

    def look(self) -> Look:
        at_work = self.ask()
        cells = precomputed.stand_in(at_work, self.experiment, self.subject)
        more = () if self.draft else self.finished(at_work)
        shown = [cell for cell in cells if cell.panel.method != CONTROL]
        maps = [parts.map_part(cell, cell.snapshot) for cell in shown if cell.snapshot is not None]
        curves = [
            parts.curve_part(self.subject, cell, name, curve)
            for cell in ([] if self.draft else cells)
            for name in self.experiment.metrics
            if (curve := cell.curve(name)) is not None
        ]
        state = self._state(cells, at_work)
        said = Part(STATE, json.dumps(state), lambda: pack(state))
        waiting = any(cell.snapshot is None and cell.map.live for cell in shown)
        return Look((*self._fixed, said, *maps, *curves, *more), waiting)

    def ask(self) -> tuple[Cell, ...]:
        """The results so far of each method. Starts missing work, and keeps it running."""
        if not self.experiment.methods:
            return ()
        known = (self.subject.model, self.subject.x, self.store)
        cells, slots = [], set(self.beside)
        for panel in self.experiment.panels(self.subject.image, self.subject.model.name, self.subject.target):
            seen = View("done")
            if panel.method != CONTROL:
                slots.add(f"{panel.method} map")
                work = partial(map_work, panel, *known)
                seen = self.jobs.ask(self.session, f"{panel.method} map", panel, work)
            curves = []
            for key in () if self.draft else self.experiment.curve_keys(panel):
                slot = f"{panel.method} {key.metric}"
                slots.add(slot)
                measure = partial(curve_work, key, *known, self.jobs.finished)
                curves.append((key, self.jobs.ask(self.session, slot, key, measure)))
            cells.append(Cell(panel, seen, tuple(curves)))
        self.jobs.only(self.session, slots)
        return tuple(cells)

    @cached_property
    def _fixed(self) -> tuple[Part, ...]:
        """The parts that do not change while the board is shown."""
        return (self._layout(), self._photo(), *self._pins())

    def _layout(self) -> Part:
        """What there is: tiles, charts, and the look of each method."""
        labels, pixels = self.subject.labelled
        panels = self.experiment.panels(self.subject.image, self.subject.model.name, self.subject.target)
        tiles = [{"name": p.method, "title": p.title, "gloss": p.gloss} for p in panels if p.method != CONTROL]
        tiles += [{"name": f"pin {k}", **asdict(said)} for k, (said, _) in enumerate(self.pins)]
        head = {
            "part": "layout",
            "photo": {**asdict(labels), "height": pixels.shape[0], "width": pixels.shape[1]},
            "tiles": tiles,
            "charts": [parts.chart(name) for name in self.experiment.metrics],
            "lines": {panel.method: [panel.title, *style(panel.method)] for panel in panels},
            "control": CONTROL,
        }
        return Part("layout", json.dumps(head, sort_keys=True), lambda: pack(head))

    def _photo(self) -> Part:
        pixels = self.subject.photo
        name = (self.subject.image, self.subject.model.digest)
        return Part("photo", name, lambda: pack({"part": "photo"}, np.ascontiguousarray(pixels, np.uint8).tobytes()))

    def _pins(self) -> list[Part]:
        return [
            Part(f"map pin {k}", said, partial(map_message, f"pin {k}", values, done=1, total=1, words=""))
            for k, (said, values) in enumerate(self.pins)
        ]

    def _state(self, cells: Sequence[Cell], at_work: Sequence[Cell]) -> dict[str, Any]:
        """In words: how far the work is, what it gave, and what it cost."""
        share, text = table.progress(at_work, self.subject.pixels)
        state = progress.state(view for cell in at_work for view in cell.views)
        live = " · ".join(filter(None, [self._left(at_work), self._others(), text]))
        shown = [cell for cell in cells if cell.panel.method != CONTROL]
        return {
            "part": STATE,
            "draft": self.draft,
            "state": state,
            "share": 1.0 if state == progress.DONE else round(share, 3),
            "text": f"draft · {text}" if self.draft else table.told(state, live),
            "status": {cell.panel.method: table.status(cell) for cell in shown},
            "old": [cell.panel.method for cell in shown if cell.snapshot is None],
            "errors": [f"{', '.join(names)}: {error}" for error, names in table.errors(cells).items()],
            **({} if self.draft else self._results(cells)),
        }

    def _results(self, cells: Sequence[Cell]) -> dict[str, Any]:
        return {
            "verdict": table.headline(cells),
            "verdicts": {name: table.verdict(cells, name) for name in self.experiment.metrics},
            "table": table.rows(cells, self.experiment.metrics),
            "spent": table.spent(cells),
            "made": provenance(self.subject.model),
        }

    def _left(self, cells: Sequence[Cell]) -> str:
        model = self.subject.model
        gradient, value = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
        if gradient is None or value is None:
            return ""
        gradients, passes = table.left(cells, self.subject.pixels)
        return f"about {duration(gradient * gradients + value * passes)} left"

    def _others(self) -> str:
        count = self.jobs.others(self.session)
        return f"sharing with {counted(count, 'other session')}" if count else ""

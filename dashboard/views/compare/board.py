"""The board of Compare: the photo, the maps and their curves, and in words how far they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from attribution import Store
from dashboard.charts.looks import style
from dashboard.cold_start import precomputed
from dashboard.controls import progress
from dashboard.controls.search import SLOT
from dashboard.controls.settle import SLOT as SETTLE
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.knobs import turned
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import columns, counted, duration, provenance
from dashboard.live import sheet
from dashboard.live.frames import map_message
from dashboard.live.hub import Look, Part, Values
from dashboard.live.sheet import STATE, Tile
from dashboard.stage.labels import Labelled
from dashboard.views.compare import finding, glance, log, parts, settling, table, verdicts
from dashboard.work.glance import Glance, glance_work
from dashboard.work.panel import CONTROL, PERTURBATION, Cell, curve_work, map_work
from dashboard.work.scheduler import Scheduler, View
from dashboard.work.search import Search, search_work
from dashboard.work.settle import Settle, settle_work

HAND, NEAR = 0.5, 1.0
"""Seconds during which a hand waits for the next picture: after a look at a draft, and after it came to a knob."""
Beside = finding.Sought | settling.Underway
"""Work that runs beside the maps and sets a knob at its end."""


@dataclass(frozen=True)
class CompareBoard(sheet.Worked):
    """An experiment on a subject, computed by a session's worker. A `draft` has maps only.

    `finished` is called with the cells whenever something is new; it returns more parts of the page. `search` and
    `settle` run beside the maps, if any: the search for sigma, and samples until the maps are settled.
    """

    jobs: Scheduler
    store: Store
    experiment: Experiment
    subject: Subject
    pins: tuple[Labelled, ...] = ()
    search: Search | None = None
    finished: Callable[[tuple[Cell, ...]], Sequence[Part]] = field(default=lambda cells: (), compare=False)
    draft: bool = False
    settle: Settle | None = None

    def turned(self, values: Values) -> "CompareBoard":
        return replace(self, experiment=turned(self.experiment, values), draft=True)

    def look(self) -> Look:
        if self.draft:
            self._hurry(HAND)
        at_work, beside = self.ask(), [one for one in (self.seek(), self.settling()) if one is not None]
        sought = next((one for one in beside if isinstance(one, finding.Sought)), None)
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
        steps = [] if sought is None else finding.parts(sought)
        said = sheet.part(STATE, self._state(cells, at_work, beside))
        waiting = any(cell.snapshot is None and cell.map.live for cell in shown)
        found = [*maps, *curves, *steps, *more, *glance.parts(at_work)]
        # What says "complete" comes after what is complete, and what says "draft" before the maps of the draft.
        rest = [said, *found] if self.draft else [*found, said]
        return Look((self._layouts[bool(steps), self.draft or bool(more)], *self._fixed, *rest), waiting)

    def near(self) -> None:
        self._hurry(NEAR)

    def _hurry(self, seconds: float) -> None:
        """For so long, batches are small: a draft waits for the one that is computed when it is asked for."""
        for batch in (self.subject.model.gradient_batch, self.subject.model.value_batch):
            batch.hurry(seconds)

    def seek(self) -> finding.Sought | None:
        """The search for sigma so far, if there is one. Starts it, and keeps it running."""
        if self.search is None:
            return None
        work = partial(search_work, self.search, self.subject.model, self.subject.x, self.store)
        return finding.Sought(self.search, self.jobs.ask(self.session, SLOT, self.search, work))

    def settling(self) -> settling.Underway | None:
        """How far the samples are, if they go on until the maps are settled. Starts it, and keeps it running."""
        if self.settle is None:
            return None
        work = partial(settle_work, self.settle, self.subject.model, self.subject.x, self.store)
        return settling.Underway(self.settle, self.jobs.ask(self.session, SETTLE, self.settle, work))

    def ask(self) -> tuple[Cell, ...]:
        """The results so far of each method. Starts missing work, and keeps it running."""
        if not self.experiment.methods:
            return ()
        known = (self.subject.model, self.subject.x, self.store)
        cells, slots = [], {slot for slot, one in ((SLOT, self.search), (SETTLE, self.settle)) if one}
        for panel in self.experiment.panels(self.subject.image, self.subject.model.name, self.subject.target):
            seen = View("done")
            if panel.method != CONTROL:
                slots.add(f"{panel.method} map")
                work = partial(map_work, panel, *known)
                seen = self.jobs.ask(self.session, f"{panel.method} map", panel, work)
            ask, curves = self._below(seen), []
            for key in () if self.draft else self.experiment.curve_keys(panel):
                slot = f"{panel.method} {key.metric}"
                slots.add(slot)
                measure = partial(curve_work, key, *known, self.jobs.finished)
                curves.append((key, ask(slot, key, measure)))
            random = None
            if glance.wanted(self.experiment, panel) and not self.draft:
                slots.add(f"{panel.method} random")
                beside = Glance(panel, self.experiment.seed)
                again = partial(glance_work, beside, *known)
                random = ask(f"{panel.method} random", beside, again)
            cells.append(Cell(panel, seen, tuple(curves), random=random))
        self.jobs.only(self.session, slots)
        return tuple(cells)

    def _below(self, seen: View) -> Callable[..., View]:
        """How to ask for what needs the whole map, and would compute it: its curves, and that of the random network.
        Below a map that is stopped they are stopped too, also those of another setting."""
        stopped = View("stopped")
        return (lambda *asked: stopped) if seen.state == stopped.state else partial(self.jobs.ask, self.session)

    @cached_property
    def _fixed(self) -> tuple[Part, ...]:
        """The parts that do not change while the board is shown."""
        return (self._photo(), *self._pins())

    @cached_property
    def _layouts(self) -> dict[tuple[bool, ...], Part]:
        """With and without the steps of a search for sigma, and the chart of results. A draft leaves that chart."""
        return {(steps, past): self._layout(steps, past) for steps in (False, True) for past in (False, True)}

    def _layout(self, searching: bool, past: bool) -> Part:
        """What there is: tiles, charts, and the look of each method."""
        panels = self.experiment.panels(self.subject.image, self.subject.model.name, self.subject.target)
        tiles = [Tile(panel.method, panel.title, panel.gloss) for panel in panels if panel.method != CONTROL]
        tiles += [Tile(f"pin {k}", said.title, said.gloss, said.status) for k, (said, _) in enumerate(self.pins)]
        return sheet.layout(
            self.subject.head,
            [*tiles, *([finding.TILE] if searching else ())],
            [*([finding.CHART] if searching else ()), *([log.CHART] if past else ())],
            [finding.STEP] if searching else [],
            charts=[parts.chart(name, self.experiment.output) for name in self.experiment.metrics],
            lines={panel.method: [panel.title, *style(panel.method)] for panel in panels},
            control=CONTROL,
        )

    def _photo(self) -> Part:
        return sheet.picture("photo", self.subject.version, lambda: self.subject.photo)

    def _pins(self) -> list[Part]:
        return [
            Part(
                f"map pin {k}",
                said,
                partial(map_message, f"pin {k}", values, words=said.words, measure=said.measure),
            )
            for k, (said, values) in enumerate(self.pins)
        ]

    def far(self, at_work: Sequence[Cell], beside: Sequence[Beside]) -> tuple[str, float, str]:
        """The state of all work, its finished share, and what is running."""
        state = progress.state([*(v for cell in at_work for v in cell.every_view), *(one.view for one in beside)])
        share, text = table.progress(at_work, self.subject.pixels)
        for one in beside:
            if one.view.live:  # its steps are not known beforehand
                share, text = min(share, 0.99), text or one.words
        return state, 1.0 if state == progress.DONE else share, text

    def _state(self, cells: Sequence[Cell], at_work: Sequence[Cell], beside: Sequence[Beside]) -> dict[str, Any]:
        """In words: how far the work is, what it gave, and what it cost."""
        state, share, text = self.far(at_work, beside)
        live = " · ".join(filter(None, [self._left(at_work), self._others(), text]))
        # Of a map that is still to come, a draft says nothing: the last one stays on screen, with its words.
        quiet = [cell for cell in cells if self.draft and cell.map.live and cell.snapshot is None]
        shown = [cell for cell in cells if cell.panel.method != CONTROL and cell not in quiet]
        return {
            "part": STATE,
            "draft": self.draft,
            "state": state,
            "share": round(share, 3),
            "text": " · ".join(filter(None, ["draft", text])) if self.draft else progress.told(state, live),
            "status": {cell.panel.method: table.status(cell) for cell in shown},
            "old": [cell.panel.method for cell in shown if cell.snapshot is None],
            "errors": [f"{', '.join(names)}: {error}" for error, names in table.errors(cells).items()],
            "lines": [[one.title, one.words] for one in beside],
            "rerun": " ".join(filter(None, (one.ended for one in beside))),
            **({} if self.draft else self._results(cells)),
            "settling": next((one.told for one in beside if isinstance(one, settling.Underway)), {}),
        }

    def _results(self, cells: Sequence[Cell]) -> dict[str, Any]:
        headline = verdicts.headline(cells)
        # The headline says what the perturbation curves show.
        others = [name for name in self.experiment.metrics if not (headline and name == PERTURBATION)]
        return {
            # The browser keeps curves until others come in their place: those of another setting must go before.
            "curves": [
                f"{name} {cell.panel.method}"
                for cell in cells
                for name in self.experiment.metrics
                if cell.curve(name) is not None
            ],
            "verdict": headline,
            "verdicts": {name: verdicts.verdict(cells, name) for name in others},
            "columns": columns(self.experiment.metrics),
            "table": table.rows(cells, self.experiment.metrics),
            "spent": table.spent(cells),
            "made": provenance(self.subject.model, self.experiment.output),
            "random": glance.told(cells),
            "checks": glance.checks(self.experiment),
        }

    def _left(self, cells: Sequence[Cell]) -> str:
        model = self.subject.model
        gradient, value = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
        if gradient is None or value is None:
            return ""
        gradients, passes = table.left(cells, self.subject.pixels)
        if not gradients and not passes:
            return ""
        return f"about {duration(gradient * gradients + value * passes)} left"

    def _others(self) -> str:
        count = self.jobs.others(self.session)
        return f"sharing with {counted(count, 'other session')}" if count else ""

"""The board of Noise: each method's map after r samples, its standard error, and the agreement of its halves."""

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial

from attribution import METHODS, Store
from attribution.agreement import ENOUGH, spoken
from attribution.studies.convergence import Convergence, checkpoints, noisy_methods
from dashboard.charts.noise import Agreement, agreement
from dashboard.controls import progress
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.own import COMPARED
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted
from dashboard.live import sheet
from dashboard.live.frames import map_message
from dashboard.live.hub import Look, Part
from dashboard.live.sheet import Chart, Scrub, Tile
from dashboard.work.noise import Doubt, doubt_work
from dashboard.work.scheduler import Scheduler, View

CHART = Chart(
    "noise-agreement",
    "Agreement",
    "of two halves of the samples",
    "The samples are split into two halves, and each half gives a signed map. If Pearson's correlation of the two maps "
    f"is above {ENOUGH}, the dashed line, more samples would change little. Antithetic sampling (±ε, dotted) uses "
    "each noise draw with both signs: R gradients from R / 2 draws, and terms that are linear in the noise cancel. "
    "Agreement shows that a map has converged. It does not show that the map is right.",
    words="The correlation of two halves of the samples against the number of samples",
)
NULL = "{null} is the gradients of {of} times independent noise: its halves have nothing in common."
"""What is said of a null whose line is drawn."""


def methods(experiment: Experiment) -> tuple[str, ...]:
    """The compared methods that average over noise. If there are none, the default methods that do."""
    noisy = noisy_methods()
    found = tuple(method for method in experiment.methods if method in noisy)
    return found or tuple(method for method in COMPARED if method in noisy)


@dataclass(frozen=True)
class NoiseBoard(sheet.Worked):
    """The noise methods of an experiment; `both`: with antithetic sampling too.

    Halves are averaged over `side` cells a side before they are compared; 0: they are not.
    """

    jobs: Scheduler
    store: Store
    experiment: Experiment
    subject: Subject
    both: bool
    side: int = 0

    def look(self) -> Look:
        views = self.ask()
        samples = self.experiment.samples
        draws = Scrub.over(
            checkpoints(samples),
            "draws",
            "r",
            "r, how many of the R samples are in the maps",
            "R samples: R noisy copies of the photo, one gradient each. Nothing is recomputed.",
        )
        held = {doubt: view.snapshot for doubt, view in views.items() if view.snapshot}
        version = (self.side, *((doubt, len(one.counts)) for doubt, one in held.items()))
        lines = [
            Agreement(doubt.panel.method, doubt.title, doubt.antithetic, one.counts, one.at(self.side))
            for doubt, one in held.items()
        ]
        maps = {doubt: one for doubt, one in held.items() if doubt in self._doubts}
        parts = [
            sheet.layout(self.subject.head, self._tiles(maps), [CHART.name], [draws.name]),
            sheet.picture("photo", self.subject.version, lambda: self.subject.photo),
            sheet.scrub(draws),
            sheet.chart(self._chart, version, partial(agreement, lines, samples, ENOUGH)),
            *(part for doubt, one in maps.items() for part in _maps(doubt, one)),
            self._state(views),
        ]
        return Look(tuple(parts))

    def ask(self) -> dict[Doubt, View]:
        """The work of each method so far. Starts missing work, and keeps it running."""
        known = (self.subject.model, self.subject.x, self.store)
        found, slots = {}, []
        for doubt in (*self._doubts, *self._nulls):
            slots.append(f"{doubt.panel.method} doubt {doubt.antithetic}")
            found[doubt] = self.jobs.ask(self.session, slots[-1], doubt, partial(doubt_work, doubt, *known))
        self.jobs.only(self.session, slots)
        return found

    @cached_property
    def _doubts(self) -> tuple[Doubt, ...]:
        place = (self.subject.image, self.subject.model.name, self.subject.target)
        panels = [self.experiment.panel(method, *place) for method in methods(self.experiment)]
        return tuple(Doubt(panel, signs) for panel in panels for signs in ((False, True) if self.both else (False,)))

    @cached_property
    def _nulls(self) -> tuple[Doubt, ...]:
        """The nulls of the methods. They share their gradients, and have no maps here."""
        named = {METHODS[doubt.panel.method].null: doubt.panel for doubt in self._doubts}
        shown = {doubt.panel.method for doubt in self._doubts}
        nulls = (replace(panel, method=null) for null, panel in named.items() if null and null not in shown)
        return tuple(Doubt(panel, antithetic=False) for panel in nulls)

    @cached_property
    def _chart(self) -> Chart:
        """The chart, whose note speaks of the nulls only if they are drawn."""
        drawn = {doubt.panel.method for doubt in (*self._doubts, *self._nulls)}
        pairs = [(METHODS[method.null], method) for method in METHODS.values() if method.null in drawn]
        said = [NULL.format(null=null.title, of=of.title) for null, of in pairs]
        return replace(CHART, note=" ".join([CHART.note, *said]))

    def _tiles(self, held: dict[Doubt, Convergence]) -> list[Tile]:
        maps = [Tile(doubt.title, doubt.title, "the mean so far") for doubt in self._doubts]
        sure = [doubt for doubt, one in held.items() if not one.error.isnan().any()]
        return [
            *maps,
            *(Tile(f"error of {d.title}", f"error of {d.title}", "standard error at each pixel") for d in sure),
        ]

    def _state(self, views: dict[Doubt, View]) -> Part:
        done = sum(view.snapshot.done for view in views.values() if view.snapshot)
        total = sum(doubt.samples for doubt in views)
        state = progress.state(views.values())
        live = f"{done} of {counted(total, 'sample')}"
        words = progress.told(state, live, "failed: not all samples could be computed")
        return sheet.state(
            state,
            done / total,
            words,
            errors=[f"{doubt.title}: {view.error}" for doubt, view in views.items() if view.state == "failed"],
            lines=[[d.title, verdict(views[d].snapshot, self.experiment.samples, self.side)] for d in self._doubts],
            old=[doubt.title for doubt in self._doubts if not views[doubt].snapshot],
        )


def _maps(doubt: Doubt, found: Convergence) -> list[Part]:
    """The map after each number of samples, and its standard error."""
    parts, title, of_all, unit = [], doubt.title, str(doubt), {"measure": doubt.panel.unit}
    for k, count in enumerate(found.counts):
        after = f"after {count} of {counted(found.total, 'sample')}"
        head = {"scrub": "draws", "at": count, "of": of_all, "status": after, "words": f"{title} {after}", **unit}
        make = partial(map_message, title, found.maps[k], **head)
        parts.append(Part(f"frame {title} {k}", (doubt, k), make))
    if not found.error.isnan().any():
        of = f"of the mean of {counted(found.done, 'sample')}"
        words = f"error of {title}: standard error at each pixel"
        make = partial(map_message, f"error of {title}", found.error, status=of, words=words, **unit)
        parts.append(Part(f"map error of {title}", found, make))
    return parts


def verdict(found: Convergence | None, samples: int, side: int) -> str:
    """Whether R is enough for maps that are pooled to this side, in one line."""
    if found is None:
        return "waiting for its first samples"
    agreement = found.at(side)[-1]
    if found.done < found.total:
        return f"draft: {found.done} of {counted(found.total, 'sample')}"
    if math.isnan(agreement):
        return f"R = {samples} is too few to tell: there are no two halves, or a map is blank"
    settled, needed = found.settled(side), found.needed(side)
    if settled:
        return f"R = {samples} is enough here: the halves agree ({spoken(agreement)}), from r = {settled} on"
    words = f"R = {samples} is not enough here: the two halves correlate at {spoken(agreement)} only"
    if needed is None:
        return f"{words}, which cannot be told from the agreement of unrelated maps yet"
    return f"{words}; {ENOUGH} needs very roughly {_rounded_up(needed):,} samples"


def _rounded_up(count: int) -> int:
    """The next number with one digit and zeros: rounded down, the estimate could be less than R."""
    unit: int = 10 ** (len(str(count)) - 1)
    return -(-count // unit) * unit

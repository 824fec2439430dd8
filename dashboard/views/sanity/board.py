"""The board of Sanity: the maps of each stage, the charts, and what the checks found about each method."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from attribution import Store
from attribution.similarity import MEASURES
from attribution.studies.other_class import Contrast
from attribution.studies.randomisation import Randomised, Stage
from dashboard.controls import progress
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.own import COMPARED
from dashboard.experiment.subject import Subject
from dashboard.live import sheet
from dashboard.live.frames import map_message
from dashboard.live.hub import Look, Part
from dashboard.live.sheet import Scrub, Tile
from dashboard.views.sanity.figures import layers_chart, nearby_charts, noise_chart
from dashboard.views.sanity.words import AXES, CHECKS, EVERY, Found, layers_words, told, verdicts
from dashboard.work.panel import Panel
from dashboard.work.sanity import (
    Beside,
    Layers,
    Nearby,
    Weights,
    beside_work,
    layers_work,
    limited,
    nearby_work,
    weights_work,
)
from dashboard.work.scheduler import Scheduler, View

CONTROLS = ("edges", "centre")
"""Maps that look at no model. The checks must flag them."""


@dataclass(frozen=True)
class Choice:
    """What is checked and how. `shown`: the method whose maps are shown, or `EVERY`. `most`: of samples and steps."""

    mode: str = "cascading"
    measure: str = "spearman"
    shown: str = EVERY
    most: int = 10
    own_class: bool = False
    other: str = "second"
    statistics: bool = False


def methods(experiment: Experiment) -> tuple[str, ...]:
    """The compared methods, and the controls that look at no model."""
    return tuple(dict.fromkeys((*(experiment.methods or COMPARED), *CONTROLS)))


@dataclass(frozen=True)
class SanityBoard(sheet.Worked):
    """The checks of the methods of an experiment."""

    jobs: Scheduler
    store: Store
    experiment: Experiment
    subject: Subject
    choice: Choice

    def look(self) -> Look:
        views = self.ask()
        random, beside, nearby, noise = (view.snapshot for view in views.values())
        maps = [*(self._stages(random) if random else ()), *(self._others(beside) if beside else ())]
        scrubs = [_scrub(random)] if self.choice.shown == EVERY and random else []
        given = (self._panels, self.choice.measure, self._of)
        charts = {
            **({"sanity-layers": layers_chart(random, *given)} if random else {}),
            **({"sanity-noise": noise_chart(noise, *given)} if noise else {}),
        }
        if nearby:
            infidelity, sensitivity = nearby_charts(nearby, self._panels, self._std, self._of)
            charts |= {"sanity-infidelity": infidelity, "sanity-sensitivity": sensitivity}
        tiles = list(dict.fromkeys(tile for tile, _ in maps))
        parts = [
            sheet.layout(self.subject.head, tiles, list(charts), [scrub.name for scrub in scrubs]),
            sheet.picture("photo", self.subject.version, lambda: self.subject.photo),
            *map(sheet.scrub, scrubs),
            *charts.values(),
            *(part for _, part in maps),
            self._state(views),
        ]
        return Look(tuple(parts))

    def ask(self) -> dict[str, View]:
        """The checks so far, in the order of `CHECKS`. Starts missing work, and keeps it running."""
        known = (self.subject.model, self.subject.x, self.store)
        seed, output = self.experiment.seed, self.experiment.output
        layers = Layers(self._panels, self.choice.mode, self.choice.own_class, seed, output, self.choice.statistics)
        beside = Beside(self._panels, self.choice.other, output)
        nearby = Nearby(self._panels, seed, output)
        weights = Weights(self._panels, seed, output)
        found = {
            "layers": self.jobs.ask(self.session, "sanity layers", layers, partial(layers_work, layers, *known)),
            "class": self.jobs.ask(self.session, "sanity class", beside, partial(beside_work, beside, *known)),
            "nearby": self.jobs.ask(self.session, "sanity nearby", nearby, partial(nearby_work, nearby, *known)),
            "weights": self.jobs.ask(self.session, "sanity weights", weights, partial(weights_work, weights, *known)),
        }
        self.jobs.only(self.session, [f"sanity {name}" for name in found])
        return found

    @cached_property
    def _panels(self) -> tuple[Panel, ...]:
        place = (self.subject.image, self.subject.model.name, self.subject.target)
        panels = (self.experiment.panel(method, *place) for method in methods(self.experiment))
        return tuple(limited(panel, self.choice.most) for panel in panels)

    @cached_property
    def _shown(self) -> tuple[Panel, ...]:
        """The methods whose maps are shown."""
        return tuple(p for p in self._panels if self.choice.shown in (EVERY, p.method)) or self._panels

    @cached_property
    def _of(self) -> str:
        """What all maps of the stages belong to."""
        random = (self.choice.mode, self.choice.own_class, self.choice.statistics, self.experiment.seed)
        return str((self._panels, *random))

    @property
    def _std(self) -> float:
        """The standard deviation of the pixels of the model, in [0, 1]: the mean over the channels."""
        std = self.subject.model.std
        return sum(std) / len(std)

    def _stages(self, random: Randomised) -> Iterator[tuple[Tile, Part]]:
        """The maps with their tiles: a tile for each stage of one method, or one for each method with a slider."""
        strip = self.choice.shown != EVERY
        for stage in random.stages:
            for panel in self._shown:
                if panel.method in stage.maps:
                    tile = self._tile(random, stage) if strip else Tile(panel.title, panel.title, panel.gloss)
                    yield tile, self._map(tile, panel, random, stage, strip)

    def _tile(self, random: Randomised, stage: Stage) -> Tile:
        title = layers_words(random, stage)
        own = self.choice.own_class and stage.count
        gloss = self.subject.model.categories[stage.target] if own else stage.layer
        return Tile(title, title, gloss or "no layer is random")

    def _map(self, tile: Tile, panel: Panel, random: Randomised, stage: Stage, strip: bool) -> Part:
        measure, stands = self.choice.measure, layers_words(random, stage)
        alike = f"{MEASURES[measure].title} {stage.similarity(panel.method, measure)}" if stage.count else "the model"
        head: dict[str, Any] = {"status": alike, "words": f"{panel.title}, {stands}: {alike}", "measure": panel.unit}
        if not strip:
            at = random.counts.index(stage.count)
            head |= {"status": f"{stands} · {alike}", "scrub": "stage", "at": at, "of": self._of}
        make = partial(map_message, tile.name, stage.maps[panel.method], **head)
        return Part(f"map {tile.name} {stage.count}", (self._of, panel, stage.count, measure), make)

    def _others(self, beside: Contrast) -> Iterator[tuple[Tile, Part]]:
        """The maps of the other class."""
        category = self.subject.model.categories[beside.other]
        for panel in self._shown:
            if panel.method in beside.absolute:
                title = "Another class" if self.choice.shown != EVERY else f"{panel.title}: another class"
                tile = Tile(title, title, category)
                status = f"{MEASURES['spearman'].title} {beside.absolute[panel.method]}"
                head = {"status": status, "words": f"{panel.title} for {category}: {status}", "measure": panel.unit}
                make = partial(map_message, tile.name, beside.others[panel.method], **head)
                yield tile, Part(f"map {tile.name}", (panel, beside.target, beside.other), make)

    def _state(self, views: dict[str, View]) -> Part:
        found: list[Found] = [view.snapshot for view in views.values() if view.snapshot]
        state = progress.state(views.values())
        share = 1.0 if state == progress.DONE else sum(one.done / one.total for one in found) / len(views)
        errors = [f"{CHECKS[name]}: {view.error}" for name, view in views.items() if view.state == "failed"]
        lines = [[panel.title, verdicts(panel.method, found)] for panel in self._panels]
        words = progress.told(state, told(found), "failed: not all checks could be made")
        return sheet.state(state, share, words, errors=errors, lines=lines)


def _scrub(random: Randomised) -> Scrub:
    """A slider over the stages so far. At first it is at the last one."""
    counts = random.counts[: len(random.stages)]
    texts = tuple("none" if not count else str(count) for count in counts)
    places = tuple(map(float, range(len(counts))))
    return Scrub("stage", "k", AXES[random.mode], "Nothing is recomputed.", texts, places, len(counts) - 1)

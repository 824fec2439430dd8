"""The board of Path: images, gradients and sums along the path, the charts against alpha, and two scrubs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from weakref import WeakKeyDictionary

from attribution import METHODS, Store
from attribution.engine.baselines import BASELINES
from attribution.images import to_picture
from attribution.studies.trace import Trace
from dashboard.charts import path as charts_of
from dashboard.charts.looks import GREY, baseline_name, style
from dashboard.controls import progress
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.live import sheet
from dashboard.live.frames import map_message
from dashboard.live.hub import Look, Part
from dashboard.live.sheet import Chart, Mark, Scrub, Tile
from dashboard.views.path.walks import GUIDED, RUG, Views, cut, guided, rows, rug, said, start, straight
from dashboard.work.path import Straight, guided_work, rug_work, straight_work
from dashboard.work.scheduler import Scheduler

PHIS = tuple(round(0.5 + 0.01 * k, 2) for k in range(51))
DRAWINGS = 8
"""How often a chart is drawn while it grows."""
SLOPE, WHOLE = METHODS["gradient"].unit({}), METHODS["integrated_gradients"].unit({})
"""The units of the maps: a shared colour scale joins like units only."""
AFTER = (
    "With many steps, those after the cut add 1 − φ of the climb to the sum: little if φ is near 1, half if φ is 0.5. "
    "Gradients can still be large where the score changes little. The cut is one of the M steps that are set here: "
    "with few steps, most of the climb can lie after it. Left-IG itself takes steps and a baseline of its own. The "
    "absolute sum adds the absolute values of each step. If its share is large with φ near 1, much of Integrated "
    "Gradients comes from the saturated part, which Left-IG leaves out."
)


@dataclass(frozen=True)
class PathBoard(sheet.Worked):
    """The paths of an experiment. The scrubs move along that of the first baseline; the others are for comparison."""

    jobs: Scheduler
    store: Store
    experiment: Experiment
    subject: Subject
    baselines: tuple[str, ...]
    detour: bool

    def look(self) -> Look:
        views = self.ask()
        found = {name: view.snapshot for name, view in views.items() if name in BASELINES and view.snapshot}
        trace: Trace | None = found.get(self.baselines[0])
        scrubs = [self._alpha(trace)] if trace else []
        below = [self._phi(found)] if found else []
        photo = {**self._photo, "mix": "alpha" if trace else ""}
        parts = [
            sheet.layout(photo, self._tiles, *self._places(views, found)),
            sheet.picture("photo", self.subject.version, lambda: self.subject.photo),
            *map(sheet.scrub, (*scrubs, *below)),
            *(self._charts(views, found) if found else ()),
            *(self._walk(trace) if trace else ()),
            self._state(views, trace),
        ]
        return Look(tuple(parts))

    def _places(self, views: Views, found: dict[str, Trace]) -> tuple[list[str], list[str]]:
        """The names of charts and scrubs. While they are still to come, those of before stay, and so does a slider."""
        if progress.state(views.values()) == progress.LIVE:
            return [name for name, *_ in charts_of.CHARTS[: 4 if self.detour else 3]], ["alpha", "phi"]
        if not found:
            return [], []
        scrubs = ["alpha", "phi"] if self.baselines[0] in found else ["phi"]
        return [chart.name for chart in self._drawn(views)], scrubs

    def ask(self) -> Views:
        """The work of each path so far. Starts missing work, and keeps it running."""
        known = (self.subject.model, self.subject.x, self.store)
        found = {}
        for baseline, path in self._paths.items():
            found[baseline] = self.jobs.ask(
                self.session, f"path {baseline}", path, partial(straight_work, path, *known)
            )
        begin = self._paths[self.baselines[0]].start
        samples = rug(self.experiment, begin)
        found[RUG] = self.jobs.ask(self.session, RUG, samples, partial(rug_work, samples, *known))
        if self.detour:
            beside = guided(self.experiment, begin)
            found[GUIDED] = self.jobs.ask(self.session, GUIDED, beside, partial(guided_work, beside, *known))
        slots = [f"path {baseline}" for baseline in self.baselines]
        self.jobs.only(self.session, [*slots, RUG, *([GUIDED] if self.detour else ())])
        return found

    @cached_property
    def _paths(self) -> dict[str, Straight]:
        place = (self.subject.image, self.subject.model.name, self.subject.target)
        return {name: straight(self.experiment, start(self.experiment, *place, name)) for name in self.baselines}

    @cached_property
    def _photo(self) -> dict[str, Any]:
        gloss = f"from {baseline_name(self.baselines[0])}"
        words = f"The image on the path {gloss} to the photo"
        return {**self.subject.head, "title": "Image", "gloss": gloss, "status": "", "words": words}

    @cached_property
    def _tiles(self) -> list[Tile]:
        title = METHODS["integrated_gradients"].title
        whole = f"{title}, from its first noise baseline" if self.baselines[0] == "uniform" else title
        return [
            Tile("gradient", METHODS["gradient"].title, "at this image"),
            Tile("sum", "Map so far", "the sum of all steps up to α"),
            Tile("whole", "Complete map", whole),
        ]

    def _alpha(self, trace: Trace) -> Scrub:
        """Over the steps with stored maps. Of those that are still to come, the last one is shown that is there."""
        places = trace.places
        nodes = [trace.frames[min(k, len(trace.frames) - 1)] for k in range(len(places))]
        shown = [float(trace.alphas[node]) for node in nodes]
        return Scrub(
            "alpha",
            "α",
            "α, position on the path · click a point of a chart to go there",
            "0 is the baseline, 1 the photo. Nothing is recomputed.",
            tuple(f"{place:.3g}" for place in places),
            places,
            min(range(len(places)), key=lambda k: abs(places[k] - 0.5)),
            said=tuple(said(trace, node) for node in nodes),
            mix=tuple(round(alpha, 6) for alpha in shown),
            shown=tuple(f"{alpha:.3g}" for alpha in shown),
        )

    def _phi(self, found: dict[str, Trace]) -> Scrub:
        usual = self.experiment.every_knob("left_ig")["phi"]
        of_all = {name: _rows(name, trace) for name, trace in found.items()}
        return Scrub(
            "phi",
            "φ",
            "φ, the share of the climb f(x) − f(b) where Left-IG cuts the path",
            "The nearer φ is to 1, the later the cut. Nothing is recomputed.",
            tuple(f"{phi:.2f}" for phi in PHIS),
            PHIS,
            min(range(len(PHIS)), key=lambda k: abs(PHIS[k] - usual)),
            tables=tuple([of_all[name][k] for name in found] for k in range(len(PHIS))),
            caption="Where Left-IG cuts each path, and the attribution after the cut",
            note=AFTER,
            below=True,
        )

    def _drawn(self, views: Views) -> list[Chart]:
        beside = GUIDED in views and bool(views[GUIDED].snapshot) and bool(views[self.baselines[0]].snapshot)
        of = charts_of.CHARTS if beside else charts_of.CHARTS[:3]
        samples = charts_of.SAMPLES[self.experiment.every_knob("idg")["sampling"]]
        made = []
        for name, title, gloss, words, rows_ in of:
            note = words.format(samples=samples)
            made.append(Chart(name, title, gloss, note, words=note, height=charts_of.height(rows_)))
        return made

    def _charts(self, views: Views, found: dict[str, Trace]) -> list[Part]:
        """The charts. The cut, IDG's samples and Guided IG's path belong to the first path, and come with it."""
        first = self.baselines[0]
        trace = found.get(first)
        samples: tuple[float, ...] = (views[RUG].snapshot or ()) if trace else ()
        grown = tuple((self._paths[name], _part(len(one.alphas), one.total)) for name, one in found.items())
        marks = [Mark("alpha", (), GREY)] if trace else []
        cuts = [_cut_mark(trace)] if trace and trace.complete else []
        draws: list[tuple[Any, Any, Sequence[Mark]]] = [
            ((grown, samples), partial(charts_of.scores, found, samples), [*marks, *cuts]),
            (grown, partial(charts_of.gradients, found), marks),
            (grown, partial(charts_of.sums, found), marks),
        ]
        detour = views[GUIDED].snapshot if GUIDED in views else None
        if detour is not None and trace is not None:
            beside = (
                grown[0],
                guided(self.experiment, self._paths[first].start),
                _part(len(detour.alphas), detour.total),
            )
            draws.append((beside, partial(charts_of.guided, first, trace, detour), marks))
        return [sheet.chart(chart, *drawn) for chart, drawn in zip(self._drawn(views), draws, strict=True)]

    def _walk(self, trace: Trace) -> list[Part]:
        """The baseline, and at each kept node of the path the gradient there and the map of all steps up to it."""
        path, pixels = self._paths[self.baselines[0]], self.subject.model.pixels
        of_all = str(path)
        parts = [sheet.picture("beneath", path.start, lambda: to_picture(pixels(trace.baseline)))]
        for k, node in enumerate(trace.frames):
            at = float(trace.alphas[node])
            place = {"scrub": "alpha", "at": at, "of": of_all, "status": f"α = {at:.3g}", "done": 1, "total": 1}
            for name, frames, words, unit in (
                ("gradient", trace.gradients, "The gradient at this image", SLOPE),
                ("sum", trace.maps, "The attribution up to this point", WHOLE),
            ):
                make = partial(map_message, name, frames[k], words=words, measure=unit, **place)
                parts.append(Part(f"frame {name} {k}", (path, k), make))
        if trace.complete:
            last = {"status": "α = 1", "words": "The complete attribution", "measure": WHOLE, "done": 1, "total": 1}
            parts.append(Part("map whole", path, partial(map_message, "whole", trace.maps[-1], **last)))
        return parts

    def _state(self, views: Views, trace: Trace | None) -> Part:
        done = total = 0
        for view in views.values():
            held = view.snapshot
            if isinstance(held, Trace):
                done, total = done + len(held.alphas), total + held.total
            elif held is not None and not isinstance(held, tuple):
                done, total = done + len(held.alphas), total + held.total + 1
        state = progress.state(views.values())
        live = f"{done} of {total} points of the started paths" if total else "waiting for its turn"
        words = progress.told(state, live, "failed: not all paths could be computed")
        share = 1.0 if state == progress.DONE else done / total if total else 0.0
        titles = {GUIDED: METHODS["guided_ig"].title, RUG: "IDG's samples"}
        errors = [
            f"{titles.get(name) or f'From {baseline_name(name)}'}: {view.error}"
            for name, view in views.items()
            if view.state == "failed"
        ]
        old = [] if trace and trace.complete else ["whole", *([] if trace else ["gradient", "sum"])]
        return sheet.state(state, share, words, errors=errors, old=old)


def _part(done: int, total: int) -> int:
    """How far a growing chart is, in few steps."""
    return done * DRAWINGS // total if done < total else -1


_ROWS: WeakKeyDictionary[Trace, list[dict[str, str]]] = WeakKeyDictionary()


def _rows(baseline: str, trace: Trace) -> list[dict[str, str]]:
    """The row of a path in the table, for each phi."""
    if trace not in _ROWS:
        _ROWS[trace] = rows(baseline, trace, PHIS)
    return _ROWS[trace]


def _cut_mark(trace: Trace) -> Mark:
    colour = style("left_ig")[0]
    return Mark("phi", tuple(cut(trace, phi) for phi in PHIS), colour, "dash", "Left-IG cuts")

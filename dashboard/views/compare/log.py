"""What a session saves from Compare: pins, and a point for each finished map."""

from dataclasses import dataclass
from functools import partial
from itertools import count
from uuid import uuid4

import numpy as np
import streamlit as st
from plotly.graph_objects import Figure

from attribution import METRICS
from dashboard.charts.session import Point, areas
from dashboard.controls import pins
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Photo, Subject
from dashboard.experiment.words import describe
from dashboard.live import sheet
from dashboard.live.hub import Part
from dashboard.live.sheet import Chart
from dashboard.stage import pictures
from dashboard.stage.labels import Labels
from dashboard.views.compare import table
from dashboard.work.panel import CONTROL, PERTURBATION, VARIATION, Cell

FINISHED = "compare-finished"
CHART = "past"
"""The name of the chart of all results."""
NUMBERS = count()
"""No two results have the same number, also of those that are gone: a click can come late."""


Place = tuple[str, str, int, str]
"""Photo, model, class and score: areas of one place can be compared."""


def place(experiment: Experiment, subject: Subject) -> Place:
    return subject.image, subject.model.name, subject.target, experiment.output


@dataclass(frozen=True)
class Result:
    """The areas of a method in an experiment. `photo` is the digest of the user's own photo, empty for another one.

    The photo itself is not held here: it goes when the user removes it.
    """

    number: int
    experiment: Experiment
    photo: str
    place: Place
    method: str
    title: str
    aupc: float
    autvc: float


def pin(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> None:
    """Pins the present experiment and its maps."""
    maps = []
    for cell in cells:
        if cell.panel.method == CONTROL or cell.snapshot is None:
            continue
        row = table.row(cell, experiment.metrics)
        both = (table.heading(name) for name in (PERTURBATION, VARIATION))
        status = " · ".join(f"{heading[:-2]} {row[heading]}" for heading in both) + cell.panel.alone
        attribution = cell.snapshot.partial.attribution
        values = pictures.signed(attribution).astype(np.float32)
        words = describe(cell.panel.title, attribution)
        maps.append((Labels(cell.panel.title, "", status, words, cell.panel.unit), values))
    score = "" if experiment.output == Experiment().output else f", {experiment.output}"
    name = f"{subject.explained[1]}, σ {experiment.sigma:g}, R {experiment.samples}, M {experiment.steps}{score}"
    made = pins.Pin(name, experiment, pins.keep(experiment, subject), tuple(maps), uuid4().hex[:8])
    pins.hold([*pins.pinned(), made])


Results = dict[object, Result]
PAST = "Everything computed in this session"
NOTE = (
    "Lower: the score falls sooner. Further left: smoother, which is no merit by itself. Click a point to open it, or "
    "choose it below. Faded points are of another photo, class, score or model: their areas cannot be compared with "
    "the others."
)


def results() -> Results:
    """The results of this session. The board adds to them, outside of scripts.

    Those of an own photo are dropped when it was removed or replaced and no pin has it.
    """
    found: Results = st.session_state.setdefault(FINISHED, {})
    own = {"", *pins.own_photos()}
    for key, result in list(found.items()):
        if result.photo not in own:
            found.pop(key, None)
    return found


def note(held: Results, experiment: Experiment, subject: Subject, photo: str, cells: tuple[Cell, ...]) -> None:
    """Adds a result for each method whose map and both areas are complete. `photo` is that of `Result`."""
    for cell in cells:
        key = (cell.panel, experiment.patches, experiment.output)
        areas = table.both_areas(cell)
        if cell.panel.method == CONTROL or key in held or areas is None or cell.map.state != "done":
            continue
        here = place(experiment, subject)
        made = Result(next(NUMBERS), experiment, photo, here, cell.panel.method, cell.panel.title, *areas)
        held.setdefault(key, made)  # another thread may have added it


def parts(held: Results, here: Place) -> list[Part]:
    """A chart of AUPC against AUTVC of every finished map, once there are two experiments."""
    if not several(held):
        return []
    about = Chart(CHART, PAST, note=NOTE, words=PAST, opens="open")
    numbers = tuple(result.number for result in list(held.values()))
    return [sheet.chart(about, (numbers, here), partial(chart, held, here))]


def several(held: Results) -> bool:
    """Whether there is something to compare: two experiments, or two photos of one's own, which have one name."""
    return len({(result.experiment, result.place) for result in list(held.values())}) > 1


def chart(held: Results, here: Place) -> Figure:
    """AUPC against AUTVC of every finished map. Those of other places are faded."""
    default, results = Experiment(), list(held.values())
    points = [Point(r.number, r.method, r.title, r.autvc, r.aupc, _words(r, default), r.place == here) for r in results]
    return areas(points, (METRICS[VARIATION].label, METRICS[PERTURBATION].label))


def _words(result: Result, default: Experiment) -> str:
    unlike = result.experiment.unlike(default)
    return ", ".join(f"{letter} {value}" for letter, value in unlike.items()) or "the default setting"


def reopen(number: int) -> None:
    """Sets the controls to the experiment of a point, if it is still there."""
    own: dict[str, Photo | None] = {"": None, **pins.own_photos()}
    for result in list(results().values()):
        if result.number == number and result.photo in own:
            pins.open_experiment(result.experiment, own[result.photo])

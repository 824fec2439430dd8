"""What a session saves from Compare: pins, and a point for each finished map."""

from dataclasses import dataclass
from uuid import uuid4

import numpy as np
import streamlit as st

from attribution import METRICS
from dashboard.charts.session import Point
from dashboard.charts.session import scatter as chart
from dashboard.charts.styles import CONFIG
from dashboard.controls import pins
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Photo, Subject
from dashboard.experiment.words import describe
from dashboard.stage import pictures, viewer
from dashboard.views.compare import table
from dashboard.work.panel import CONTROL, PERTURBATION, VARIATION, Cell

FINISHED, CHART = "compare-finished", "compare-scatter"


@dataclass(frozen=True)
class Result:
    """The areas of a method in an experiment."""

    experiment: Experiment
    photo: Photo | None
    image: str
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
        status = " · ".join(
            f"{table.heading(name)[:-2]} {row[table.heading(name)]}" for name in (PERTURBATION, VARIATION)
        )
        attribution = cell.snapshot.partial.attribution
        values = pictures.signed(attribution).astype(np.float32)
        maps.append((viewer.Labels(cell.panel.title, "", status, describe(cell.panel.title, attribution)), values))
    name = f"{subject.explained[1]}, σ {experiment.sigma:g}, R {experiment.samples}, M {experiment.steps}"
    made = pins.Pin(name, experiment, pins.keep(experiment, subject), tuple(maps), uuid4().hex[:8])
    pins.hold([*pins.pinned(), made])


def note(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> None:
    """Saves a result for each method whose map and both areas are complete."""
    results: dict[object, Result] = dict(st.session_state.get(FINISHED, {}))
    for cell in cells:
        key = (cell.panel, experiment.patches)
        areas = table.both_areas(cell)
        if cell.panel.method == CONTROL or key in results or areas is None or cell.map.state != "done":
            continue
        photo = pins.keep(experiment, subject)
        results[key] = Result(experiment, photo, subject.image, cell.panel.method, cell.panel.title, *areas)
    st.session_state[FINISHED] = results


def scatter(subject: Subject) -> None:
    """Draws AUPC against AUTVC for all finished maps. A click opens the experiment of a point."""
    results: list[Result] = list(st.session_state.get(FINISHED, {}).values())
    if len({result.experiment for result in results}) < 2:
        return
    st.markdown("**Everything computed in this session** · lower left is better; click a point to open it")
    default = Experiment()
    points = [Point(r.method, r.title, r.autvc, r.aupc, _words(r, default), r.image == subject.image) for r in results]
    st.plotly_chart(
        chart(points, (METRICS[VARIATION].label, METRICS[PERTURBATION].label)),
        key=CHART,
        config=CONFIG,
        on_select=lambda: _clicked(results),
        selection_mode="points",
        alt="AUPC against AUTVC of every finished map",
    )
    st.caption("Faded points belong to other photos. Compare areas only for the same photo, class and model.")


def _words(result: Result, default: Experiment) -> str:
    unlike = result.experiment.unlike(default)
    return ", ".join(f"{letter} {value}" for letter, value in unlike.items()) or "the default setting"


def _clicked(results: list[Result]) -> None:
    points = st.session_state[CHART].selection.points
    if points:
        result = results[int(points[0]["customdata"][0])]
        pins.open_experiment(result.experiment, result.photo)

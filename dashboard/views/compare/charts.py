"""The charts of Compare. Growing charts are redrawn about once a second, finished charts never."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from plotly.graph_objects import Figure

from attribution import METRICS
from dashboard.charts.curves import curves
from dashboard.charts.lines import Line
from dashboard.controls import layers
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.words import TERMS
from dashboard.views.compare import steps, table
from dashboard.work.panel import PERTURBATION, Cell

EVERY = 1.0
"""Seconds between redraws while curves grow. Plotly rebuilds a changed chart, which resets the user's zoom."""
HELD = "compare-charts"


@dataclass(frozen=True)
class Drawn:
    """The last figures by metric, each with its alt text, and the cells that they show."""

    cells: tuple[Cell, ...]
    at: float
    charts: Mapping[str, tuple[Figure, str]]


def show(experiment: Experiment, cells: tuple[Cell, ...]) -> None:
    """Draws a chart for each metric, with its verdict and note."""
    drawn = _draw(experiment, cells)
    grid = st.grid(2, min_column_width=320, gap="medium")
    for name, (figure, words) in drawn.charts.items():
        metric = METRICS[name]
        with grid.container():
            st.markdown(f"**{metric.title}** · {metric.label}, {metric.reading}", help=TERMS.get(name))
            # A click on a point of the perturbation curve shows the photo at that step.
            layers.show(f"compare-{name}", figure, words, steps.chosen if name == PERTURBATION else None)
            st.caption(f"{table.verdict(cells, name)} {metric.note}")


def _draw(experiment: Experiment, cells: tuple[Cell, ...]) -> Drawn:
    held: Drawn | None = st.session_state.get(HELD)
    if held is not None and tuple(held.charts) == experiment.metrics:
        live = any(cell.live for cell in cells)
        if held.cells == cells or (live and time.monotonic() - held.at < EVERY):
            return held
    made = {name: (_figure(name, cells), table.verdict(cells, name)) for name in experiment.metrics}
    drawn = Drawn(cells, time.monotonic(), made)
    st.session_state[HELD] = drawn
    return drawn


def _figure(metric: str, cells: tuple[Cell, ...]) -> Figure:
    found = ((cell.panel, cell.curve(metric)) for cell in cells)
    lines = [Line(panel.method, panel.title, c.x, c.y, c.ticks) for panel, c in found if c is not None]
    axes = METRICS[metric].axes
    assert axes is not None
    return curves(lines, axes)

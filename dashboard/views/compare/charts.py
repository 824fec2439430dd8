"""The charts of Compare beside plain images."""

from functools import partial
from typing import Any

import streamlit as st
from plotly.graph_objects import Figure

from attribution import METRICS
from dashboard.charts.curves import curves
from dashboard.charts.lines import Line
from dashboard.charts.styles import CONFIG
from dashboard.controls import session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.words import axes, note
from dashboard.views.compare import steps, verdicts
from dashboard.views.compare.parts import band_of
from dashboard.work.panel import PERTURBATION, Cell


def show(experiment: Experiment, cells: tuple[Cell, ...]) -> None:
    """Draws a chart for each metric, with its verdict and note."""
    grid = st.grid(2, min_column_width=320, gap="medium")
    for name in experiment.metrics:
        metric, verdict = METRICS[name], verdicts.verdict(cells, name)
        figure = session.once(
            f"compare-made-{name}", (cells, experiment.output), partial(_figure, name, cells, experiment.output)
        )
        with grid.container():
            st.markdown(f"**{metric.title}** · {metric.label}, {metric.reading}", help=metric.terms or None)
            clicks: dict[str, Any] = {"on_select": steps.chosen, "selection_mode": "points"}
            clicks = clicks if name == PERTURBATION else {}
            st.plotly_chart(figure, key=f"compare-chart-{name}", config=CONFIG, alt=verdict, **clicks)
            st.caption(f"{verdict} {note(metric)}")


def _figure(metric: str, cells: tuple[Cell, ...], output: str) -> Figure:
    found = ((cell.panel, cell.curve(metric)) for cell in cells)
    lines = [Line(panel.method, panel.title, c.x, c.y, c.ticks, **band_of(c)) for panel, c in found if c is not None]
    return curves(lines, axes(METRICS[metric], output))

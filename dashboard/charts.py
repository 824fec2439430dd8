"""The charts of Compare: growing ones change now and then, finished ones not at all, and none of them blinks."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from plotly.graph_objects import Figure

from dashboard import figures, layers, report, steps
from dashboard.experiment import Experiment
from dashboard.panels import FALL, REGIONS, Cell
from dashboard.subject import Subject

EVERY = 1.0
"""Seconds between new charts while curves grow: Plotly builds a changed one afresh, and the reader's zoom with it."""
VARIATION = "variations"
TEXTS = {
    FALL: (
        "**Perturbation curve** · AUPC, lower is better; 30 is no fall at all",
        "Windows that a map ranks highest are replaced by noise first: the sooner the score falls, the better the map "
        "knew what the model uses. Noisy photos are unlike any that the model was trained on, so hold a curve against "
        "the random order (grey).",
    ),
    VARIATION: (
        "**Multi-scale total variation** · AUTVC, lower is smoother",
        "How much neighbouring pixels of a map differ, from fine to coarse. Smooth is not right: a blank map would "
        "win. Compare only maps of one size.",
    ),
    "insertion": (
        "**Insertion** · area under it, higher is better",
        "The pixels that a map ranks highest are put into the blurred photo first: the sooner the model is sure, the "
        "better. A blurred photo is not nothing, so hold a curve against the random order.",
    ),
    "deletion": (
        "**Deletion** · area under it, lower is better",
        "The pixels that a map ranks highest are taken out first, for the mean colour. A photo with single pixels "
        "missing is none that the model knows: a scattered map can do well by the damage alone.",
    ),
    "abpc": (
        "**Between two perturbations** · ABPC, higher is better",
        "What the score keeps without the lowest values of a map, less what it keeps without the highest. Signs count.",
    ),
    "sic": (
        "**Softmax information curve** · SIC, higher is better",
        "A blurred photo is made sharp where a map ranks highest. Across: how much the photo tells by then, by the "
        "size of its file. Up: the share of the probability.",
    ),
    "aic": (
        "**Accuracy information curve** · AIC, higher is better",
        "The same, but up is whether the class is the likeliest: of one photo it is a step, of many a curve.",
    ),
}
"""Title and what to know, of each chart."""
AXES = {
    "insertion": ("share of the pixels put in", "probability"),
    "deletion": ("share of the pixels taken out", "probability"),
    "sic": ("share of the information", "share of the probability"),
    "aic": ("share of the information", "the likeliest class, or not"),
    "abpc": ("share of the pixels left out", "without the lowest less without the highest"),
}


@dataclass(frozen=True)
class Drawn:
    """The last drawings by name, each with what it says, and the cells that they show."""

    cells: tuple[Cell, ...]
    at: float
    charts: Mapping[str, tuple[Figure, str]]


def show(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> None:
    """The two charts, and those that were chosen besides, with what they say."""
    drawn, said = _draw(experiment, subject, cells), _said(experiment, cells)
    grid = st.grid(2, min_column_width=320, gap="medium")
    for name, (figure, words) in drawn.charts.items():
        title, caption = TEXTS[name]
        with grid.container():
            st.markdown(title)
            # A click on a point of the first is answered by the page: it shows the photo at that step.
            layers.show("falls" if name == FALL else name, figure, words, steps.chosen if name == FALL else None)
            st.caption(f"{said[name]} {caption}")


def _said(experiment: Experiment, cells: tuple[Cell, ...]) -> dict[str, str]:
    further = {name: report.verdict(cells, name) for name in experiment.curves}
    return {FALL: report.verdict(cells), VARIATION: report.variations(cells), **further}


def _draw(experiment: Experiment, subject: Subject, cells: tuple[Cell, ...]) -> Drawn:
    held: Drawn | None = st.session_state.get("charts")
    said = _said(experiment, cells)
    if held is not None and held.charts.keys() == said.keys():
        live = any(cell.live for cell in cells)
        if held.cells == cells or (live and time.monotonic() - held.at < EVERY):
            return held
    falls = {cell.panel.method: cell.curve.y for cell in cells if cell.curve}
    variations = {cell.panel.method: cell.snapshot.variation.y for cell in cells if cell.snapshot}
    made = {FALL: figures.perturbation(falls, REGIONS), VARIATION: figures.variation(variations, subject.sides)}
    for name in experiment.curves:
        found = {
            cell.panel.method: view.snapshot
            for cell in cells
            for fall, view in cell.more
            if fall.metric == name and view.snapshot
        }
        longest = max((curve.x for curve in found.values()), key=len, default=())
        made[name] = figures.shares({method: curve.y for method, curve in found.items()}, longest, *AXES[name])
    drawn = Drawn(cells, time.monotonic(), {name: (figure, said[name]) for name, figure in made.items()})
    st.session_state.charts = drawn
    return drawn

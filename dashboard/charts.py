"""The charts of Compare: growing ones change now and then, finished ones not at all, and none of them blinks."""

import time
from dataclasses import dataclass

import streamlit as st
from plotly.graph_objects import Figure

from dashboard import figures, layers, report, steps
from dashboard.panels import REGIONS, Cell
from dashboard.subject import Subject

EVERY = 1.0
"""Seconds between new charts while curves grow: Plotly builds a changed one afresh, and the reader's zoom with it."""


@dataclass(frozen=True)
class Drawn:
    """The last drawings, with what they say, and the cells that they show."""

    cells: tuple[Cell, ...]
    at: float
    fall: Figure
    variation: Figure
    fall_words: str
    variation_words: str


def show(subject: Subject, cells: tuple[Cell, ...]) -> None:
    """Both charts, side by side, with what they say."""
    drawn = _draw(subject, cells)
    falls, variations = report.verdict(cells), report.variations(cells)
    grid = st.grid(2, min_column_width=320, gap="medium")
    with grid.container():
        st.markdown("**Perturbation curve** · AUPC, lower is better; 30 is no fall at all")
        # A click on a point is answered by the page: it shows the photo at that step.
        layers.show("falls", drawn.fall, drawn.fall_words, steps.chosen)
        st.caption(
            f"{falls} Windows that a map ranks highest are replaced by noise first: the sooner the score falls, the "
            "better the map knew what the model uses. Noisy photos are unlike any that the model was trained on, so "
            "hold a curve against the random order (grey)."
        )
    with grid.container():
        st.markdown("**Multi-scale total variation** · AUTVC, lower is smoother")
        layers.show("variations", drawn.variation, drawn.variation_words)
        st.caption(
            f"{variations} How much neighbouring pixels of a map differ, from fine to coarse. Smooth is not right: a "
            "blank map would win. Compare only maps of one size."
        )


def _draw(subject: Subject, cells: tuple[Cell, ...]) -> Drawn:
    held: Drawn | None = st.session_state.get("charts")
    live = any(cell.live for cell in cells)
    if held is not None and (held.cells == cells or (live and time.monotonic() - held.at < EVERY)):
        return held
    falls = {cell.panel.method: cell.curve.y for cell in cells if cell.curve}
    variations = {cell.panel.method: cell.snapshot.variation.y for cell in cells if cell.snapshot}
    drawn = Drawn(
        cells,
        time.monotonic(),
        figures.perturbation(falls, REGIONS),
        figures.variation(variations, subject.sides),
        report.verdict(cells),
        report.variations(cells),
    )
    st.session_state.charts = drawn
    return drawn

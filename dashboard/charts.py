"""The two charts of Compare: growing ones change now and then, finished ones not at all, and none of them blinks."""

import time
from dataclasses import dataclass
from functools import partial

import streamlit as st
from plotly.graph_objects import Figure

from dashboard import figures, report, steps
from dashboard.panels import REGIONS, Cell
from dashboard.subject import Subject

EVERY = 1.0
"""Seconds between new charts while curves grow: Plotly builds a changed one afresh, and the reader's zoom with it."""

LAYERS = 3


@dataclass(frozen=True)
class Layer:
    """One drawing of both charts, with what they said then: other words would build the chart anew."""

    place: int
    fall: Figure
    variation: Figure
    fall_words: str
    variation_words: str


@dataclass(frozen=True)
class Drawn:
    """The last drawings, the newest first, and the cells that it shows."""

    cells: tuple[Cell, ...]
    at: float
    layers: tuple[Layer, ...]


def show(subject: Subject, cells: tuple[Cell, ...]) -> None:
    """Both charts, side by side, with what they say."""
    drawn = _draw(subject, cells)
    falls, variations = report.verdict(cells), report.variations(cells)
    grid = st.grid(2, min_column_width=320, gap="medium")
    with grid.container():
        st.markdown("**Perturbation curve** · AUPC, lower is better; 30 is no fall at all")
        _stack("falls", [(layer.place, layer.fall, layer.fall_words) for layer in drawn.layers], clicks=True)
        st.caption(
            f"{falls} Windows that a map ranks highest are replaced by noise first: the sooner the score falls, the "
            "better the map knew what the model uses. Noisy photos are unlike any that the model was trained on, so "
            "hold a curve against the random order (grey)."
        )
    with grid.container():
        st.markdown("**Multi-scale total variation** · AUTVC, lower is smoother")
        _stack("variations", [(layer.place, layer.variation, layer.variation_words) for layer in drawn.layers])
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
    before = held.layers if held else ()
    new = Layer(
        (before[0].place + 1) % LAYERS if before else 0,
        figures.perturbation(falls, REGIONS),
        figures.variation(variations, subject.sides),
        report.verdict(cells),
        report.variations(cells),
    )
    drawn = Drawn(cells, time.monotonic(), (new, *before[: LAYERS - 1]))
    st.session_state.charts = drawn
    return drawn


def _stack(name: str, layers: list[tuple[int, Figure, str]], clicks: bool = False) -> None:
    """The newest chart over those before it: the page would blink while Plotly builds it from nothing."""
    rules = []
    for depth, (place, _, _) in enumerate(layers):
        rules.append(f".st-key-{name}-{place} {{z-index: {LAYERS - depth}}}")
        if depth:
            rules.append(
                f".st-key-{name}-{place} {{pointer-events: none; animation: stand-back 2.5s steps(1) forwards}}"
            )
    st.html(f"<style>{''.join(rules)}</style>")
    with st.container(key=f"stack-{name}"):
        # In the order of their places: an element that changes its position is built anew.
        for place in range(LAYERS):
            with st.container(key=f"{name}-{place}"):
                for _, figure, words in (layer for layer in layers if layer[0] == place):
                    key = f"{name}-{place}-chart"
                    if not clicks:
                        st.plotly_chart(figure, key=key, config=figures.CONFIG, alt=words)
                        continue
                    # A click on a point is answered by the page: it shows the photo at that step.
                    taken = partial(steps.chosen, key)
                    st.plotly_chart(
                        figure, key=key, config=figures.CONFIG, alt=words, on_select=taken, selection_mode="points"
                    )

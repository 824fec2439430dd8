"""Charts that change without flicker: the previous drawings stay under a new one until Plotly has built it."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from plotly.graph_objects import Figure

from dashboard.charts.styles import CONFIG

LAYERS = 3


@dataclass(frozen=True)
class Layer:
    """One drawing with its alt text. A changed alt text would rebuild the chart, so it is kept too."""

    place: int
    figure: Figure
    words: str


def show(name: str, figure: Figure, words: str, clicked: Callable[[str], None] | None = None) -> None:
    """Draws the chart called `name`; the same figure is not redrawn. `clicked` gets the key of a clicked chart."""
    key = f"{name}-layers"
    held: tuple[Layer, ...] = st.session_state.get(key, ())
    if not held or held[0].figure is not figure:
        place = (held[0].place + 1) % LAYERS if held else 0
        held = (Layer(place, figure, words), *held[: LAYERS - 1])
        st.session_state[key] = held
    rules = []
    for depth, layer in enumerate(held):
        chosen = f".st-key-{name}-{layer.place}"
        rules.append(f"{chosen} {{z-index: {LAYERS - depth}}}")
        if depth:
            rules.append(f"{chosen} {{pointer-events: none; animation: stand-back 2.5s steps(1) forwards}}")
    st.html(f"<style>{''.join(rules)}</style>")
    with st.container(key=f"stack-{name}"):
        # Ordered by place: Streamlit rebuilds an element that changes its position.
        for place in range(LAYERS):
            with st.container(key=f"{name}-{place}"):
                for layer in held:
                    if layer.place == place:
                        _chart(f"{name}-{place}-chart", layer, clicked)


def _chart(key: str, layer: Layer, clicked: Callable[[str], None] | None) -> None:
    if clicked is None:
        st.plotly_chart(layer.figure, key=key, config=CONFIG, alt=layer.words)
        return
    st.plotly_chart(
        layer.figure,
        key=key,
        config=CONFIG,
        alt=layer.words,
        on_select=lambda: clicked(key),
        selection_mode="points",
    )

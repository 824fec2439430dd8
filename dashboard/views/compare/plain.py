"""The photo and the maps as plain images, for browsers that cannot run the viewer."""

from collections.abc import Mapping

import streamlit as st

from attribution.heatmaps import COLOURS
from dashboard.controls import session
from dashboard.experiment import words
from dashboard.experiment.subject import Subject
from dashboard.stage import pictures
from dashboard.views.compare import glance
from dashboard.views.compare.table import status
from dashboard.work.panel import CONTROL, Cell, Snapshot

SMALL = 72
"""The side of the picture of a random network, pixels."""
Drawn = Mapping[str, tuple[str, str, float]]
"""By method: the URL of a picture, its alt text, and the value of its last colour."""


def show(subject: Subject, cells: tuple[Cell, ...], shown: Mapping[str, Snapshot]) -> None:
    """Draws the photo and the maps side by side (stacked on a narrow screen), then the display controls."""
    pictures_at, controls_at = st.container(), st.container()
    with controls_at:
        display = _controls()
    titles = {cell.panel.method: cell.panel.title for cell in cells}
    units = {cell.panel.method: cell.panel.unit for cell in cells}
    drawn = _drawn(subject, shown, display, titles, units)
    waiting = [c.panel.method for c in cells if not c.snapshot and c.panel.method in drawn]
    with pictures_at:
        st.html(f"<style>{''.join(f'.st-key-compare-map-{method} img {{opacity: .4}}' for method in waiting)}</style>")
        grid = st.grid(4, min_column_width=150)
        with grid.container():
            _photo(subject)
        for cell in cells:
            if cell.panel.method != CONTROL:
                with grid.container():
                    _map(cell, drawn)


def _photo(subject: Subject) -> None:
    st.markdown("**Photo**  \n:small[what the model sees]")
    with st.container(key="compare-photo"):
        address = session.once("compare-photo-url", subject.image, lambda: pictures.data_url(subject.photo))
        st.image(address, width="stretch", alt=words.photo(subject.predicted))
    st.caption(words.prediction(subject.predicted, subject.explained, markdown=True))


def _map(cell: Cell, drawn: Drawn) -> None:
    method = cell.panel.method
    st.markdown(f"**{cell.panel.title}**  \n:small[{cell.panel.gloss}]")
    if method not in drawn:
        with st.container(key=f"compare-space-{method}"):
            st.skeleton(height=220)
        st.caption(status(cell))
        return
    picture, described, top = drawn[method]
    with st.container(key=f"compare-map-{method}"):
        st.image(picture, width="stretch", alt=described)
    if cell.snapshot:
        st.caption(f"{status(cell)} · brightest: {top:.2g}")
    else:
        st.caption("previous setting · " + status(cell))
    if cell.random is not None:
        _random(cell)


def _random(cell: Cell) -> None:
    """The same map of a random network, small, and what it says."""
    found, said = glance.of(cell), f"All layers of the network random: {glance.words(cell)}"
    if found is not None and found.heat is not None:
        st.image(pictures.data_url(pictures.alone(found.heat).pixels), width=SMALL, alt=f"{cell.panel.title}. {said}")
    st.caption(f"{said} · [Sanity]({glance.link(session.experiment())})")


def _controls() -> pictures.Display:
    """Draws the display controls. They cost no gradients."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.segmented_control(
            "Values",
            [pictures.ABSOLUTE, pictures.SIGNED],
            key="compare-kind",
            default=pictures.ABSOLUTE,
            required=True,
            help="Absolute: |sum over channels|, clipped at its 99th percentile. Signed: orange supports the class, "
            "blue opposes it.",
        )
        palette = st.segmented_control(
            "Colours",
            list(COLOURS),
            key="compare-colours",
            default="inferno",
            required=True,
            disabled=kind == pictures.SIGNED,
        )
        scale = st.segmented_control(
            "Scale",
            ["per map", "shared"],
            key="compare-scale",
            default="per map",
            required=True,
            help="Per map: each map uses all colours. Shared: a colour is the same value in all maps of one unit, so a "
            "map of small values is dark. Gradients and shares of the score have different units.",
        )
        opacity = st.slider(
            "Over the photo",
            0,
            100,
            0,
            5,
            format="%d %%",
            key="compare-opacity",
            width=200,
            help="0 % shows only the map.",
        )
        display = pictures.Display(kind, palette, scale == "shared", opacity / 100, st.context.theme.type == "dark")
        _bar(display)
    return display


def _bar(display: pictures.Display) -> None:
    """Draws the colour scale, from the lowest value to the highest."""
    with st.container(width=200, gap="xxsmall"):
        ends = "against the class ↔ for it" if display.kind == pictures.SIGNED else "0 → 99th percentile and above"
        st.caption(ends)
        st.image(pictures.data_url(pictures.scale_bar(display)), width="stretch", alt=f"The colours: {ends}")


def _drawn(
    subject: Subject,
    shown: Mapping[str, Snapshot],
    display: pictures.Display,
    titles: Mapping[str, str],
    units: Mapping[str, str],
) -> Drawn:
    """Each map as a picture with alt text; redrawn only when a map or the display changes."""

    def drawn() -> Drawn:
        attributions = {method: found.partial.attribution for method, found in shown.items()}
        made = pictures.draw(attributions, subject.photo, display, units)
        return {
            m: (pictures.data_url(p.pixels), words.describe(titles[m], attributions[m]), p.top) for m, p in made.items()
        }

    return session.once("compare-drawn", (subject.image, display, tuple(shown.items())), drawn)

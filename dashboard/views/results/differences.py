"""Two methods photo by photo, and the photos on which they differ most, each a click from Compare."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from attribution import load_image
from attribution.benchmark.cases import Case
from attribution.benchmark.tables import Table
from attribution.registry import measures
from dashboard.charts.results import differences
from dashboard.charts.styles import BARE
from dashboard.controls import pins, session
from dashboard.experiment.subject import Photo
from dashboard.pages import COMPARE
from dashboard.views.results import pairs

Thumbnails = Mapping[str, bytes]
"""Small pictures, by the photo's digest."""


def pair(table: Table, name: str, thumbnails: Thumbnails) -> None:
    """Two methods on every photo, and the photos on which they differ most."""
    st.markdown("**Two methods, photo by photo**")
    if len(table.cases) < 2:
        st.caption("There is one method only.")
        return
    one, two, by = st.columns([3, 3, 2])
    tell = table.labels.__getitem__
    first = one.selectbox("First", table.cases, key=f"results-first {name}", format_func=tell)
    rest = [case for case in table.cases if case != first]
    usual = next((k for k, case in enumerate(rest) if case.name == "smooth_taylor"), 0)
    second = two.selectbox("Second", rest, usual, key=f"results-second {name}", format_func=tell)
    metric = by.selectbox(
        "by", list(table.areas), key=f"results-by {name}", format_func=lambda name: measures()[name].label
    )
    found = pairs.pairs(table, metric, first, second)
    st.markdown(pairs.verdict(found, metric, tell(first), tell(second)))
    figure = differences([(p.name, p.difference) for p in found], f"difference in {measures()[metric].label}")
    alt = "The difference on each photo, lowest first"
    st.plotly_chart(figure, key="results-differences", config=BARE, alt=alt)
    farthest(table, found, (first, second), name, measures()[metric].digits, thumbnails)


def farthest(
    table: Table,
    found: Sequence[pairs.Pair],
    cases: tuple[Case, Case],
    name: str,
    places: int,
    thumbnails: Thumbnails,
) -> None:
    """The photos on which the two differ most, each with its button."""
    st.markdown("**Where they differ most**")
    folder = st.text_input(
        "The folder with the photos, on the machine of this dashboard",
        key=f"results-folder {name}",
        help="A photo is taken only if it is the one that was measured, to the last byte.",
    )
    grid = st.grid(3, min_column_width=220)
    for place, one in enumerate(found[:6]):
        with grid.container(border=True):
            data = session.once(
                f"results-made-photo-{place}",
                (folder, one.photo),
                partial(pairs.find_photo, folder, one.name, one.photo),
            )
            picture = data or thumbnails.get(one.photo)
            if picture:
                st.image(picture, width="stretch", alt=f"The photo {one.name}")
            st.markdown(f"**{table.rows[cases[0], one.photo].category}**")
            st.caption(f"`{one.name}` · {one.first:.{places}f} against {one.second:.{places}f}")
            if data is None:
                st.caption("Name its folder above to open it.")
            elif not pairs.can_open(table):
                st.caption("Its model is not on this machine.")
            elif st.button(
                "Open in Compare",
                key=f"results-open-{place}",
                icon=":material/arrow_forward:",
                on_click=show_photo,
                args=(table, cases, one, data),
            ):
                st.switch_page(COMPARE.file)


def show_photo(table: Table, cases: tuple[Case, Case], one: pairs.Pair, data: bytes) -> None:
    """Sets the controls to the photo, its class and the knobs of both methods."""
    experiment = pairs.experiment_of(table, *cases, one.photo)
    pins.open_experiment(experiment, Photo(one.photo, load_image(data), data))

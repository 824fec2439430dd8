"""Two methods photo by photo, and the photos with the largest differences, which can be opened in Compare."""

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
from dashboard.experiment.own import COMPARED
from dashboard.experiment.subject import Photo
from dashboard.experiment.words import escaped
from dashboard.pages import COMPARE
from dashboard.views.results import pairs

Thumbnails = Mapping[str, bytes]
"""Small pictures by the digest of the photo."""


def pair(table: Table, name: str, thumbnails: Thumbnails) -> None:
    """Draws the differences of two methods on all photos, and the photos where they are largest."""
    st.markdown("**Two methods, photo by photo**")
    if len(table.cases) < 2:
        st.caption("There is only one method.")
        return
    one, two, by = st.columns([3, 3, 2])
    tell = table.labels.__getitem__
    first = one.selectbox("First", table.cases, key=f"results-first {name}", format_func=tell)
    rest = [case for case in table.cases if case != first]
    usual = next((k for method in reversed(COMPARED) for k, case in enumerate(rest) if case.name == method), 0)
    second = two.selectbox("Second", rest, usual, key=f"results-second {name}", format_func=tell)
    metric = by.selectbox(
        "Measure", list(table.areas), key=f"results-by {name}", format_func=lambda name: measures()[name].label
    )
    found = pairs.pairs(table, metric, first, second)
    sure = pairs.corrected(table, metric, first, second)
    st.markdown(pairs.verdict(found, metric, tell(first), tell(second), *sure))
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
    """Draws the photos where the two methods differ most, each with a button."""
    st.markdown("**Where they differ most**")
    folder = st.text_input(
        "Folder of the photos, on the machine of this dashboard",
        key=f"results-folder {name}",
        help="A photo is used only if its file has exactly the bytes that were measured.",
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
            st.markdown(f"**{escaped(table.rows[cases[0], one.photo].category)}**")
            st.caption(f"`{one.name}` · {one.first:.{places}f} and {one.second:.{places}f}")
            if data is None:
                st.caption("Enter its folder above to open it.")
            elif not pairs.can_open(table):
                st.caption("Its model is not installed on this machine.")
            elif st.button(
                "Open in Compare",
                key=f"results-open-{place}",
                icon=":material/arrow_forward:",
                on_click=show_photo,
                args=(table, cases, one, data),
            ):
                st.switch_page(COMPARE.file)


def show_photo(table: Table, cases: tuple[Case, Case], one: pairs.Pair, data: bytes) -> None:
    """Sets the controls to the photo, its class and the settings of both methods."""
    experiment = pairs.experiment_of(table, *cases, one.photo)
    pins.open_experiment(experiment, Photo(one.photo, load_image(data), data))

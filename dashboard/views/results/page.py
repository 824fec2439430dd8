"""Results: the measurements of the benchmark over many photos. Photos can be opened in Compare."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import TypeVar

import streamlit as st
import torch
from plotly.graph_objects import Figure

from attribution import MODELS
from attribution.benchmark.cases import ADAPTIVE, CONTROL, PRESET_TITLES, PRESETS, Case
from attribution.benchmark.intervals import interval
from attribution.benchmark.report import head, lines, notes, spoken
from attribution.benchmark.results import Results
from attribution.benchmark.rows import Row
from attribution.benchmark.tables import Table, tabulate
from attribution.registry import METRICS, curves, measures
from dashboard.charts import results as charts_of
from dashboard.charts.styles import BARE
from dashboard.controls import resources, session
from dashboard.experiment.own import COMPARED
from dashboard.experiment.words import axes as axes_of
from dashboard.experiment.words import capital, escaped
from dashboard.place import ASSETS
from dashboard.views.results.differences import Thumbnails, pair

SHIPPED = {
    "the SmoothTaylor paper's tables": ASSETS / "results.db.gz",
    "every method": ASSETS / "ig-family.db.gz",
    "main methods and controls": ASSETS / "headline.db.gz",
    "main methods, by the probability": ASSETS / "headline-probability.db.gz",
}
"""The results files of the project."""
ALL = "everything"
Made = TypeVar("Made")
USUAL = [name for name, metric in curves().items() if metric.standard]
CHARTED = (*COMPARED, ADAPTIVE, "left_ig", "idg", CONTROL)


def source() -> tuple[str, bytes] | None:
    """The results file: uploaded by the user, or one of the project."""
    given = st.file_uploader(
        "Your own results file",
        type=["db", "gz"],
        key="results-file",
        help="A file written by `python -m attribution.benchmark PHOTOS --out results.db`. It stays in memory.",
    )
    if given is not None:
        return given.file_id, given.getvalue()
    there = [name for name, file in SHIPPED.items() if file.is_file()]
    if not there:
        return None
    name = st.segmented_control(
        "or a results file of the project, over ImageNet photos (how to repeat: docs/results.md)",
        there,
        default=there[0],
        required=True,
        key="results-shipped",
    )
    return name, SHIPPED[name].read_bytes()


def read(data: bytes) -> tuple[list[Row], Thumbnails]:
    """Reads the rows of the file, and its small pictures of photos, if any."""
    results = Results.from_bytes(data)
    try:
        return results.rows(), results.thumbnails()
    finally:
        results.close()


def once(name: str, key: str, make: Callable[[], Made]) -> Made:
    """The result of `make` for `key`, which begins with the name of the file: of a file of the project once for all
    sessions, of a user's own file once for this session. The name of an own file is its random number."""
    shipped = key.startswith(tuple(SHIPPED))
    return session.once(name, key, partial(resources.read_once, (name, key), make) if shipped else make)


def choose(found: Sequence[Row], key: str) -> tuple[Table, str]:
    """The choice of model, preset and measures; returns their table."""
    models = sorted({row.model for row in found})
    model = st.selectbox("Model", models, key="results-model") if len(models) > 1 else None
    preset = st.segmented_control(
        "Rows",
        [ALL, *PRESETS],
        default=ALL,
        required=True,
        key="results-preset",
        format_func=lambda name: PRESET_TITLES.get(name, name),
    )
    metrics = _metrics(found)
    measured = metrics
    if len(metrics) > len(USUAL):
        measured = st.pills(
            "Measured by",
            metrics,
            selection_mode="multi",
            default=metrics,
            key="results-metrics",
            format_func=lambda name: METRICS[name].label,
            help="The metrics in the table. Photos without all of them are left out. AUPC: area under the perturbation "
            "curve. AUTVC: area under the total variation curve.",
        )
    correct = _correct(found)
    name = f"{key} {model} {preset} {measured} {correct}"
    chosen = None if preset == ALL else preset
    make = partial(tabulate, found, chosen, model, measured=measured or metrics, correct=correct)
    return once("results-made-table", name, make), name


def _metrics(found: Sequence[Row]) -> list[str]:
    """The metrics of the file that are known here. Says which are not; raises ValueError if none is."""
    names = dict.fromkeys(row.metric for row in found)
    known, unknown = [n for n in names if n in METRICS], ", ".join(n for n in names if n not in METRICS)
    if unknown and not known:
        raise ValueError(f"the metrics of this file are not known here: {escaped(unknown)}")
    if unknown:
        st.caption(f"Not shown, because they are not known here: {escaped(unknown)}.")
    return known


def _correct(found: Sequence[Row]) -> bool:
    """The choice of photos, if the file says the classes of some."""
    if not any(row.label >= 0 for row in found):
        return False
    return st.toggle(
        "only photos that the model classifies correctly",
        key="results-correct",
        help="Those whose likeliest class is the class that labels.csv gives them.",
    )


def table_of(table: Table, name: str) -> None:
    """Draws the table of means and intervals of all methods, and the numbers of the paper."""
    reference = st.selectbox(
        "Differences are relative to", table.cases, key=f"results-against {name}", format_func=table.labels.__getitem__
    )
    shown = session.once(
        "results-made-lines", (name, reference), lambda: [spoken(line, table) for line in lines(table, reference)]
    )
    st.dataframe(shown, hide_index=True, key="results-table")
    st.caption(head(table, reference))
    for note in notes(table):
        st.caption(note)


def charts(table: Table, name: str) -> list[Case]:
    """Draws the mean curves of the chosen methods with bands, and the mean areas of all methods."""
    usual = [next((c for c in table.cases if c.name == method), None) for method in CHARTED]
    chosen = st.multiselect(
        "Methods in the charts",
        table.cases,
        [case for case in usual if case is not None],
        key=f"results-charted {name}",
        format_func=table.labels.__getitem__,
        max_selections=8,
    )
    grid = st.grid(3, min_column_width=300, gap="medium")
    for metric in table.metrics:
        with grid.container():
            known = METRICS[metric.name]
            st.markdown(f"**{known.label}** · mean curves, with 95 % bands", help=known.explained)
            key = (name, tuple(chosen))
            made = session.once(f"results-made-bands-{metric.name}", key, partial(bands, table, metric.name, chosen))
            alt = f"Mean curves of {len(chosen)} methods"
            st.plotly_chart(made, key=f"results-bands-{metric.name}", config=BARE, alt=alt)
    if {metric.name for metric in table.metrics} >= set(USUAL):
        with grid.container():
            across, up = METRICS["total_variation"].label, METRICS["perturbation"].label
            st.markdown(
                f"**{up} against {across}** · means. Lower: the score falls sooner. Further left: a smoother map, "
                "which is no merit by itself"
            )
            means = session.once("results-made-points", name, lambda: points(table))
            made = charts_of.means(means, paint(table, chosen), (across, up))
            st.plotly_chart(made, key="results-means", config=BARE, alt=f"{up} against {across} of all methods")
    return chosen


def paint(table: Table, chosen: Sequence[Case]) -> dict[str, charts_of.Look]:
    """The look of each chosen case, by its label."""
    return charts_of.looks([(table.labels[case], case.name) for case in chosen])


def bands(table: Table, metric: str, chosen: Sequence[Case]) -> Figure:
    """The chart of the mean curve of each chosen case, with its band."""
    found = {}
    for case in chosen:
        curves = table.curves[metric][table.cases.index(case)]
        found[table.labels[case]] = (curves.mean(0), *interval(curves.T))
    axes = axes_of(METRICS[metric], table.output)
    if axes.x_range:
        return charts_of.bands(found, paint(table, chosen), axes)
    named = ticks(table, metric)
    if not named:
        axes, named = replace(axes, x="point of the curve"), tuple(map(str, range(table.curves[metric].shape[2])))
    return charts_of.bands(found, paint(table, chosen), axes, named)


def ticks(table: Table, metric: str) -> tuple[str, ...]:
    """The names of the points of a curve without a usual range, which the file does not hold: those of a map of the
    model's size. Empty if that is not known."""
    entry, card = METRICS[metric], MODELS.get(table.model)
    if entry.scored or card is None:
        return ()
    (case,) = (one for one in table.metrics if one.name == metric)
    found: tuple[str, ...] = entry.run(torch.zeros(card.size, card.size), **dict(case.knobs)).ticks
    return found if len(found) == table.curves[metric].shape[2] else ()


def label(name: str) -> str:
    """The label of a measure."""
    return measures()[name].label


def points(table: Table) -> list[charts_of.Point]:
    """The mean areas of each method with their intervals."""
    around = {name: (values.mean(1), *interval(values)) for name, values in table.areas.items()}
    both = [around["total_variation"], around["perturbation"]]
    return [
        charts_of.Point(table.labels[case], *((float(m[k]), float(low[k]), float(high[k])) for m, low, high in both))
        for k, case in enumerate(table.cases)
    ]


def draw() -> None:
    """Draws the page."""
    st.markdown("#### What holds over many photos?")
    held = source()
    if held is None:
        st.info("Measure a folder with `python -m attribution.benchmark PHOTOS --out results.db`. Open the file here.")
        return
    name, data = held
    key = f"{name} {blake2b(data, digest_size=8).hexdigest()}"
    try:
        found, thumbnails = once("results-made-rows", key, lambda: read(data))
        table, place = choose(found, key)
    except ValueError as error:
        st.error(f"{capital(str(error))}.", icon=":material/error:")
        return
    table_of(table, place)
    charts(table, place)
    pair(table, place, thumbnails)


if __name__ == "__main__":
    draw()

"""Sweep: how one or two settings change a map. Each cell can be opened in Compare."""

from functools import cache, partial
from typing import Any

import streamlit as st
from plotly.graph_objects import Figure
from torch import Tensor

from attribution import METHODS, METRICS
from attribution.engine.baselines import fingerprint
from attribution.models import CATEGORIES, Model
from dashboard.charts.styles import BARE
from dashboard.charts.sweep import against, grid
from dashboard.controls import polling, progress, resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import TERMS, counted, provenance
from dashboard.pages import COMPARE
from dashboard.stage import pictures, viewer
from dashboard.views.sweep import controls
from dashboard.views.sweep.sweep import Sweep, letter, say
from dashboard.work.models import Models
from dashboard.work.scheduler import View
from dashboard.work.sweep import Found, Look, Place, sweep_work

POLL = 0.5
CHOSEN, CELL = "sweep-chosen", "sweep-cell"
"""Keys: the chosen cell, and its control."""


def looking(subject: Subject, models: Models) -> Look:
    """How the worker prepares the photo for any model. It runs in another thread, without Streamlit."""

    @cache
    def seen(name: str) -> tuple[Tensor, str, int]:
        model = models.get(name, subject.model.device)
        x = model.prepare(subject.source)
        return x, fingerprint(x), model.predict(x, k=1)[0][0]

    def look(name: str) -> tuple[Model, Tensor, str, int]:
        return models.get(name, subject.model.device), *seen(name)

    return look


def ask(sweep: Sweep, experiment: Experiment, subject: Subject) -> View:
    """Requests the sweep; returns its state."""
    key = sweep.key(experiment, subject.image)
    work = partial(sweep_work, key, looking(subject, resources.models()), resources.store(), resources.cells())
    return resources.scheduler().ask(session.name(), "sweep", key, work)


def show(sweep: Sweep, experiment: Experiment, subject: Subject, polling: bool) -> None:
    view = ask(sweep, experiment, subject)
    if polling != view.live:
        st.rerun()
    found: Found = view.snapshot or Found()
    how_far(view, found, len(sweep.places))
    maps(sweep, experiment, subject, found)
    charts(sweep, experiment, found)
    opening(sweep, experiment, found)


def how_far(view: View, found: Found, count: int) -> None:
    """Shows how many cells are done, and at the end their cost."""
    new = sum(cell.new for cell in found.cells.values())
    needed = sum(cell.points for cell in found.cells.values())
    failed = sum(bool(cell.error) for cell in found.cells.values())
    state = progress.state([view])
    words = {
        progress.LIVE: f"{len(found.cells)} of {counted(count, 'map')} · {found.now or 'waiting for its turn'}",
        progress.STOPPED: progress.KEPT,
        progress.FAILED: f"failed: {view.error}",
        progress.DONE: f"complete: {counted(count - failed, 'map')} of {counted(needed, 'gradient')}, "
        f"{new:,} of them computed{f'; {failed} failed' if failed else ''}",
    }
    progress.show(state, found.share, words[state])


def maps(sweep: Sweep, experiment: Experiment, subject: Subject, found: Found) -> None:
    """Shows the maps in the order of the settings. Maps of another size than the photo are left out."""
    shown, others = [], 0
    for place in sweep.places:
        cell = found.cells.get(place)
        if cell is None or cell.heat is None or cell.panel is None:
            continue
        if cell.heat.shape != tuple(subject.x.shape[-2:]):
            others += 1
            continue
        known = ((METRICS[name], cell.areas[name]) for name in experiment.metrics if name in cell.areas)
        areas = " · ".join(f"{metric.label} {area:.{metric.digits}f}" for metric, area in known)
        words = f"{METHODS[sweep.method].title}, {sweep.title(place)}: {areas}"
        shown.append((viewer.Labels(sweep.title(place), "", areas, words), cell.heat))
    viewer.show("sweep", subject.labelled, shown, pictures.PALETTES)
    if others:
        st.caption(f"{counted(others, 'map')} of models with another input size not shown; their areas are below.")
    for place, cell in found.cells.items():
        if cell.error:
            st.error(f"{sweep.title(place)}: {cell.error}", icon=":material/error:")


def charts(sweep: Sweep, experiment: Experiment, found: Found) -> None:
    """Charts of all areas: lines for one setting, heatmaps for two. A click chooses a cell."""
    columns = st.grid(2, min_column_width=320, gap="medium")
    whole = not {"target", "model"} & {axis.knob for axis in sweep.axes}
    for name in experiment.metrics:
        metric, key = METRICS[name], f"sweep-chart-{name}"
        with columns.container():
            st.markdown(f"**{metric.label}** · {metric.reading}", help=TERMS.get(name))
            st.plotly_chart(
                _figure(sweep, found, name, whole),
                key=key,
                config=BARE,
                alt=f"{metric.label} of each map of the sweep",
                on_select=partial(_clicked, key, sweep),
                selection_mode="points",
            )
            if whole and name in found.control:
                st.caption(f"A random order on this photo: {found.control[name]:.{metric.digits}f}.")


def _figure(sweep: Sweep, found: Found, metric: str, whole: bool) -> Figure:
    def area(place: Place) -> float | None:
        cell = found.cells.get(place)
        return None if cell is None or cell.error else cell.areas.get(metric)

    long = [axis for axis in sweep.axes if len(axis.values) > 1] or list(sweep.axes[:1])
    texts = [[say(axis.knob, value) for value in axis.values] for axis in long]
    letters, label = [letter(axis.knob) for axis in long], METRICS[metric].label
    if len(long) == 1:
        control = found.control.get(metric) if whole else None
        values = [v if long[0].knob != "target" else CATEGORIES[v] for v in long[0].values]
        return against(
            values, texts[0], [area(place) for place in sweep.places], sweep.method, label, letters[0], control
        )
    rows = [[area((a, b)) for b in long[1].values] for a in long[0].values]
    return grid(texts[0], texts[1], rows, (letters[0], letters[1], label))


def _clicked(chart: str, sweep: Sweep) -> None:
    points = st.session_state[chart].selection.points
    if points and "customdata" in points[0]:
        chosen = points[0]["customdata"]
        st.session_state[CHOSEN] = sweep.places[int(chosen[0] if isinstance(chosen, list) else chosen)]


def opening(sweep: Sweep, experiment: Experiment, found: Found) -> None:
    """The choice of a cell, which a click on a chart also sets, and the button that opens it in Compare."""
    done = [place for place in sweep.places if place in found.cells and not found.cells[place].error]
    if not done:
        return
    chosen = st.session_state.get(CHOSEN)
    st.session_state[CELL] = place = chosen if chosen in done else done[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = "Cell · click a point, or choose here"
        st.selectbox(label, done, key=CELL, format_func=sweep.title, on_change=_take_cell)
        opens: dict[str, Any] = {"icon": ":material/arrow_forward:", "on_click": session.put}
        if st.button("Open in Compare", key="sweep-open", args=(sweep.opened(experiment, place),), **opens):
            st.switch_page(COMPARE.file)


def _take_cell() -> None:
    st.session_state[CHOSEN] = st.session_state[CELL]


def draw() -> None:
    """Draws the page."""
    st.markdown("#### What does a knob do?")
    experiment, subject = session.present()
    sweep = controls.choose(subject)
    controls.write(sweep)
    live = ask(sweep, experiment, subject).live
    polling.draw("sweep-polling", POLL if live else None, show, sweep, experiment, subject, live)
    st.caption(
        "The other settings are those on the left. The cheapest cells are computed first. Stored gradients are not "
        "recomputed: a larger R uses the samples of a smaller R again."
    )
    st.caption(provenance(subject.model))


if __name__ == "__main__":
    draw()

"""Sweep: what a knob does to a map, or two knobs at once; every cell is a click away from Compare."""

from functools import partial

import streamlit as st
from plotly.graph_objects import Figure
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from attribution import METHODS
from attribution.engine.baselines import fingerprint
from attribution.models import CATEGORIES, Model
from dashboard import areas, figures, pictures, progress, report, resources, sidebar, viewer
from dashboard.cells import Found, Key, sweep_work
from dashboard.experiment import Experiment
from dashboard.jobs import View
from dashboard.subject import Subject, write
from dashboard.sweep import (
    PRESETS,
    USUAL,
    Axis,
    Place,
    Sweep,
    checked,
    choices,
    knobs,
    letter,
    parse,
    read_values,
    tell,
)

POLL = 0.5
NONE = "nothing else"
FIRST = "smooth_taylor:sigma=0.1/0.3/0.5/0.7/1"
QUERY = "sweep"


def current() -> Sweep:
    """The sweep that was set last, or the one that the link names."""
    state = st.session_state
    if QUERY not in state:
        try:
            state[QUERY] = parse(st.query_params.get(QUERY, FIRST))
        except ValueError as error:
            st.warning(f"The link's sweep was not used: {error}.", icon=":material/link_off:")
            state[QUERY] = parse(FIRST)
    found: Sweep = state[QUERY]
    return found


def choose(sweep: Sweep, subject: Subject) -> Sweep:
    """The controls; what cannot be is said in a line, and the last sweep that could be stays."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        for name, text in PRESETS.items():
            st.button(name, on_click=_set, args=(parse(text),), help=text)
    method, first, second = st.columns([2, 3, 3], gap="medium")
    with method:
        chosen = st.selectbox(
            "Method",
            list(METHODS),
            list(METHODS).index(sweep.method),
            format_func=figures.TITLES.__getitem__,
            key="swept",
        )
    if chosen != sweep.method:
        kept = tuple(axis for axis in sweep.axes if axis.knob in knobs(chosen))
        _set(Sweep(chosen, kept or (_usual(knobs(chosen)[0], chosen, subject),)))
        st.rerun()
    try:
        axes = [axis for k, place in enumerate((first, second)) if (axis := _axis(place, sweep, subject, k))]
        made = checked(Sweep(chosen, tuple(axes)))
    except ValueError as error:
        st.error(f"{error}.", icon=":material/error:")
        return sweep
    if made != sweep:
        st.session_state[QUERY] = made
    return made


def _set(sweep: Sweep) -> None:
    st.session_state[QUERY] = sweep
    for name in [name for name in st.session_state if str(name).startswith(("axis-", "values-"))] + ["swept"]:
        st.session_state.pop(name, None)


def _axis(place: DeltaGenerator, sweep: Sweep, subject: Subject, k: int) -> Axis | None:
    """The k-th knob and its values. The second may be none."""
    taken = sweep.axes[k].knob if k < len(sweep.axes) else NONE
    others = {axis.knob for j, axis in enumerate(sweep.axes) if j != k}
    options = [*([NONE] if k else []), *(name for name in knobs(sweep.method) if name not in others)]
    with place:
        label = "and by" if k else "Turned by"
        knob = st.selectbox(label, options, options.index(taken), key=f"axis-{k}", format_func=letter)
        if knob == NONE:
            return None
        values = sweep.axes[k].values if knob == taken else _usual(knob, sweep.method, subject).values
        names, key = choices(knob, sweep.method), f"values-{k}-{knob}"
        if names:
            found = st.multiselect(
                "through", names, [v for v in values if v in names], key=key, format_func=partial(tell, knob)
            )
            return Axis(knob, read_values(sweep.method, knob, [str(value) for value in found]))
        text = st.text_input("through", ", ".join(tell(knob, value) for value in values), key=key)
        return Axis(knob, read_values(sweep.method, knob, text.split(",")))


def _usual(knob: str, method: str, subject: Subject) -> Axis:
    if knob == "target":
        return Axis(knob, tuple(index for index, *_ in subject.predictions[:4]))
    usual = USUAL.get(knob) or choices(knob, method)[:6] or (METHODS[method].knobs[knob].default,)
    return Axis(knob, usual)


def look(subject: Subject, experiment: Experiment) -> tuple[Model, Tensor, str, int]:
    """What a cell is computed on; another model sees the photo in its own size, and says its own class."""
    if experiment.model == subject.model.name:
        target = subject.predictions[0][0] if experiment.target is None else experiment.target
        return subject.model, subject.x, subject.image, target
    model = resources.model(experiment.model)
    x = model.prepare(subject.source)
    target = model.predict(x, k=1)[0][0] if experiment.target is None else experiment.target
    return model, x, fingerprint(x), target


def ask(sweep: Sweep, experiment: Experiment, subject: Subject) -> View:
    key = Key(sweep, experiment, subject.image)
    work = partial(sweep_work, key, partial(look, subject), resources.store(), resources.cells())
    return resources.scheduler().ask(resources.session(), "sweep", key, work)


def show(sweep: Sweep, experiment: Experiment, subject: Subject, polling: bool) -> None:
    view = ask(sweep, experiment, subject)
    if polling != view.live:
        st.rerun()
    found: Found = view.snapshot or Found()
    told(view, found, len(sweep.places))
    maps(sweep, subject, found)
    charts(sweep, found)
    opening(sweep, experiment, found)


def told(view: View, found: Found, count: int) -> None:
    """How many cells there are, and at last what they cost."""
    new = sum(cell.new for cell in found.cells.values())
    needed = sum(cell.points for cell in found.cells.values())
    failed = sum(bool(cell.error) for cell in found.cells.values())
    state = progress.state([view])
    said = {
        progress.LIVE: f"{len(found.cells)} of {count} maps · {found.now or 'waiting for its turn'}",
        progress.STOPPED: progress.KEPT,
        progress.FAILED: f"it failed: {view.error}",
        progress.DONE: f"complete: {count - failed} maps of {needed:,} gradients, {new:,} of them computed"
        + (f"; {failed} failed" if failed else ""),
    }
    progress.show(state, found.share, said[state])


def maps(sweep: Sweep, subject: Subject, found: Found) -> None:
    """The maps, in the order of the knobs; those of another size than the photo's cannot lie beside it."""
    shown, others = [], 0
    for place in sweep.places:
        cell = found.cells.get(place)
        if cell is None or cell.heat is None or cell.panel is None:
            continue
        if cell.heat.shape != tuple(subject.x.shape[-2:]):
            others += 1
            continue
        said = f"AUPC {cell.aupc:.2f} · AUTVC {cell.autvc:.2f}"
        words = f"{figures.TITLES[sweep.method]}, {sweep.title(place)}: {said}"
        shown.append((viewer.Labels(sweep.title(place), "", said, words), cell.heat))
    viewer.show("sweep", subject.labelled, shown, pictures.PALETTES)
    if others:
        st.caption(f"{others} maps are of models with another input size: their areas are below.")
    for place, cell in found.cells.items():
        if cell.error:
            st.error(f"{sweep.title(place)}: {cell.error}", icon=":material/error:")


def charts(sweep: Sweep, found: Found) -> None:
    """Both areas: lines over one knob, heat maps over two. A click chooses the cell that can be opened."""
    grid = st.grid(2, min_column_width=320, gap="medium")
    for name, title in (("aupc", "AUPC, lower is better"), ("autvc", "AUTVC, lower is smoother, not truer")):
        with grid.container():
            st.markdown(f"**{title.split(',')[0]}** ·{title.split(',', 1)[1]}")
            figure = _figure(sweep, found, name)
            st.plotly_chart(
                figure,
                key=f"sweep-{name}",
                config=figures.BARE,
                alt=f"{name.upper()} of each map of the sweep",
                on_select=partial(_clicked, f"sweep-{name}", sweep),
                selection_mode="points",
            )
            if name == "aupc" and found.control is not None and not {"target", "model"} & {a.knob for a in sweep.axes}:
                st.caption(f"A random order on this photo: {found.control:.2f}.")


def _figure(sweep: Sweep, found: Found, name: str) -> Figure:
    def area(place: Place) -> float | None:
        cell = found.cells.get(place)
        return None if cell is None or cell.error else float(getattr(cell, name))

    long = [axis for axis in sweep.axes if len(axis.values) > 1] or list(sweep.axes[:1])
    texts = [[tell(axis.knob, value) for value in axis.values] for axis in long]
    letters = [letter(axis.knob) for axis in long]
    if len(long) == 1:
        control = found.control if name == "aupc" and long[0].knob not in ("target", "model") else None
        values = [v if long[0].knob != "target" else CATEGORIES[v] for v in long[0].values]
        return areas.against(
            values, texts[0], [area(place) for place in sweep.places], sweep.method, name.upper(), letters[0], control
        )
    rows = [[area((a, b)) for b in long[1].values] for a in long[0].values]
    return areas.grid(texts[0], texts[1], rows, (letters[0], letters[1], name.upper()))


def _clicked(chart: str, sweep: Sweep) -> None:
    points = st.session_state[chart].selection.points
    if points and "customdata" in points[0]:
        chosen = points[0]["customdata"]
        st.session_state.cell = sweep.places[int(chosen[0] if isinstance(chosen, list) else chosen)]


def opening(sweep: Sweep, experiment: Experiment, found: Found) -> None:
    """One cell is chosen, here or by a click, and opened in Compare."""
    done = [place for place in sweep.places if place in found.cells and not found.cells[place].error]
    if not done:
        return
    if st.session_state.get("cell") not in done:
        st.session_state.cell = done[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.selectbox("Cell · click a point, or choose here", done, key="cell", format_func=sweep.title)
        icon, cell = ":material/arrow_forward:", sweep.opened(experiment, place)
        if st.button("Open in Compare", key="open-cell", icon=icon, on_click=write, args=(cell,)):
            st.switch_page("views/compare.py")


st.markdown("#### What does a knob do?")
experiment, subject = sidebar.present()
sweep = choose(current(), subject)
st.query_params[QUERY] = sweep.text
live = ask(sweep, experiment, subject).live
st.fragment(show, run_every=POLL if live else None)(sweep, experiment, subject, live)
st.caption(
    "The other knobs are those on the left. Cells are computed cheapest first, and what is remembered is not computed "
    "again: a larger R goes on from a smaller one, with the very same noise."
)
st.caption(report.provenance(subject.model.name, str(subject.model.device)))

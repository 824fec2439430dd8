"""The controls of a sweep. They show the only copy in the session, and their callbacks write it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attribution import METHODS
from dashboard.controls import address, methods, session
from dashboard.experiment.choices import same_classes
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.own import own_knobs
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import escaped
from dashboard.views.sweep import others
from dashboard.views.sweep.sweep import (
    PRESETS,
    Axis,
    Sweep,
    checked,
    choices,
    knobs,
    letter,
    parse,
    read_values,
    usual,
    with_axis,
    with_method,
)

SETTING, OTHERS = "sweep-setting", "sweep-others"
"""Keys: the sweep, and the methods that were chosen beside it."""
WRONG, TRAIL = "sweep-wrong", "sweep-trail"
"""Keys: rejected values with their place, text and error; the known URLs."""
NONE = "none"
FIRST = "smooth_taylor:sigma=0.1/0.3/0.5/0.7/1"
QUERY, BESIDE = "sweep", "beside"
"""The names of the sweep and of the methods beside it in the URL."""


def read() -> None:
    """Reads the sweep from the URL when a link opens the page, and after Back or Forward."""
    found = address.news(TRAIL, QUERY, (QUERY, BESIDE)) or {}
    if QUERY in found:
        try:
            st.session_state[SETTING] = parse(found[QUERY], session.experiment().model)
        except ValueError as error:
            st.warning(f"The link's sweep was not used: {error}.", icon=":material/link_off:")
    if found:
        chosen, wrong = others.read(found.get(BESIDE, ""))
        _choose_others(chosen)
        if wrong:
            words = f"Not all methods of the link are in the charts: {escaped(wrong)}."
            st.warning(words, icon=":material/link_off:")
    address.applied(TRAIL)


def write(sweep: Sweep) -> None:
    """Writes the sweep and the methods beside it to the address. A sweep that waits for its model stays there."""
    held: Sweep | None = st.session_state.get(SETTING)
    if held is not None and same_classes(held.model, session.experiment().model):
        sweep = held
    beside = others.text(st.session_state.get(OTHERS))
    query = {QUERY: sweep.text, **({BESIDE: beside} if beside else {})}
    if address.named((QUERY, BESIDE)) != query:
        address.send(TRAIL, query, (QUERY, BESIDE))


def current() -> Sweep:
    """The present sweep, for the model that is shown: with other classes than it had, a sweep over classes has no
    meaning. It is kept: the chosen model, which has these classes, may come."""
    found: Sweep | None = st.session_state.get(SETTING)
    experiment, model = session.experiment(), session.present()[1].model.name
    if found is None or (any(axis.knob == "target" for axis in found.axes) and not same_classes(found.model, model)):
        return _of(parse(FIRST), experiment, model)
    st.session_state[SETTING] = found = _of(found, experiment, model)
    return found


def _of(sweep: Sweep, experiment: Experiment, model: str) -> Sweep:
    """The sweep, for this model, with the methods beside it."""
    found = replace(sweep, model=model)
    return replace(found, beside=others.shown(found, experiment, st.session_state.get(OTHERS)))


def put(sweep: Sweep, place: int = -1, text: str = "") -> None:
    """Sets the sweep. If it is too large, an error is shown and the last sweep stays."""
    try:
        st.session_state[SETTING] = checked(sweep)
        st.session_state.pop(WRONG, None)
    except ValueError as error:
        st.session_state[WRONG] = (place, text, str(error))


def choose(subject: Subject) -> Sweep:
    """Draws the controls. For values that are not allowed, an error is shown and the last sweep stays."""
    read()
    sweep, classes = current(), [index for index, *_ in subject.predictions]
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        for number, (name, text) in enumerate(PRESETS.items()):
            st.button(name, key=f"sweep-preset-{number}", on_click=put, args=(parse(text, sweep.model),), help=text)
        swept = {axis.knob for axis in sweep.axes}
        drawn = (sweep.method, *sweep.beside)
        methods.of_page({one: [name for name in own_knobs(one) if name not in swept] for one in drawn})
    method, first, second = st.columns([2, 3, 3], gap="medium")
    with method:
        st.selectbox(
            "Method",
            list(METHODS),
            list(METHODS).index(sweep.method),
            format_func=lambda name: METHODS[name].title,
            key=session.show("sweep-method", sweep.method),
            on_change=lambda: put(with_method(current(), session.value("sweep-method"), classes)),
        )
        _beside(sweep)
    for k, place in enumerate((first, second)):
        with place:
            _axis(place, sweep, classes, k)
    if WRONG in st.session_state:
        st.error(f"{st.session_state[WRONG][2]}.", icon=":material/error:")
    return sweep


def _beside(sweep: Sweep) -> None:
    """Draws the choice of the methods beside the swept one."""
    shown, names = list(sweep.beside), [name for name in METHODS if name != sweep.method]
    with st.popover("Also in the charts", icon=":material/stacked_line_chart:", width="stretch"):
        st.multiselect(
            f"Other methods and controls, at most {others.MOST}",
            names,
            shown,
            key=session.show("sweep-beside", shown),
            format_func=methods.said,
            max_selections=others.MOST,
            on_change=lambda: _choose_others(tuple(session.value("sweep-beside"))),
            help="To compare the areas with. The settings of the sweep hold for them too, where they have them. "
            f"{methods.CONTROLS} At first these are the controls that cost no gradients here; other methods cost their "
            "own.",
        )


def _choose_others(names: others.Chosen) -> None:
    st.session_state[OTHERS] = None if names is None else others.chosen(names, current(), session.experiment())


def _axis(place: DeltaGenerator, sweep: Sweep, classes: Sequence[int], k: int) -> None:
    """Draws the k-th setting and its values. The second setting is optional."""
    axis = sweep.axes[k] if k < len(sweep.axes) else None
    others = {other.knob for j, other in enumerate(sweep.axes) if j != k}
    options = [*([NONE] if k else []), *(name for name in knobs(sweep.method) if name not in others)]
    chosen = axis.knob if axis else NONE
    key = session.show(f"sweep-axis-{k}", chosen)
    label, taken = "Second setting" if k else "Setting", partial(_take_axis, k, classes)
    st.selectbox(label, options, options.index(chosen), key=key, format_func=letter, on_change=taken)
    if axis is not None:
        _values(sweep, axis, k)


def _take_axis(k: int, classes: Sequence[int]) -> None:
    sweep, knob = current(), session.value(f"sweep-axis-{k}")
    put(with_axis(sweep, k, None if knob == NONE else usual(knob, sweep.method, classes)))


def _values(sweep: Sweep, axis: Axis, k: int) -> None:
    name, names = f"sweep-values-{k}", choices(axis.knob, sweep.method, sweep.model)
    place, text, _ = st.session_state.get(WRONG, (-1, "", ""))
    if names:
        chosen, words = list(axis.values), partial(sweep.say, axis.knob)
        given: dict[str, Any] = {"key": session.show(name, chosen), "format_func": words}
        st.multiselect("Values", names, chosen, on_change=_take_values, args=(k, name), **given)
    else:
        shown = text if place == k else ", ".join(sweep.say(axis.knob, value) for value in axis.values)
        key = session.show(name, shown)
        st.text_input("Values", shown, key=key, on_change=_take_values, args=(k, name))


def _take_values(k: int, name: str) -> None:
    sweep, given = current(), session.value(name)
    knob, texts = sweep.axes[k].knob, given.split(",") if isinstance(given, str) else [str(value) for value in given]
    try:
        values = read_values(sweep.method, knob, texts, sweep.model)
    except ValueError as error:
        st.session_state[WRONG] = (k, given, str(error))
        return
    put(with_axis(sweep, k, Axis(knob, values)), k, given)

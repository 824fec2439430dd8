"""Which methods are compared, and the knobs that one of them has to itself: controls made from its signature."""

from typing import Any

import streamlit as st

from attribution import METHODS
from attribution.registry import Choice, Knob, Range
from dashboard.figures import TITLES
from dashboard.knobs import COMPARED, MOST_METHODS, Own, own_knobs, own_of, shared

PREFIX = "own-"


def choose() -> list[str]:
    """The methods, and under them what each can be turned by besides the sliders."""
    st.markdown("**Methods**")
    state = st.session_state
    st.multiselect(
        "Compared · a new one costs its own gradients",
        list(METHODS),
        key="methods",
        format_func=TITLES.__getitem__,
        max_selections=MOST_METHODS,
        help="Those on one path, or in one cloud of noise, look at the same points where their settings allow it.",
    )
    chosen: list[str] = state.methods or list(COMPARED)
    held = {(method, knob): value for method, knob, value in state.own}
    for method in chosen:
        names = own_knobs(method)
        if names:
            with st.expander(f"{TITLES[method]} · its own knobs"):
                for name in names:
                    held[method, name] = _control(method, METHODS[method].knobs[name], held)
    state.own = own_of(held)
    return chosen


def _control(method: str, knob: Knob, held: dict[tuple[str, str], Any]) -> Any:
    """A control for the knob; what it stands at."""
    key, value, allowed = f"{PREFIX}{method}-{knob.name}", held.get((method, knob.name), knob.default), knob.allowed
    label, told = knob.name, f"{knob.help[0].upper()}{knob.help[1:]}."
    if knob.type is bool:
        return st.toggle(label, value, key=key, help=told)
    if isinstance(allowed, Choice):
        return st.selectbox(label, allowed.names, allowed.names.index(value), key=key, help=told)
    assert isinstance(allowed, Range)
    if knob.type is int:
        return st.number_input(label, int(allowed.low), int(allowed.high), value, key=key, help=told)
    step = 0.0001 if value < 0.01 else 0.01
    found = st.number_input(label, allowed.low, allowed.high, value, step, format="%g", key=key, help=told)
    return round(float(found), 6)


def forget() -> None:
    """Other values are set: the controls are to be drawn at those."""
    for name in [name for name in st.session_state if str(name).startswith(PREFIX)]:
        del st.session_state[name]


def equal_budget(methods: list[str], gradients: int, own: Own) -> tuple[dict[str, Any], Own]:
    """Sliders and own knobs by which each method that can take more than one gradient takes so many, or a few less."""
    held = {(method, knob): value for method, knob, value in own}
    sliders: dict[str, Any] = {}
    for method in methods:
        knobs = METHODS[method].knobs
        values = {name: held.get((method, name), knob.default) for name, knob in knobs.items()}
        for name in ("samples", "steps"):
            if name not in knobs:
                continue
            each = values.get("iterations", 1) * 2 * values.get("classes", 0.5)
            allowed = knobs[name].allowed
            assert isinstance(allowed, Range)
            count = int(min(max(gradients // each - ("iterations" in values), allowed.low), allowed.high))
            if shared(method, name):
                sliders[name] = count
            else:
                held[method, name] = count
    return sliders, own_of(held)

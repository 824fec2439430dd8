"""Which methods are compared, and the method settings: controls that are made from a method's declared knobs."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from attribution import METHODS
from attribution.registry import Choice, Knob, Range
from dashboard.controls import session
from dashboard.experiment.own import own_knobs, own_of

CONTROLS = "A control is not a method: it is a map that does not look at the model, or has nothing to find."


def choose(settings: bool) -> None:
    """Draws the choice of methods; with `settings`, those of each method that the shared controls do not cover."""
    st.markdown("**Methods**")
    st.multiselect(
        "Compared methods · a new method costs its own gradients",
        list(METHODS),
        session.shown("methods"),
        key=session.place("methods"),
        on_change=session.take,
        args=("methods",),
        format_func=said,
        help="Methods that use the same path or the same noisy samples share gradients if their settings allow it. "
        f"{CONTROLS} A method should do better.",
    )
    _controls(session.experiment().methods)
    for method in session.experiment().methods if settings else ():
        if names := own_knobs(method):
            with st.expander(f"{METHODS[method].title} · method settings"):
                _settings(method, names)


def _controls(chosen: Sequence[str]) -> None:
    """Draws the button that adds all controls to the chosen methods, or takes them away if all are there."""
    known = [name for name, method in METHODS.items() if method.control]
    adds = not set(known) <= set(chosen)
    st.button(
        "Add the controls" if adds else "Remove the controls",
        key="control-controls",
        on_click=session.change,
        kwargs={"methods": tuple(dict.fromkeys([*chosen, *known]) if adds else (m for m in chosen if m not in known))},
        help=f"{', '.join(METHODS[name].title for name in known)}. Random orders are always there.",
        width="stretch",
    )


def of_page(settings: Mapping[str, Sequence[str]]) -> None:
    """Draws settings of single methods, for a page that does not show the compared ones: names by method."""
    if any(settings.values()):
        with st.popover("Method settings", icon=":material/tune:"):
            for method, names in settings.items():
                if names:
                    st.markdown(f"**{METHODS[method].title}**")
                    _settings(method, names)


def _settings(method: str, names: Sequence[str]) -> None:
    for name in names:
        _control(method, METHODS[method].knobs[name])


def said(method: str) -> str:
    """The title of a method where one is chosen."""
    return f"{METHODS[method].title} · control" if METHODS[method].control else METHODS[method].title


def _name(method: str, knob: str) -> str:
    return f"control-own-{method}-{knob}"


def _take(method: str, knob: str) -> None:
    value = session.value(_name(method, knob))
    if METHODS[method].knobs[knob].type is float:
        value = round(float(value), 6)
    held = {(of, name): held for of, name, held in session.experiment().own} | {(method, knob): value}
    session.change(own=own_of(held))


def _control(method: str, knob: Knob) -> None:
    """A control for the knob, with its present value."""
    allowed = knob.allowed
    value = session.experiment().every_knob(method)[knob.name]
    given: dict[str, Any] = {
        "key": session.show(_name(method, knob.name), value),
        "help": f"{knob.help}.",
        "on_change": _take,
    }
    given["args"] = (method, knob.name)
    if knob.type is bool:
        st.toggle(knob.name, value, **given)
    elif isinstance(allowed, Choice):
        st.selectbox(knob.name, allowed.names, allowed.names.index(value), **given)
    elif knob.type is int:
        assert isinstance(allowed, Range)
        st.number_input(knob.name, int(allowed.low), int(allowed.high), value, **given)
    else:
        assert isinstance(allowed, Range)
        step = 0.0001 if value < 0.01 else 0.01
        st.number_input(knob.name, allowed.low, allowed.high, value, step=step, format="%g", **given)

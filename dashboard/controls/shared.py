"""The controls of the experiment's fields, grouped under headings."""

from collections.abc import Collection
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attribution import METHODS
from attribution.engine.baselines import make_baselines
from attribution.images import to_picture
from attribution.registry import Choice, Range
from dashboard.charts.looks import baseline_name
from dashboard.controls import search, session, settle
from dashboard.experiment.choices import further
from dashboard.experiment.experiment import FIELDS
from dashboard.experiment.fields import SHARED, Control
from dashboard.experiment.own import COMPARED, shared
from dashboard.experiment.subject import Subject
from dashboard.pages import COMPARE, Page
from dashboard.stage.pictures import data_url


def draw(group: str, subject: Subject, page: Page, elsewhere: Collection[str] = ()) -> None:
    """Draws the controls of one heading that a page uses, in the order of their declarations; but not those `elsewhere`
    on the page."""
    names = [name for name, field in FIELDS.items() if field.control and field.control.group == group]
    names = [name for name in names if page.has(name)]
    if not names:
        return
    followers = dict.fromkeys((*COMPARED, *(field.of for field in SHARED.values())))
    # The seed belongs to every method.
    turned = [METHODS[one].title for one in followers if any(shared(one, name) for name in names if name != "seed")]
    st.markdown(f"**{group}** · {', '.join(turned)}" if turned else f"**{group}**")
    for name in names:
        if name == "baseline" and name not in elsewhere:
            _baseline(subject)
        elif name not in elsewhere:
            control(name, st.container())
        if name == "sigma":
            _range(subject)
        if page is COMPARE and name == "sigma":  # it alone shows what the buttons find
            search.buttons()
        if page is COMPARE and name == "samples":
            settle.buttons(subject)


def control(name: str, where: DeltaGenerator) -> None:
    """Draws the control of a field with its present value."""
    field = FIELDS[name]
    how, allowed = field.control, field.allowed
    assert how is not None
    given: dict[str, Any] = {"help": how.help, "on_change": session.take, "args": (name,), "key": session.place(name)}
    given["disabled"] = not how.enabled(session.experiment())
    if isinstance(allowed, Range):
        whole = isinstance(getattr(session.experiment(), name), int)
        ends: Any = (int(allowed.low), int(allowed.high)) if whole else (allowed.low, allowed.high)
        step: Any = {} if how.step is None else {"step": how.step}
        draw: Any = where.slider if how.kind == "slider" else where.number_input
        draw(how.label, *ends, value=session.shown(name), **step, **given)
        return
    options = list(allowed.names) if isinstance(allowed, Choice) else list(further())
    _names(how, options, session.shown(name), where, given)


def _names(how: Control, options: list[str], value: Any, where: DeltaGenerator, given: dict[str, Any]) -> None:
    shown = {**given, "format_func": how.words}
    if how.kind == "select":
        where.selectbox(how.label, options, options.index(value), **shown)
    elif how.kind == "segmented":
        where.segmented_control(how.label, options, default=value, required=True, **shown)
    else:
        where.pills(how.label, options, default=value, selection_mode="multi", **shown)


def _range(subject: Subject) -> None:
    """Shows how large sigma is relative to the photo. The text does not use the present sigma, so it is never late."""
    if subject.spread:
        st.caption(f"A σ of 1 would be {1 / subject.spread:.0%} of the range of this photo's values.")
    else:
        st.caption("All values of this photo are equal.")


def _baseline(subject: Subject) -> None:
    """Draws the control of the baseline, and the baseline image beside it."""
    choice, preview = st.columns([3, 1], vertical_alignment="bottom")
    control("baseline", choice)
    kind, seed = session.experiment().baseline, session.experiment().seed

    def made() -> str:
        baseline = make_baselines(subject.model, subject.x, kind, 1, seed)[0].image
        return data_url(to_picture(subject.model.pixels(baseline)))

    picture = session.once("session-thumbnail", (subject.image, subject.model.digest, kind, seed), made)
    preview.image(picture, width="stretch", alt=f"The baseline: {baseline_name(kind)}")

"""The sidebar: the controls of the experiment that all pages show, and its cost."""

from uuid import uuid4

import streamlit as st

from attribution.models import Model
from dashboard.controls import address, knobs, methods, model, photo, pins, session, shared, visit
from dashboard.experiment.budget import equal_budget, fewer
from dashboard.experiment.choices import PAPER
from dashboard.experiment.declarations import MEASUREMENT, NOISE, PATH
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.knobs import KNOBS
from dashboard.experiment.words import counted, duration
from dashboard.pages import page_at


def draw(page: str) -> None:
    """Draws the controls, and writes the experiment to the URL. Pages read it from `session.present`."""
    address.read(page)
    with st.sidebar:
        visit_place = st.container(key="control-visit-place")  # first, so its place is the same in every run
        image, name = photo.choose()
        seen = st.container()
        chosen = model.choose()
        subject = photo.subject_of(image, name, chosen)
        photo.cut(subject, seen)
        model.choose_class(subject.predictions)
        if "output" not in page_at(page).without:
            shared.control("output", st.container())
        methods.choose()
        for group in (NOISE, PATH, MEASUREMENT):
            shared.draw(group, subject, KNOBS if knobs.on_stage(page) else ())
        _buttons()
        _cost(session.experiment(), chosen)
        pins.show(session.experiment())
        with visit_place:
            visit.mount(page, uuid4().hex)  # after all controls: its rerun would end the run before they are drawn
    address.write(page)
    session.drawn(subject)
    visit.keep()


def _buttons() -> None:
    st.button(
        "Equal budget: R gradients each",
        key="control-equal-budget",
        on_click=lambda: session.put(equal_budget(session.experiment(), session.experiment().samples)),
        help=f"Sets every method to R gradients, or slightly fewer. {fewer()}",
        width="stretch",
    )
    st.button(
        "Paper settings",
        key="control-paper",
        on_click=lambda: session.change(**PAPER),
        help="The settings of the SmoothTaylor paper: σ 0.5, R 150, M 50, black baseline, P 50.",
        width="stretch",
    )


def _cost(experiment: Experiment, model: Model) -> None:
    gradient, forward = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
    cost = experiment.cost
    text = f"At most **{counted(cost.gradients, 'gradient')}** and {counted(cost.passes, 'forward pass')}"
    if gradient is None or forward is None:
        st.caption(f"{text}. The time is known after the first batch.")
    else:
        seconds = gradient * cost.gradients + forward * cost.passes
        st.caption(f"{text}: about **{duration(seconds)}** on this {model.device.type.upper()}.")

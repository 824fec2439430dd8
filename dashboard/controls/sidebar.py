"""The controls of the one experiment that all pages look at, and what it costs."""

import streamlit as st

from attribution.models import Model
from dashboard.controls import address, methods, model, photo, pins, session, shared, visit
from dashboard.experiment.budget import equal_budget
from dashboard.experiment.choices import PAPER
from dashboard.experiment.experiment import MEASUREMENT, NOISE, PATH, Experiment
from dashboard.experiment.words import counted, duration


def draw(page: str) -> None:
    """Draws the controls, and writes the experiment to the address; `session.present` returns it to the pages."""
    address.read(page)
    with st.sidebar:
        visit.mount()  # not beside the page: what is there must keep its place
        image, name = photo.choose()
        seen = st.container()
        chosen = model.choose()
        subject = photo.subject_of(image, name, chosen)
        photo.cut(subject, seen)
        model.choose_class(subject.predictions)
        methods.choose()
        for group in (NOISE, PATH, MEASUREMENT):
            shared.draw(group, subject)
        _buttons()
        _cost(session.experiment(), chosen)
        pins.show(session.experiment())
    address.write()
    session.drawn(subject)
    visit.keep()


def _buttons() -> None:
    st.button(
        "Equal budget: R gradients each",
        key="control-equal-budget",
        on_click=lambda: session.put(equal_budget(session.experiment(), session.experiment().samples)),
        help="Every method may take as many gradients as R says, or nearly: only their use differs. Left-IG and "
        "Right-IG take only their part of them, and AGI stops where a class is reached.",
        width="stretch",
    )
    st.button(
        "Paper settings",
        key="control-paper",
        on_click=lambda: session.change(**PAPER),
        help="σ 0.5, R 150, M 50, black baseline, P 50: those of the SmoothTaylor paper.",
        width="stretch",
    )


def _cost(experiment: Experiment, model: Model) -> None:
    gradient, forward = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
    cost = experiment.cost
    text = f"At most **{counted(cost.gradients, 'gradient')}** and {counted(cost.passes, 'forward pass')}"
    if gradient is None or forward is None:
        st.caption(f"{text}. The time they take here is known after the first batch.")
    else:
        seconds = gradient * cost.gradients + forward * cost.passes
        st.caption(f"{text}: about **{duration(seconds)}** on this {model.device.type.upper()}.")

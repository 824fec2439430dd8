"""The sidebar: the controls of the experiment that a page uses, the cost on Compare, and the pins."""

from collections.abc import Collection
from uuid import uuid4

import streamlit as st

from attribution.models import Model
from dashboard.controls import address, knobs, methods, model, photo, pins, session, shared, visit
from dashboard.experiment.budget import equal_budget, fewer
from dashboard.experiment.choices import PAPER
from dashboard.experiment.declarations import MEASUREMENT, NOISE, PATH
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.knobs import KNOBS
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import counted, duration
from dashboard.pages import COMPARE, SUBJECT, Page, page_at


def draw(page: str) -> None:
    """Draws the controls, and writes the experiment to the URL. Pages read it from `session.present`."""
    address.read(page)
    here = page_at(page)
    with st.sidebar:
        visit_place = st.container(key="control-visit-place")  # first, so its place is the same in every run
        address.not_used()
        subject = _subject() if here.has(*SUBJECT) else None
        if subject is None:
            st.caption("This page has no settings. Those of the other pages stay as they are.")
        else:
            _settings(here, subject, KNOBS if knobs.on_stage(page) else ())
        pins.show(session.experiment())
        with visit_place:
            visit.mount(page, uuid4().hex)  # after all controls: its rerun would end the run before they are drawn
    address.write(page)
    if subject is not None:
        session.drawn(subject)
    visit.keep()


def _subject() -> Subject:
    """Draws the choice of photo, model and class."""
    image, name = photo.choose()
    seen = st.container()
    subject = photo.subject_of(image, name, model.choose())
    photo.cut(subject, seen)
    model.choose_class(subject)
    return subject


def _settings(here: Page, subject: Subject, elsewhere: Collection[str]) -> None:
    """Draws all other controls, but not those `elsewhere` on the page."""
    if here.has("output"):
        shared.control("output", st.container())
    if here.has("methods"):
        methods.choose(here.has("own"))
    for group in (NOISE, PATH, MEASUREMENT):
        shared.draw(group, subject, here, elsewhere)
    # A button is there where all that it sets can be seen.
    if here.has("methods", "own", "samples", "steps", "draws"):
        st.button(
            "Equal budget: R gradients each",
            key="control-equal-budget",
            on_click=lambda: session.put(equal_budget(session.experiment(), session.experiment().samples)),
            help=f"Sets every method to R gradients, or slightly fewer. {fewer()}",
            width="stretch",
        )
    if here.has(*PAPER):
        st.button(
            "Paper settings",
            key="control-paper",
            on_click=lambda: session.change(**PAPER),
            help="The settings of the SmoothTaylor paper: σ 0.5, R 150, M 50, black baseline, P 50.",
            width="stretch",
        )
    if here is COMPARE:
        _cost(session.experiment(), subject.model)


def _cost(experiment: Experiment, model: Model) -> None:
    gradient, forward = model.gradient_batch.seconds_per_point, model.value_batch.seconds_per_point
    cost = experiment.cost
    text = f"At most **{counted(cost.gradients, 'gradient')}** and {counted(cost.passes, 'forward pass')}"
    if gradient is None or forward is None:
        st.caption(f"{text}. The time is known after the first batch.")
    else:
        seconds = gradient * cost.gradients + forward * cost.passes
        st.caption(f"{text}: about **{duration(seconds)}** on this {model.device.type.upper()}.")

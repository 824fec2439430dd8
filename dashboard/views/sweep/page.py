"""Sweep: how one or two settings change a map. Each cell can be opened in Compare."""

from dataclasses import replace
from functools import cache
from typing import Any

import streamlit as st
from torch import Tensor

from attribution.engine.baselines import fingerprint
from attribution.models import Model
from dashboard.controls import boards, resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.experiment.words import listed, provenance
from dashboard.pages import COMPARE
from dashboard.views.sweep import controls
from dashboard.views.sweep.board import SweepBoard
from dashboard.views.sweep.sweep import Sweep
from dashboard.work.models import Models
from dashboard.work.sweep import Prepare

CHOSEN, CELL = "sweep-chosen", "sweep-cell"
"""Keys: the chosen cell, and its control."""


def preparing(subject: Subject, models: Models) -> Prepare:
    """How the worker prepares the photo for any model. It runs in another thread, without Streamlit."""

    @cache
    def seen(name: str) -> tuple[Tensor, str, int]:
        model = models.get(name, subject.model.device)
        x = model.prepare(subject.source)
        return x, fingerprint(x), model.predict(x, k=1)[0][0]

    def prepare(name: str) -> tuple[Model, Tensor, str, int]:
        return models.get(name, subject.model.device), *seen(name)

    return prepare


def board(sweep: Sweep, experiment: Experiment, subject: Subject) -> SweepBoard:
    """The board of this session. It is of the model that is shown: the chosen one may not be here."""
    shown = replace(experiment, model=subject.model.name)
    prepare, given = preparing(subject, resources.models()), (resources.store(), shown, subject, sweep)
    return SweepBoard(resources.scheduler(), session.name(), *given, prepare, resources.cells())


def opening(sweep: Sweep, experiment: Experiment) -> None:
    """The choice of a cell, which a click on a chart also sets, and the button that opens it in Compare."""
    chosen = st.session_state.get(CHOSEN)
    st.session_state[CELL] = place = chosen if chosen in sweep.places else sweep.places[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = "Cell · click a point, or choose here"
        st.selectbox(label, sweep.places, key=CELL, format_func=sweep.title, on_change=_take_cell)
        opens: dict[str, Any] = {"icon": ":material/arrow_forward:", "on_click": session.put}
        if st.button("Open in Compare", key="sweep-open", args=(sweep.opened(experiment, place),), **opens):
            st.switch_page(COMPARE.file)
    if unlike := sweep.unlike_opened(experiment, place):
        st.caption(f"Compare cannot hold this value: it opens {listed(unlike)}.")


def _take_cell() -> None:
    st.session_state[CHOSEN] = st.session_state[CELL]


def draw() -> None:
    """Draws the page."""
    st.markdown("#### What does a knob do?")
    experiment, subject = session.present()
    sweep = controls.choose(subject)
    controls.write(sweep)

    def clicked(values: dict[str, Any]) -> None:
        if values.get("cell") in range(len(sweep.places)):
            st.session_state[CHOSEN] = sweep.places[values["cell"]]

    boards.show("sweep", board(sweep, experiment, subject), clicked)
    opening(sweep, experiment)
    st.caption(
        "The other settings are those in the sidebar, and those of the method above. The cheapest cells are computed "
        "first. Stored gradients are not recomputed: a larger R uses the samples of a smaller R again."
    )
    st.caption(provenance(subject.model, experiment.output))


if __name__ == "__main__":
    draw()

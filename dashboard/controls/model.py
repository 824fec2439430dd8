"""The model and the class. Weights are downloaded if needed. If loading fails, the last model stays."""

import streamlit as st

from attribution import MODELS
from attribution.models import CATEGORIES, Model, download
from dashboard.controls import polling, resources, session
from dashboard.experiment.choices import PREDICTED
from dashboard.experiment.experiment import FIELDS, Experiment
from dashboard.experiment.words import Prediction
from dashboard.work.scheduler import View

LAST = "session-last-model"
SLOT = "weights"
POLL = 0.5
"""Seconds between updates of the progress of a download."""


def choose() -> Model:
    """The chosen model; while it cannot be loaded, the last model that could."""
    st.selectbox(
        "Model",
        list(MODELS),
        list(MODELS).index(session.shown("model")),
        key=session.place("model"),
        on_change=session.take,
        args=("model",),
        format_func=FIELDS["model"].say,
        help="The first model is installed with the dashboard. Weights of others are downloaded at first use.",
    )
    name = session.experiment().model
    if MODELS[name].file.exists() or _downloaded(name):
        try:
            model = resources.model(name)
        except ValueError as error:
            _unusable(name, f"{error}.")
        else:
            st.session_state[LAST] = name
            return model
    return resources.model(_last())


def _last() -> str:
    return str(st.session_state.get(LAST, Experiment().model))


def _unusable(name: str, why: str) -> None:
    """Shows the error in one line, and a button to return to the last model."""
    last = MODELS[_last()].title
    st.error(f"{why[0].upper()}{why[1:]} Still showing {last}.", icon=":material/cloud_off:")
    with st.container(horizontal=True):
        st.button("Try again", key="control-download", on_click=_again)
        st.button(f"Back to {last}", key="control-last-model", on_click=lambda: session.change(model=_last()))


def _again() -> None:
    resources.downloads().resume(session.name())


def _ask(name: str) -> View:
    return resources.downloads().ask(session.name(), SLOT, name, lambda: download(name))


def _downloaded(name: str) -> bool:
    """Requests the weights; shows the progress of the download, or why it failed. True when they are here."""
    view = _ask(name)
    if view.state == "failed":
        file = MODELS[name].file
        _unusable(name, f"the weights of {MODELS[name].title} are missing: `{file.name}` belongs in `{file.parent}`.")
        with st.expander("Cause and solution"):
            st.caption(f"{view.error[0].upper()}{view.error[1:]}.")
            st.code(MODELS[name].url, language=None, wrap_lines=True)
            st.code(str(file), language=None, wrap_lines=True)
    elif view.live:
        st.caption(f"Until then {MODELS[_last()].title} is shown.")
        polling.draw("control-download-polling", POLL, _progress, name)
    return view.state == "done"


def _progress(name: str) -> None:
    view = _ask(name)
    if not view.live:
        st.rerun()
    share = view.snapshot or 0.0
    st.progress(share, f"Downloading {MODELS[name].title}: {share:.0%} of {MODELS[name].megabytes:.0f} MB")


def choose_class(predictions: tuple[Prediction, ...]) -> None:
    """The choice of the explained class: the likeliest class, or any other."""
    likely = {index: f"{name} · {probability:.1%}" for index, name, probability, _ in predictions[:5]}
    rest = [index for index in range(len(CATEGORIES)) if index not in likely]
    options = [PREDICTED, *likely, *rest]
    st.selectbox(
        "Class to explain · a change recomputes everything",
        options,
        options.index(session.shown("target")),
        key=session.place("target"),
        on_change=session.take,
        args=("target",),
        format_func=lambda i: f"likeliest: {predictions[0][1]}" if i == PREDICTED else likely.get(i, CATEGORIES[i]),
        help="The five likeliest classes come first. Type to search all 1,000. Another class recomputes all gradients.",
    )

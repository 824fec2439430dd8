"""The search for the best sigma of a photo. Buttons under the sigma control start it; Compare shows it."""

import streamlit as st

from dashboard.controls import resources, session
from dashboard.experiment.experiment import Experiment
from dashboard.experiment.subject import Subject
from dashboard.work.search import Search

OBJECTIVE, SEARCH, SETTLED = "control-search-objective", "control-search", "control-search-settled"
NAMES = {"autvc": "smoothest (AUTVC)", "aupc": "most sensitive (AUPC)"}
SLOT = "search"


def buttons() -> None:
    """The buttons under the sigma control. Each starts a search."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for objective, name in NAMES.items():
            st.button(
                f"Find σ: {name.split(' (')[0]}",
                key=f"control-find-{objective}",
                on_click=_start,
                args=(objective,),
                help=f"Searches σ by adaptive noising for the {name} map: up to 41 maps of R gradients each. Compare "
                "shows the search, and you can stop it there. At the end it sets σ.",
            )


def _start(objective: str) -> None:
    close()
    st.session_state[OBJECTIVE] = objective


def current(experiment: Experiment, subject: Subject) -> Search | None:
    """The search that was started, if any. A change of the photo, model, class or score ends it."""
    objective, place = st.session_state.get(OBJECTIVE), (subject.image, subject.model.name, subject.target)
    output = experiment.output
    if objective is None:
        return None
    search: Search | None = st.session_state.get(SEARCH)
    if search is None:
        search = Search(objective, *place, experiment.samples, experiment.patches, experiment.seed, output)
        st.session_state[SEARCH] = search
    if (search.image, search.model, search.target, search.output) != (*place, output):
        close()
        return None
    return search


def settle(search: Search, sigma: float) -> None:
    """Sets the sigma that a search found; only once."""
    if st.session_state.get(SETTLED) != search:
        st.session_state[SETTLED] = search
        session.change(sigma=round(sigma, 4))


def close() -> None:
    """Forgets the search."""
    resources.scheduler().leave(session.name(), SLOT)
    for name in (OBJECTIVE, SEARCH, SETTLED):
        st.session_state.pop(name, None)

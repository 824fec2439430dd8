"""The experiment <-> the page's address. Back and Forward set the experiment that their address holds."""

import streamlit as st

from dashboard.controls import session
from dashboard.experiment.experiment import NAMES, Experiment

WRITTEN = "session-written"
"""The query that this session wrote last."""


def read() -> None:
    """Takes the experiment from the address when the session begins, and when a person moves through the history."""
    query = st.query_params.to_dict()
    if not session.begun():
        session.put(Experiment.from_query(query))


def write() -> None:
    """Writes the experiment to the address; what else stands there stays."""
    query = st.query_params.to_dict()
    others = {name: value for name, value in query.items() if name not in NAMES.values()}
    wanted = {**others, **session.experiment().to_query()}
    if query != wanted:
        st.query_params.from_dict(wanted)
